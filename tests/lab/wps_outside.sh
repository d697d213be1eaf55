# radios: 10; channels: 1; seconds: 420
# shellcheck shell=bash
# Devices that are access points in setup, which are hostapd and nothing else, set up by the station as their external registrar: four at
# the same time on one radio, one whose label has another PIN, one that is locked; and odd ones: with every message in fragments of 100
# octets, configured before, and one that says that it has its settings and never takes them. wlan0: the station; then the devices.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys

# micro_ap NUMBER PIN [LINE OF hostapd.conf]...: a device on wlanNUMBER.
micro_ap() {
	local n=$1 pin=$2
	shift 2
	ip netns add "w$n" && iw phy "phy$(phy_of "wlan$n")" set netns name "w$n" || return 1
	printf '%s\n' "interface=wlan$n" driver=nl80211 "ctrl_interface=/run/w$n" "ssid=Widget-SETUP-$n" hw_mode=g channel=6 eap_server=1 \
		wps_state=1 "ap_pin=$pin" config_methods=label "device_name=Widget $n" manufacturer=Acme model_name=W1 model_number=1 \
		"serial_number=SN000$n" device_type=6-0050F204-1 os_version=80000000 "$@" > "/tmp/w$n.conf"
	ip netns exec "w$n" hostapd -t "/tmp/w$n.conf" > "/out/w$n.log" 2>&1 &
	started+=($!)
	within 30 grep -q AP-ENABLED "/out/w$n.log"
}
outside_job() { # FILE LOT QUANTITY LABELS
	job "$1" "$2" "$3" wlan0 6 /tmp/keys
	sed -i -e "s|method: direct|method: wps-pin\n  weak-ok: true\n  wps: {labels: \"$4\", role: external-registrar}|" \
		-e 's/ssid: "lab"/ssid: "lab hall"/' -e 's/^recipe: .*/recipe: [credentials, verify]/' -e 's/quiet: 2min/quiet: 20s/' "$1"
}
ask() { sqlite3 /tmp/lab.db "$1"; }

pins=(12345670 23456785 76543210 99999995)
for n in 1 2 3 4; do
	is "device $n is an access point in setup" micro_ap "$n" "${pins[n - 1]}"
	echo "${pins[n - 1]}" >> /tmp/secrets
done
is "device 5 has another PIN than its label" micro_ap 5 10000007
is "device 6 is locked" micro_ap 6 12345670 ap_setup_locked=1
is "device 7 sends and takes fragments, with EAPOL of the first version" micro_ap 7 16180338 fragment_size=100 eapol_version=1
is "device 8 is a network already" micro_ap 8 27182819 wpa=2 wpa_key_mgmt=WPA-PSK rsn_pairwise=CCMP "wpa_passphrase=what it was before" \
	wps_state=2
is "device 9 leaves what it is told to another program" micro_ap 9 31415927 wps_cred_processing=1
printf '%s\n' 16180338 27182819 31415927 >> /tmp/secrets
for n in 1 2 3 4 5 6 7 8 9; do mac[n]=$(ip netns exec "w$n" cat "/sys/class/net/wlan$n/address"); done

# Two are known by their serial numbers, which their probe responses have.
printf '%s\n' mac,serial,pin "${mac[1]},,${pins[0]}" ",SN0002,${pins[1]}" "${mac[3]},,${pins[2]}" ",SN0004,${pins[3]}" > /tmp/four.csv
chmod 600 /tmp/four.csv
outside_job /tmp/four.yaml FOUR 4 /tmp/four.csv
is "check finds the job good" "$BIN/millrace" check --db /tmp/lab.db /tmp/four.yaml
begin=$(date +%s%N)
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/four.log --log-level info,wps=trace,sta=debug,joining=debug \
	/tmp/four.yaml > /out/four.json 2> /out/four.err
is "the batch ends with all well" test $? -eq 0
four_ms=$((($(date +%s%N) - begin) / 1000000))
is "each of the four passed" test "$(count_of /out/four.json passed)" = 4
is "each was seen to be the network of the job" \
	test "$(ask "SELECT count(DISTINCT bssid) FROM v_networks WHERE observed = 'seen'")" -eq 4
is "the record says that a PIN was proved, and in which role" test "$(ask "SELECT count(*) FROM v_deliveries
	WHERE json_extract(evidence, '$.proved') = 'pin' AND json_extract(evidence, '$.role') = 'external-registrar'")" -eq 4
is "two were known by their serial numbers" \
	test "$(ask "SELECT count(*) FROM v_deliveries WHERE json_extract(evidence, '$.known_by') = 'serial'")" -eq 2
settings() { # NUMBER: hostapd itself has them in its file
	grep -q '^ssid=lab hall$' "/tmp/w$1.conf" && grep -qE '^(wpa_passphrase|wpa_psk)=' "/tmp/w$1.conf" && grep -qE '^wpa=[23]' "/tmp/w$1.conf"
}
for n in 1 2 3 4; do is "device $n has the settings" settings "$n"; done
figure wps.lab.outside_4 "$four_ms" ms lower

printf '%s\n' mac,pin "${mac[5]},12345670" > /tmp/wrong.csv
chmod 600 /tmp/wrong.csv
outside_job /tmp/wrong.yaml WRONG 1 /tmp/wrong.csv
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/wrong.log --log-level info,wps=trace,sta=debug /tmp/wrong.yaml \
	> /out/wrong.json 2> /out/wrong.err
is "a PIN that was shown twice is dead" \
	test "$(ask "SELECT group_concat(state || ' ' || cause) FROM v_unit WHERE mac = '${mac[5]}'")" = "quarantined pin-exposed"
is "the device was tried twice" test "$(grep -c 'WPS-REG-SUCCESS\|WPS-FAIL' /out/w5.log)" -eq 2
is "and has not locked itself" bash -c '! grep -q WPS-AP-SETUP-LOCKED /out/w5.log'

printf '%s\n' mac,pin "${mac[6]},12345670" > /tmp/locked.csv
chmod 600 /tmp/locked.csv
outside_job /tmp/locked.yaml LOCKED 1 /tmp/locked.csv
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/locked.log --log-level info,wps=trace,sta=debug /tmp/locked.yaml \
	> /out/locked.json 2> /out/locked.err
is "one that is locked is a sighting that says so" \
	test "$(ask "SELECT count(*) FROM v_sighting WHERE mac = '${mac[6]}' AND verdict = 'setup-locked'")" -ge 1
is "and was never asked anything" bash -c '! grep -q "associated\|WPS-" /out/w6.log'
printf '%s\n' mac,pin "${mac[7]},16180338" "${mac[8]},27182819" "${mac[9]},31415927" > /tmp/odd.csv
chmod 600 /tmp/odd.csv
outside_job /tmp/odd.yaml ODD 3 /tmp/odd.csv
sed -i 's/attempts: {max: 5/attempts: {max: 1/' /tmp/odd.yaml
"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/odd.log --log-level info,wps=trace,sta=debug,joining=debug \
	/tmp/odd.yaml > /out/odd.json 2> /out/odd.err
state_of() { ask "SELECT group_concat(state || ' ' || coalesce(cause, '-')) FROM v_unit WHERE mac = '${mac[$1]}'"; }
is "in fragments a device is set up too" test "$(state_of 7 | cut -d' ' -f1)" = passed
is "so is one that was a network before" test "$(state_of 8 | cut -d' ' -f1)" = passed
is "each has the settings" eval "settings 7 && settings 8"
is "one that says so, and is never seen to be it, has not passed" test "$(state_of 9 | cut -d' ' -f1)" = failed
echo "# device 9: $(state_of 9)"
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
is "no PIN or passphrase is in log, events or record" no_secret_in /out/four.log /out/four.json /out/four.err /out/odd.log /tmp/lab.db
cp /tmp/lab.db /out/
for n in 1 2 3 4 5 6 7 8 9; do cp "/tmp/w$n.conf" "/out/w$n.conf"; done
finish
