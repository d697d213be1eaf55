# radios: 20; channels: 1 2; seconds: 420; sample: 2
# shellcheck shell=bash
# The demo recipe on three station radios over channels 1, 6 and 11, sixteen devices with a radio each; all of it captured.
keys=/tmp/keys
is "a factory makes its keys" factory $keys
plans=("1 6 11" "6 11 1" "11 1 6")
for i in $(seq 16); do agent "device$i" "wlan$((i + 2))" $keys "${plans[i % 3]}"; done
job /tmp/job.yaml LAB 16 "wlan0, wlan1, wlan2" "1, 6, 11" $keys
# hwsim0 hears every radio on every channel, acknowledgements included.
ip link set hwsim0 up
tcpdump --immediate-mode -U -B 8192 -Z root -i hwsim0 -w /tmp/air.pcap 2> /tmp/tcpdump.log &
started+=($!)
capture=$!
is "the capture runs" within 10 grep -q listening /tmp/tcpdump.log

begin=$(date +%s%N)
TIMEFORMAT="%U %S"
{ time "$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log /tmp/job.yaml > /out/run.json 2> /out/run.err; } 2> /tmp/cpu
status=$?
end=$(date +%s%N)
is "the capture is written" within 10 drained $capture /tmp/tcpdump.log
kill $capture && wait $capture

is "the batch ends with all well" test $status -eq 0
is "every one of the sixteen units passed" test "$(count_of /out/run.json passed)" = 16
is "every device shows PASS" test "$(cat /tmp/device*.log | grep -c '^verdict pass')" -eq 16
for r in 1 2 3; do is "radio$r served devices" grep -q "\"step\":\"seal\".*\"radio\":\"radio$r\"" /out/run.json; done
is "no radio was lost" test -z "$(grep gone /out/run.log)"
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
tshark -r /tmp/air.pcap -q -z io,phs > /tmp/phs 2> /dev/null
is "tshark reads the capture" grep -q wlan /tmp/phs
malformed=$(tshark -r /tmp/air.pcap -Y '_ws.malformed' 2> /dev/null | wc -l)
is "no frame of it is malformed" test "$malformed" -eq 0
frames=$(tshark -r /tmp/air.pcap -Y 'wlan.fc.type_subtype == 13' 2> /dev/null | wc -l)
is "the exchange is in it" test "$frames" -gt 300
is "the interfaces are as they were" test -z "$(iw dev | grep -E 'Interface mr[0-9]')"
# From the command to its end, adapters' tests and all. The frames are both sides', without ACKs.
figure radio.devices_per_minute $((16 * 60000000000 / (end - begin))) devices higher
figure radio.frames_per_device $((frames / 16)) frames lower
figure radio.station_cpu_per_device "$(awk '{ printf "%d", ($1 + $2) * 1000 / 16 }' /tmp/cpu)" ms lower
cp /tmp/air.pcap /tmp/lab.db /out/
