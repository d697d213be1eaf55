#!/bin/bash
# millrace-agent as a daemon without a radio: what tells it to end ends it in order, with status 0.
set -u
agent=${MILLRACE_BIN:-build/millrace}-agent
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 077
key=$(printf '5a%.0s' {1..32})
port=$((20000 + $$ % 20000))
printf '%s\n' "station_key = $key" "batch_key = $key" "product = AC-100" "hw_rev = C" "firmware = 1.0" \
	"access_point = wpa2" "ssid_prefix = AC-" "channel = 6" "passphrase = of a test only" "address = 127.0.0.1" "port = $port" > "$dir/conf"

mkdir "$dir/state"
answers() {
	{ exec 3<> "/dev/tcp/127.0.0.1/$port"; } 2> "$dir/not_yet" || return 1
	printf 'GET /v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3
	grep -q '200 OK' <&3
}
begins() {	# WORDS: in front of the agent
	"$@" "$agent" --interface lo --config "$dir/conf" --state "$dir/state" > "$dir/out" 2>&1 &
	child=$!
	for _ in {1..100}; do
		answers && return
		kill -0 "$child" 2> "$dir/gone" || break
		sleep 0.1
	done
	cat "$dir/out"
}
ends() { wait "$child"; status=$?; }
check() { if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: $2, not $3"; fi; }

for signal in HUP INT TERM PIPE; do
	# A background job of a shell ignores INT.
	begins env --default-signal
	kill -s "$signal" "$child"
	ends
	check "SIG$signal ends it in order" "$status" 0
done
begins env --default-signal --ignore-signal=HUP
kill -s HUP "$child"
answers
check "one that nohup started outlives its terminal" $? 0
kill -s TERM "$child"
ends
check "and ends when it is told to" "$status" 0
