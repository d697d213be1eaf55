#!/bin/bash
# millrace wps: one device by hand on the simulated air, by PIN, by button and from outside; what is refused; where the PIN is not.
set -u
M=$(readlink -f "${MILLRACE_BIN:-build/millrace}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; }
is() {	# NAME COMMAND...
	local name=$1
	shift
	if "$@" > out 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/  # /' out | head -5; fi
}
by_hand() {	# PIN OPTIONS...: output in wps.out and wps.err
	local pin=$1
	shift
	echo "$pin" | "$M" wps --db hand.db --simulated "$@" > wps.out 2> wps.err
}
ends() {	# STATUS PIN OPTIONS...
	local status=$1
	shift
	by_hand "$@"
	[ $? -eq "$status" ] || { cat wps.out wps.err; return 1; }
}

is "a device is enrolled by its PIN, as a label prints it" ends 0 "1234-5670" 02:00:5e:00:53:01 --ssid 'a "b" \c'
is "it is told step by step" grep -q PASS wps.out
is "the same device once more" ends 0 12345670 02:00:5e:00:53:01 --ssid hall
is "by its button" ends 0 "" 02:00:5e:00:53:02 --ssid hall --button
is "one that is an access point" ends 0 76543210 02:00:5e:00:53:03 --ssid hall --outside
is "one that is known by its serial number" ends 0 23456785 G-77 --ssid hall --outside
is "all are on record" bash -c "'$M' audit sql \"SELECT count(*) AS n FROM v_deliveries\" --db hand.db | grep -qw 5"
is "the record holds together" "$M" audit verify --db hand.db
is "no PIN is in the record" bash -c "! grep -aqE '12345670|76543210|23456785' hand.db*"
echo 23456785 > pin && chmod 600 pin
is "a PIN from a file" ends 0 "" 02:00:5e:00:53:04 --ssid hall --pin pin
chmod 644 pin
is "a file that others may read is refused" ends 2 "" 02:00:5e:00:53:04 --ssid hall --pin pin
is "a PIN with a wrong check digit is refused" ends 2 12345678 02:00:5e:00:53:05 --ssid hall
is "so is none" ends 2 "" 02:00:5e:00:53:05 --ssid hall
is "without a network nothing is done" ends 2 12345670 02:00:5e:00:53:05
is "without a device nothing is done" ends 2 12345670 --ssid hall
is "an access point has no button" ends 2 "" 02:00:5e:00:53:05 --ssid hall --outside --button
is "a real network wants its passphrase" bash -c "! '$M' wps G-77 --ssid hall < /dev/null 2> err && grep -q passphrase-file err"
