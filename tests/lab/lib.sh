# For the suites of the lab: one line per sentence, waiting for conditions with a limit, a factory's keys, devices.
# shellcheck shell=bash
number=0 bad=0
started=()

# is "a sentence" COMMAND...: ok when the command succeeds; where the sentence is on the list of what is not mended yet, when it fails.
is() {
	local sentence=$1 item status
	shift
	number=$((number + 1))
	said+=("$sentence")
	item=$(not_yet "$sentence")
	"$@" > "/tmp/is.$number" 2>&1
	status=$?
	case $status:$item in
	0:) echo "ok $number - $sentence" ;;
	0:*)
		echo "not ok $number - $sentence"
		echo "#   it passes now: take it off tests/lab/not_yet ($item)"
		bad=$((bad + 1))
		;;
	*:)
		echo "not ok $number - $sentence"
		echo "#   $*"
		tail -15 "/tmp/is.$number" | sed 's/^/#   /'
		bad=$((bad + 1))
		;;
	*) echo "ok $number - $sentence # not yet: $item" ;;
	esac
}

# The item that a sentence waits for; nothing for most. tests/lab/not_yet has lines "SUITE: ITEM: SENTENCE".
said=()
not_yet() {
	local s item sentence
	while IFS=: read -r s item sentence; do
		[ "$s" = "$SUITE" ] && [ "${sentence# }" = "$1" ] && echo "${item# }" && return
	done < tests/lab/not_yet
}
# Every entry of the suite's must have had its sentence, or the list says something about nothing.
not_yet_said() {
	local s item sentence
	while IFS=: read -r s item sentence; do
		[ "$s" = "$SUITE" ] || continue
		echo "# waits for ${item# }: ${sentence# }"
		printf '%s\n' "${said[@]}" | grep -qxF -- "${sentence# }" ||
			{ echo "not ok - tests/lab/not_yet: $SUITE has no such sentence: ${sentence# }"; bad=$((bad + 1)); }
	done < tests/lab/not_yet
}

# A program that reports sentences by itself, one "ok" or "not ok" line each.
reports() {
	"$@" || bad=$((bad + 1))
}

finish() {
	local pid
	not_yet_said
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
	[ "$bad" -eq 0 ]
	exit
}

# within SECONDS COMMAND...: until it succeeds; fails when it does not in time.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# figure NAME VALUE UNIT lower|higher [TARGET]: for build/bench.json, by way of /out/figures. Which way is better.
figure() {
	local name=$1
	[ "$CHANNELS" = 1 ] || name=${name}_${CHANNELS}_contexts
	[ -n "$2" ] || { echo "# $name: not measured"; return; }
	echo "$name $2 $3 $4 ${5:--}" >> /out/figures
	echo "$name $2 $3"
}

phy_of() { cat "/sys/class/net/$1/phy80211/index"; }
count_of() { # the number that a JSON summary has for a key
	sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" "$1" | tail -1
}

# factory DIR: keys of a new factory; also DIR/station.hex and DIR/batch.hex, as firmware has them.
factory() {
	local header
	"$BIN/millrace" ca init --dir "$1" > /tmp/ca.log 2>&1 || { cat /tmp/ca.log; return 1; }
	header=$("$BIN/millrace" ca show --dir "$1" --firmware --reveal-batch-key)
	for key in station batch; do
		echo "$header" | sed -n "/millrace_${key}_key\[32\]/,/};/p" | grep -o '0x[0-9a-f][0-9a-f]' | cut -c3- |
			tr -d '\n' > "$1/$key.hex"
		[ "$(wc -c < "$1/$key.hex")" -eq 64 ] || { echo "no $key key in the header"; return 1; }
	done
}

# agent NAME INTERFACE KEYS "CHANNELS": a device; its words go to /tmp/NAME.log.
agent() {
	cat > "/tmp/$1.conf" <<-CONF
		station_key = $(cat "$3/station.hex")
		batch_key = $(cat "$3/batch.hex")
		product = AC-100
		hw_rev = C
		firmware = 1.0
		channels = $4
		roam_ms = 4000
	CONF
	chmod 600 "/tmp/$1.conf"
	"$BIN/millrace-agent" --interface "$2" --config "/tmp/$1.conf" --state "/tmp/$1.state" > "/tmp/$1.log" 2>&1 &
	started+=($!)
}

# job FILE LOT QUANTITY "RADIOS" "CHANNELS" KEYS ["MORE OF admission"]
job() {
	echo "the lab's own network" > /tmp/passphrase
	chmod 600 /tmp/passphrase
	cat > "$1" <<-JOB
		format: 1
		batch:
		  lot: "$2"
		  product: "AC-100"
		  hw_rev: "C"
		  quantity: $3
		identity:
		  keys: "$6"
		  serial: {pattern: "$2{05}", first: 1}
		  pin: {digits: 8, wps_checksum: true}
		  certificate: {organization: "Lab", validity: forever}
		credentials:
		  method: direct
		  ssid: "lab"
		  security: wpa2
		  passphrase: {file: "/tmp/passphrase"}
		recipe: [identify, selftest, identity, credentials, verify, seal]
		radios: [$4]
		channels: [$5]
		admission: {quiet: 2min${7:+, $7}}
		attempts: {max: 5, patience: 20s}
		guards: {disk_free: 1MiB}
	JOB
}

# drained PID LOG: tcpdump has written all that the kernel kept for it. Asks for its counts, and looks at the last ones.
drained() {
	local captured received dropped
	read -r captured received dropped < <(grep 'captured,' "$2" | tail -1 | grep -oE '[0-9]+ packets? ' | cut -d' ' -f1 | xargs)
	kill -USR1 "$1"
	[ -n "${dropped:-}" ] && [ $((captured + dropped)) -ge "$received" ]
}
