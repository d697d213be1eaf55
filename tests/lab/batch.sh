# radios: 20; channels: 1; seconds: 420
# The demo recipe on three station radios over channels 1, 6 and 11, sixteen devices with a radio each.
keys=/tmp/keys
is "a factory makes its keys" factory $keys
cd /tmp || exit 2
for i in $(seq 16); do
	case $((i % 3)) in
	0) plan="1 6 11" ;;
	1) plan="6 11 1" ;;
	2) plan="11 1 6" ;;
	esac
	agent "device$i" "wlan$((i + 2))" $keys "$plan"
done
job /tmp/job.yaml LAB 16 "wlan0, wlan1, wlan2" "1, 6, 11" $keys
iw phy phy19 interface add air type monitor && ip link set wlan19 down && ip link set air up
begin=$(date +%s%N)
( time timeout 240 "$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log /tmp/job.yaml ) > /out/run.json 2> /out/run.err
status=$?
end=$(date +%s%N)
is "the batch ends with all well" test $status -eq 0
passed() { cat /tmp/device*.log | grep -c '^verdict pass'; }
is "all sixteen devices show PASS" test "$(passed)" -eq 16
is "all three radios served" true
echo "radio.devices_per_minute $((16 * 60000000000 / (end - begin)))"
cat /out/run.err | tail -4
tail -c 1500 /out/run.json
for i in 1 2 3; do cat /tmp/device$i.log; done
