#!/bin/bash
# What WPS puts on the simulated air, decoded by tshark, which is nobody's friend: whole lots in both roles, by PIN and by button, with a
# wrong PIN among them. Not a frame is malformed, no expert of its finds an error, and it sees each message of each run.
set -u
bin=${MILLRACE_BIN:-build/millrace}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if ! command -v tshark > /dev/null; then
	echo "ok tshark is not installed # SKIP"
	exit 0
fi
# is SENTENCE VALUE TEST WANTED
is() {
	if test "$2" "$3" "$4"; then echo "ok $1"; else echo "not ok $1 ($2 $3 $4)"; fi
}
# lot NAME DEVICES "CREDENTIALS" ["FAULTS"]: what tshark says of its capture, a line for each frame, is NAME.frames.
lot() {
	cat > "$dir/$1.yaml" <<-JOB
		format: 1
		batch: {lot: "$1", product: "AC-100", hw_rev: "C", quantity: $2, test: true}
		credentials: {weak-ok: true, ssid: "hall", security: wpa2, $3}
		recipe: [credentials, verify]
		radios: {simulated: 1}
		channels: [6]
		simulation: {devices: $2${4:+, faults: [$4]}}
	JOB
	"$bin" run "$dir/$1.yaml" --db "$dir/$1.db" --no-compare --plain --seed 13 --pcap "$dir/$1.pcap" > "$dir/$1.out" 2>&1
	ended=$?
	tshark -r "$dir/$1.pcap" -T fields -E separator=";" -E occurrence=a -e _ws.malformed -e _ws.expert.severity -e wps.message_type \
		-e wlan.fc.retry -e eap.code -e eap.identity > "$dir/$1.frames" 2> /dev/null
}
frames() { awk -F ";" "$2 { n++ } END { print n + 0 }" "$dir/$1.frames"; }

# sound NAME FRAMES: there are so many at least, and nothing is wrong with any. 8388608 and 6291456 are errors and warnings; what is left
# below them are notes about frames that were repeated.
sound() {
	is "$1: it is a whole capture" "$(frames "$1" 1)" -gt "$2"
	is "$1: nothing is malformed" "$(frames "$1" '$1 != ""')" -eq 0
	is "$1: no expert finds an error or warns" "$(frames "$1" '$2 ~ /8388608|6291456/')" -eq 0
}
judge() { # NAME DEVICES
	local type
	sound "$1" $((40 * $2))
	for type in 0x04 0x05 0x07 0x08 0x09 0x0a 0x0b 0x0c 0x0f; do
		is "$1: message $type of each run is seen" "$(frames "$1" "\$3 == \"$type\" && \$4 !~ /1|True/")" -ge "$2"
	done
	is "$1: whoever has a run says who it is" "$(frames "$1" '$6 ~ /WFA-SimpleConfig/')" -ge "$2"
}

lot pin 6 "method: wps-pin"
is "a lot by PIN passes" $ended -eq 0
judge pin 6
is "pin: each run ends in EAP-Failure" "$(frames pin '$5 == 4')" -ge 6
lot pbc 5 "method: wps-pbc"
is "a lot by button passes" $ended -eq 0
judge pbc 5
is "pbc: each run ends in EAP-Failure" "$(frames pbc '$5 == 4')" -ge 5
lot outside 4 "method: wps-pin, wps: {role: external-registrar}"
is "a lot of access points passes" $ended -eq 0
judge outside 4
lot wrong 4 "method: wps-pin" "{kind: wrong-secret, count: 2}"
is "in a lot with wrong PINs not all pass" $ended -eq 1
sound wrong 160
is "wrong: two devices refuse, twice each" "$(frames wrong '$3 == "0x0e"')" -ge 4
