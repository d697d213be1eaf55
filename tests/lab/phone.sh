# radios: 4; channels: 1; seconds: 300
# shellcheck shell=bash
# The Linux agent as an access point, with the true wpa_supplicant and hostapd: a phone gives it credentials with curl, it joins
# a network and comes back to tell. With wpa_supplicant alone, with hostapd on a radio beside, and as a TLS server.
# wlan0: the device's wpa_supplicant; wlan1: its hostapd; wlan2: the network; wlan3: the phone, in a network of its own.
factory /tmp/keys || exit 2
ip netns add phone
iw phy "phy$(phy_of wlan3)" set netns name phone || exit 2
phone() { ip netns exec phone "$@"; }
ask() { # PATH OPTION...
	phone curl -sS -m 20 -k "$url$1" "${@:2}"
}

cat > /tmp/mill.conf <<-CONF
	interface=wlan2
	ctrl_interface=/run/mill
	ssid=mill hall
	hw_mode=g
	channel=6
	wpa=2
	wpa_key_mgmt=WPA-PSK
	rsn_pairwise=CCMP
	wpa_passphrase=by the "wheel"
CONF
hostapd -B /tmp/mill.conf > /tmp/mill.log 2>&1 || { cat /tmp/mill.log; exit 2; }
printf 'ctrl_interface=/run/wpa_device\n' > /tmp/wpa_device.conf
printf 'ctrl_interface=/run/wpa_phone\n' > /tmp/wpa_phone.conf

seen_in_mill() { hostapd_cli -p /run/mill all_sta | grep -q "^$1"; }
associated() { phone wpa_cli -p /run/wpa_phone status | grep -q '^wpa_state=COMPLETED'; }
answers() { ask /v1/status > /tmp/status.json; }
says() { answers && grep -q "$1" /tmp/status.json; }
lists_mill() { ask /v1/networks > /tmp/networks.json && grep -q '"ssid":"mill hall"' /tmp/networks.json; }
nothing_left() { wpa_cli -p /run/wpa_device list_networks | tail -n +3 | grep -c . | grep -qx 0; }
ended() { test ! -S /run/wpa_device/wlan0 && test ! -S /run/wpa_phone/wlan3; }
give() { # PASSPHRASE
	ask /v1/credentials -d ssid=mill+hall -d security=wpa2 -d join=1 --data-urlencode "passphrase=$1" |
		grep '"joins":true'
}

# s_client VERSION: what OpenSSL's own client says of the device's server.
s_client() { phone openssl s_client -connect 192.168.4.1:443 "-$1" < /dev/null 2>&1; }
pin() { s_client "$1" | openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64; }
same_key() { [ "$(pin tls1_2)" = "$(pin tls1_3)" ]; }
pinned() { ask /v1/device --pinnedpubkey "sha256//$(pin tls1_3)"; }
pinned_to_another() { ! ask /v1/device --pinnedpubkey "sha256//$(echo another | openssl dgst -sha256 -binary | base64)"; }
refused() { ! s_client "$1" | grep -q '^-----BEGIN'; }

whole_way() { # NAME INTERFACE METHOD EXTRA
	local name=$1 interface=$2 method=$3 mac ssid secure
	url=http://192.168.4.1
	[ "$method" != https ] || url=https://192.168.4.1
	mac=$(cat /sys/class/net/wlan0/address)
	ssid=AC-$(tr -d : < "/sys/class/net/$interface/address" | cut -c7-12)
	cat > "/tmp/$name.conf" <<-CONF
		station_key = $(cat /tmp/keys/station.hex)
		batch_key = $(cat /tmp/keys/batch.hex)
		product = AC-100
		hw_rev = C
		firmware = 1.0
		access_point = $method
		ssid_prefix = AC-
		passphrase = as it was built
		channel = 1
		address = 192.168.4.1
		join_s = 25
		grace_s = 3
		wpa_supplicant = /run/wpa_device/wlan0
		$4
	CONF
	chmod 600 "/tmp/$name.conf"
	wpa_supplicant -B -i wlan0 -c /tmp/wpa_device.conf > "/out/$name.wpa_supplicant" 2>&1
	ip link set "$interface" up
	ip addr add 192.168.4.1/24 dev "$interface"
	"$BIN/millrace-agent" --interface "$interface" --config "/tmp/$name.conf" --state "/tmp/$name.state" \
		> "/out/$name.log" 2>&1 &
	agent=$!
	started+=("$agent")
	phone wpa_supplicant -B -i wlan3 -c /tmp/wpa_phone.conf > "/out/$name.phone" 2>&1
	phone wpa_cli -p /run/wpa_phone add_network > /dev/null
	phone wpa_cli -p /run/wpa_phone set_network 0 ssid "\"$ssid\"" > /dev/null
	secure="psk \"as it was built\""
	[ "$method" = wpa2 ] || secure="key_mgmt NONE"
	# shellcheck disable=SC2086 # a name and a value
	phone wpa_cli -p /run/wpa_phone set_network 0 ${secure%% *} "${secure#* }" > /dev/null
	phone wpa_cli -p /run/wpa_phone enable_network 0 > /dev/null
	phone ip addr add 192.168.4.2/24 dev wlan3
	is "$name: a phone joins the device's access point" within 60 associated
	is "$name: the API answers" within 20 answers
	if [ "$method" = https ]; then
		is "$name: TLS 1.2 and 1.3 show the same key" same_key
		is "$name: curl can be pinned to it" pinned
		is "$name: curl pinned to another refuses" pinned_to_another
		is "$name: nothing older is spoken" refused tls1_1
	fi
	is "$name: the device hears the network" within 30 lists_mill
	cp /tmp/networks.json "/out/$name.networks.json"
	if [ "$name" = alone ]; then
		is "$name: a wrong passphrase is taken" give 'by the mill'
		is "$name: the device is back and says that it failed" within 90 says '"state":"failed","cause":"join-failed"'
	fi
	is "$name: the right passphrase, with quotes, is taken" give 'by the "wheel"'
	is "$name: the network's access point sees the device" within 60 seen_in_mill "$mac"
	is "$name: the device is back and says that it joined" within 90 says '"state":"joined","cause":"ok"'
	cp /tmp/status.json "/out/$name.status.json"
	is "$name: with the access point's address and channel" grep -q "\"bssid\":\"$(cat /sys/class/net/wlan2/address)\",\"freq_mhz\":2437" /tmp/status.json
	kill "$agent"
	is "$name: a stopped agent leaves nothing behind in wpa_supplicant" within 20 nothing_left
	wpa_cli -p /run/wpa_device terminate > /dev/null
	phone wpa_cli -p /run/wpa_phone terminate > /dev/null
	ip addr flush dev "$interface"
	phone ip addr flush dev wlan3
	is "$name: the programs have ended" within 20 ended
}

whole_way alone wlan0 wpa2 ""

cat > /tmp/device_ap.conf <<-CONF
	interface=wlan1
	ctrl_interface=/run/hostapd_device
	ssid=nothing yet
	hw_mode=g
	channel=11
	start_disabled=1
CONF
hostapd -B /tmp/device_ap.conf > /out/device_ap.log 2>&1
whole_way beside wlan1 wpa2 "hostapd = /run/hostapd_device/wlan1"
whole_way tls wlan1 https "hostapd = /run/hostapd_device/wlan1"
