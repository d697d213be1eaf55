# radios: 20; channels: 1; seconds: 300
# shellcheck shell=bash
# Access points that make trouble, beside two that do not: a label with another passphrase, one with another PIN, an access point
# that throws the station out in mid-session, one that vanishes then. The others are not harmed.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys
is "the network of the job stands" hall 1 "lab hall" "the lab's own network"

label_list /tmp/tray.csv
device 1 wpa2 "nothing is wrong here"
given="printed on the other one" device 2 wpa2 "not what is printed"
given=31946278 device 3 pin 82940175
device 4 wpa2 "throws people out"
device 5 wpa2 "is unplugged"
device 6 pin 55319426
is "all six access points stand" within 60 all_stand 6

# once MAC STEP COMMAND...: when the events say that this device has that step behind it.
once() {
	local mac=$1 step=$2
	shift 2
	within 120 grep -q "\"mac\":\"$mac\".*\"step\":\"$step\"" /out/run.json && "$@"
}
mac4=$(cat /tmp/mac4) mac5=$(cat /tmp/mac5)
access_job /tmp/job.yaml BAD 6 micro-ap /tmp/tray.csv
sed -i 's/attempts: .*/attempts: {max: 3, patience: 8s}/' /tmp/job.yaml
: > /out/run.json
once "$mac4" selftest hostapd_cli -p /run/ap4 deauthenticate 02:00:00:00:00:00 > /out/thrown_out 2>&1 &
started+=($!)
# Its agent too: it would set its access point up again after it was away.
unplug() { ip -n d5 link set wlan6 down; kill -KILL "${agents[5]}"; }
once "$mac5" selftest unplug > /out/unplugged 2>&1 &
started+=($!)
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log /tmp/job.yaml >> /out/run.json 2> /out/run.err
is "the batch ends, and not all is well" test $? -eq 1
ask() { sqlite3 /tmp/lab.db "$1"; }
state_of() { ask "SELECT state FROM v_unit WHERE mac = '$(cat "/tmp/mac$1")'"; }
is "the access point did throw the station out" grep -q OK /out/thrown_out
is "three devices passed" test "$(count_of /out/run.json passed)" = 3
for n in 1 4 6; do is "device $n is one of them" test "$(state_of $n)" = passed; done
is "another passphrase is told so, and fails: nobody signs that he refuses one" grep -q '"state":"failed","cause":"passphrase-refused"' /out/run.json
is "another PIN is told so, and fails: a neighbour could have answered" grep -q '"state":"failed","cause":"pin-refused"' /out/run.json
is "the one that vanished failed, for a cause of the air" \
	test "$(ask "SELECT state || ' ' || side FROM v_unit WHERE mac = '$mac5'")" = "failed air"
is "what was refused is on record" \
	test "$(ask "SELECT count(*) FROM v_sighting WHERE verdict IN ('passphrase-refused', 'pin-refused')")" -eq 2
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
is "no secret is in log, events or record" no_secret_in /out/run.log /out/run.json /out/run.err /tmp/lab.db
cp /tmp/lab.db /tmp/tray.csv /out/
