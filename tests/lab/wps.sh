# radios: 17; channels: 1; seconds: 300
# shellcheck shell=bash
# Foreign devices, which are wpa_supplicant and nothing else, enrolled by Wi-Fi Simple Configuration: eight by PIN at the same time on
# one station radio, five by push button within the same moment, one that is on no list beside them, one with a wrong PIN.
# wlan0: the station; wlan1: the network; then the devices.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys
is "the network of the job stands" hall 1 "lab hall" "the lab's own network"

pins=(12345670 23456785 76543210 99999995 10000007 31415927 27182818 16180339)

# enrollee NUMBER METHODS: a device on wlanNUMBER.
enrollee() {
	local n=$1
	ip netns add "e$n" && iw phy "phy$(phy_of "wlan$n")" set netns name "e$n" || return 1
	printf '%s\n' "ctrl_interface=/run/e$n" update_config=0 p2p_disabled=1 freq_list=2437 "device_name=Widget $n" manufacturer=Acme model_name=W1 \
		model_number=1 "serial_number=SN000$n" device_type=1-0050F204-1 "config_methods=$2" > "/tmp/e$n.conf"
	ip netns exec "e$n" wpa_supplicant -t -i "wlan$n" -c "/tmp/e$n.conf" > "/out/e$n.log" 2>&1 &
	started+=($!)
	within 30 test -S "/run/e$n/wlan$n"
}
cli() { # NUMBER COMMAND...
	local n=$1
	shift
	ip netns exec "e$n" wpa_cli -p "/run/e$n" -i "wlan$n" "$@"
}
joined() { # NUMBER...
	local n
	for n in "$@"; do
		cli "$n" status > "/out/status$n"
		grep -q '^wpa_state=COMPLETED' "/out/status$n" && grep -q '^ssid=lab hall' "/out/status$n" || return 1
	done
}
# wps_job FILE LOT QUANTITY METHOD LABELS
wps_job() {
	job "$1" "$2" "$3" wlan0 6 /tmp/keys
	sed -i -e "s|method: direct|method: $4\n  weak-ok: true\n  wps: {labels: \"$5\"}|" -e 's/ssid: "lab"/ssid: "lab hall"/' \
		-e 's/^recipe: .*/recipe: [credentials, verify]/' "$1"
}
# The check digit of seven digits.
with_check() {
	local d=$1 i sum=0
	for i in 0 1 2 3 4 5 6; do sum=$((sum + ${d:i:1} * (i % 2 ? 1 : 3))); done
	echo "$d$(((10 - sum % 10) % 10))"
}

all=()
for n in $(seq 2 16); do
	mac[n]=$(cat "/sys/class/net/wlan$n/address")
	enrollee "$n" "$([ "$n" -le 10 ] && echo label || echo virtual_push_button)" || echo "# device $n does not start"
	[ "$n" -gt 9 ] || all+=("$n")
done

echo "mac,pin" > /tmp/pins.csv
chmod 600 /tmp/pins.csv
for n in "${all[@]}"; do
	pin[n]=$(with_check "${pins[n - 2]:0:7}")
	echo "${mac[n]},${pin[n]}" >> /tmp/pins.csv
	echo "${pin[n]}" >> /tmp/secrets
done
wps_job /tmp/pin.yaml PINS 8 wps-pin /tmp/pins.csv
is "check finds the job good" "$BIN/millrace" check --db /tmp/lab.db /tmp/pin.yaml
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log --log-level info,wps=trace,ap=debug,joining=debug /tmp/pin.yaml \
	> /out/run.json 2> /out/run.err &
run=$!
begin=$(date +%s%N)
for n in "${all[@]}"; do cli "$n" wps_pin any "${pin[n]}" > "/out/wps_pin$n"; done
is "all eight join the network by what they were given" within 60 joined "${all[@]}"
pin_ms=$((($(date +%s%N) - begin) / 1000000))
wait $run
is "the batch ends with all well" test $? -eq 0
is "each of the eight passed" test "$(count_of /out/run.json passed)" = 8
ask() { sqlite3 /tmp/lab.db "$1"; }
is "each was seen to hold the key of the network, or to use it" \
	test "$(ask "SELECT count(DISTINCT unit) FROM v_networks WHERE observed <> 'no'")" -eq 8
is "the record says that a PIN was proved" \
	test "$(ask "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.proved') = 'pin'")" -eq 8
is "and what the devices said of themselves" \
	test "$(ask "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.claims.manufacturer') = 'Acme'")" -eq 8
figure wps.lab.pin_8 "$pin_ms" ms lower

echo "mac" > /tmp/buttons.csv
chmod 600 /tmp/buttons.csv
for n in 11 12 13 14 15; do echo "${mac[n]}" >> /tmp/buttons.csv; done
wps_job /tmp/pbc.yaml PBC 5 wps-pbc /tmp/buttons.csv
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/pbc.log --log-level info,wps=trace,ap=debug /tmp/pbc.yaml \
	> /out/pbc.json 2> /out/pbc.err &
run=$!
begin=$(date +%s%N)
for n in 16 11 12 13 14 15; do cli "$n" wps_pbc > "/out/wps_pbc$n"; done
is "five pressed buttons join side by side" within 60 joined 11 12 13 14 15
pbc_ms=$((($(date +%s%N) - begin) / 1000000))
wait $run
is "the batch of buttons ends with all well" test $? -eq 0
is "each of the five passed" test "$(count_of /out/pbc.json passed)" = 5
is "the one that is on no list got nothing" bash -c '! grep -q WPS-CRED-RECEIVED /out/e16.log'
is "it is a sighting" test "$(ask "SELECT count(*) FROM v_sighting WHERE mac = '${mac[16]}'")" -ge 1
is "nobody saw an overlap" bash -c '! grep -l WPS-OVERLAP-DETECTED /out/e1[1-5].log'
figure wps.lab.pbc_5 "$pbc_ms" ms lower

# A wrong PIN: the label says another one.
echo "mac,pin" > /tmp/wrong.csv
chmod 600 /tmp/wrong.csv
echo "${mac[10]},12345670" >> /tmp/wrong.csv
wps_job /tmp/wrong.yaml WRONG 1 wps-pin /tmp/wrong.csv
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/wrong.log --log-level info,wps=trace /tmp/wrong.yaml \
	> /out/wrong.json 2> /out/wrong.err &
run=$!
cli 10 wps_pin any 11115670 > /out/wps_pin10
is "the device finds that its PIN is another" within 40 grep -q 'WPS-FAIL.*config_error=18' /out/e10.log
cli 10 wps_pin any 11115670 > /out/wps_pin10
wait $run
is "a PIN that was shown twice is dead" \
	test "$(ask "SELECT group_concat(state || ' ' || cause) FROM v_unit WHERE mac = '${mac[10]}'")" = "quarantined pin-exposed"
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
is "no PIN or passphrase is in log, events or record" no_secret_in /out/run.log /out/run.json /out/run.err /tmp/lab.db
cp /tmp/lab.db /out/
finish
