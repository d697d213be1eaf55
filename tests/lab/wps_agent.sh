# radios: 6; channels: 1; seconds: 240
# shellcheck shell=bash
# millrace-agent as an enrollee of hostapd's registrar: by PIN, by button, in fragments, with a wrong PIN, at a registrar that is busy with
# somebody else's. What it was given is what a wpa_supplicant then joins with.
# wlan0: hostapd; wlan1 to wlan4: a device each; wlan5: who tries what a device was given.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys

pin=12345670 passphrase="the lab's own network"
printf '%s\n' "$pin" "$passphrase" > /tmp/secrets
hostapd_up() { # LINE OF hostapd.conf...
	printf '%s\n' interface=wlan0 driver=nl80211 ctrl_interface=/run/hostapd "ssid=lab hall" hw_mode=g channel=6 wpa=2 wpa_key_mgmt=WPA-PSK \
		rsn_pairwise=CCMP "wpa_passphrase=$passphrase" wmm_enabled=1 ieee80211n=1 ieee80211w=1 eap_server=1 wps_state=2 device_name=AP \
		manufacturer=Acme model_name=Bench model_number=1 serial_number=1 device_type=6-0050F204-1 os_version=80000000 \
		"config_methods=label virtual_display virtual_push_button keypad" "$@" > /tmp/hostapd.conf
	: > /out/hostapd.log
	hostapd -t /tmp/hostapd.conf >> /out/hostapd.log 2>&1 &
	hostapd=$!
	within 30 grep -q AP-ENABLED /out/hostapd.log
}
hostapd_down() { kill "$hostapd"; wait "$hostapd" 2> /dev/null; }
hc() { hostapd_cli -p /run/hostapd -i wlan0 "$@"; }
# enrollee NUMBER LINE...: millrace-agent on wlanNUMBER, as it comes from assembly.
enrollee() {
	local n=$1
	shift
	printf '%s\n' "station_key = $(cat /tmp/keys/station.hex)" "batch_key = $(cat /tmp/keys/batch.hex)" "product = AC-100" "hw_rev = C" \
		"firmware = 1.0" "channels = 1 6 11" "manufacturer = Brook" "$@" > "/tmp/e$n.conf"
	chmod 600 "/tmp/e$n.conf"
	rm -rf "/tmp/e$n.state"
	"$BIN/millrace-agent" --interface "wlan$n" --config "/tmp/e$n.conf" --state "/tmp/e$n.state" > "/out/e$n.log" 2>&1 &
	agents[n]=$!
	started+=($!)
}
has_stored() { # NUMBER: in its flash, and it says so
	grep -q 'credentials stored' "/out/e$1.log" && grep -qa 'lab hall' "/tmp/e$1.state"/* && grep -qaF "$(given "$1")" "/tmp/e$1.state"/*
}
# hostapd gives a device without a display the key itself, as 64 digits.
given() { wpa_passphrase "lab hall" "$passphrase" | sed -n 's/^	psk=//p'; }

is "hostapd is a registrar" hostapd_up
hc wps_pin any "$pin" 300 > /out/pin
begin=$(date +%s%N)
enrollee 1 "wps_pin = $pin"
is "by PIN the device gets its credentials from hostapd" within 40 has_stored 1
figure wps.lab.agent_pin "$((($(date +%s%N) - begin) / 1000000))" ms lower
is "hostapd says so too" within 5 grep -q "WPS-REG-SUCCESS $(cat /sys/class/net/wlan1/address)" /out/hostapd.log
printf '%s\n' ctrl_interface=/run/tries 'network={' '	ssid="lab hall"' "	psk=$(grep -aoE '[0-9a-f]{64}' /tmp/e1.state/* | head -1 | cut -d: -f2)" \
	'	scan_freq=2437' '	ieee80211w=1' '}' > /tmp/tries.conf
wpa_supplicant -i wlan5 -c /tmp/tries.conf > /out/tries.log 2>&1 &
started+=($!)
is "and with what the device keeps the network is joined" within 30 grep -q CTRL-EVENT-CONNECTED /out/tries.log
kill "${agents[1]}"
wait "${agents[1]}" 2> /dev/null
"$BIN/millrace-agent" --interface wlan1 --config /tmp/e1.conf --state /tmp/e1.state > /out/e1_again.log 2>&1 &
started+=($!)
is "switched on again it has them still" within 20 grep -q 'credentials stored' /out/e1_again.log

hc wps_pbc > /out/pbc
enrollee 2 "wps_button = yes"
is "by button the device gets its credentials from hostapd" within 40 has_stored 2
hostapd_down

is "hostapd takes fragments of 100 octets and makes such" hostapd_up fragment_size=100
hc wps_pin any "$pin" 300 > /out/pin_fragments
enrollee 3 "wps_pin = $pin" "wps_fragment = 120"
is "in fragments the device gets its credentials too" within 60 has_stored 3
hostapd_down

is "hostapd is a registrar again" hostapd_up
hc wps_pin any 76543210 300 > /out/pin_other
enrollee 4 "wps_pin = $pin"
is "a registrar with another PIN is refused, at the first half" within 40 grep -q 'WPS-FAIL msg=8 config_error=18' /out/hostapd.log
is "and the device has nothing" bash -c '! grep -q "credentials stored" /out/e4.log'
hc wps_cancel > /out/cancel
hc wps_pin any "$pin" 300 > /out/pin_right
is "with the right one it goes on by itself" within 60 has_stored 4
is "no PIN or passphrase is in what the devices say" no_secret_in /out/e1.log /out/e2.log /out/e3.log /out/e4.log
hostapd_down
finish
