# Devices that are access points, for suites of the lab: hostapd, a DHCP server, wpa_supplicant and millrace-agent, each device in
# a network namespace of its own. Included.
# shellcheck shell=bash
first_ap=2 first_client=14

# hall NUMBER SSID PASSPHRASE: the network that devices are to join, on channel 6.
hall() {
	ip netns add hall && iw phy "phy$(phy_of "wlan$1")" set netns name hall || return 1
	printf '%s\n' "interface=wlan$1" driver=nl80211 "ssid=$2" hw_mode=g channel=6 wpa=2 wpa_key_mgmt=WPA-PSK rsn_pairwise=CCMP \
		"wpa_passphrase=$3" > /tmp/hall.conf
	ip netns exec hall hostapd /tmp/hall.conf > /out/hall.log 2>&1 &
	started+=($!)
	echo "$3" >> /tmp/secrets
	within 30 grep -q AP-ENABLED /out/hall.log
}

label_list() {
	labels=$1
	echo "mac,method,passphrase,pin" > "$1"
	chmod 600 "$1"
}

# device NUMBER wpa2|pin|ibss|https SECRET [LINE OF hostapd.conf]...: built so, with its label on the list. `given`, if it is set, is
# what the label says instead.
device() {
	local n=$1 kind=$2 secret=$3 ap=wlan$((first_ap + $1 - 1)) client=wlan$((first_client + $1 - 1)) label=${given:-$3} mac address
	shift 3
	[ "$kind" != ibss ] || ap=$client
	mac=$(cat "/sys/class/net/$ap/address")
	address=192.168.4.1
	[ "$kind" != ibss ] || address=$(link_local "$mac")
	ip netns add "d$n"
	iw phy "phy$(phy_of "$client")" set netns name "d$n"
	[ "$kind" = ibss ] || iw phy "phy$(phy_of "$ap")" set netns name "d$n"
	cat > "/tmp/device$n.conf" <<-CONF
		station_key = $(cat /tmp/keys/station.hex)
		batch_key = $(cat /tmp/keys/batch.hex)
		product = AC-100
		hw_rev = C
		firmware = 1.0
		access_point = $kind
		ssid_prefix = AC-
		channel = 6
		address = $address
		join_s = 60
		wpa_supplicant = /run/client$n/$client
	CONF
	case $kind in
	wpa2) echo "passphrase = $secret" ;;
	pin | ibss) verifier "$secret" ;;
	esac >> "/tmp/device$n.conf"
	case $kind in
	wpa2) echo "$mac,micro-ap,\"${label//\"/\"\"}\"," ;;
	pin | ibss) echo "$mac,pin,,$label" ;;
	https) echo "$mac,https,," ;;
	esac >> "$labels"
	[ -z "$secret" ] || echo "$secret" >> /tmp/secrets
	printf 'ctrl_interface=/run/client%s\n' "$n" > "/tmp/client$n.conf"
	ip netns exec "d$n" wpa_supplicant -i "$client" -c "/tmp/client$n.conf" > "/out/client$n.log" 2>&1 &
	started+=($!)
	if [ "$kind" != ibss ]; then
		printf '%s\n' "interface=$ap" driver=nl80211 "ctrl_interface=/run/ap$n" ssid=none hw_mode=g channel=6 start_disabled=1 \
			"$@" > "/tmp/ap$n.conf"
		ip netns exec "d$n" hostapd "/tmp/ap$n.conf" > "/out/ap$n.log" 2>&1 &
		started+=($!)
		echo "hostapd = /run/ap$n/$ap" >> "/tmp/device$n.conf"
		within 30 test -S "/run/ap$n/$ap"
		printf '%s\n' "interface $ap" "start 192.168.4.20" "end 192.168.4.40" "lease_file /tmp/leases$n" "pidfile /tmp/udhcpd$n.pid" \
			"opt subnet 255.255.255.0" > "/tmp/udhcpd$n.conf"
		: > "/tmp/leases$n"
	fi
	within 30 test -S "/run/client$n/$client"
	chmod 600 "/tmp/device$n.conf"
	ip -n "d$n" link set "$ap" up
	ip -n "d$n" addr add "$address/$([ "$kind" = ibss ] && echo 16 || echo 24)" dev "$ap"
	if [ "$kind" != ibss ]; then
		ip netns exec "d$n" busybox udhcpd -f "/tmp/udhcpd$n.conf" > "/out/udhcpd$n.log" 2>&1 &
		started+=($!)
	fi
	ip netns exec "d$n" "$BIN/millrace-agent" --interface "$ap" --config "/tmp/device$n.conf" --state "/tmp/device$n.state" \
		> "/out/device$n.log" 2>&1 &
	started+=($!)
}

# link_local MAC: the address of a device in its ad-hoc network, docs/protocol.md, "HTTP".
link_local() {
	local host=$((0x100 + 0x$(echo "$1" | cut -d: -f5,6 | tr -d :) % 0xfe00))
	echo "169.254.$((host >> 8)).$((host & 255))"
}

# What a device keeps of its first PIN.
verifier() { echo "$1" | "$BIN/millrace" ca pin-verifier; }

all_stand() { [ "$(cat /out/device*.log | grep -c '^access point up')" -ge "$1" ]; }

# access_job FILE LOT QUANTITY METHOD LABELS ["MORE OF admission"]
access_job() {
	job "$1" "$2" "$3" wlan0 6 /tmp/keys "${6:-}"
	sed -i -e "s/method: direct/method: $4/" -e 's/ssid: "lab"/ssid: "lab hall"/' \
		-e "s|^  passphrase: .*|&\n  access_point: {ssid: \"AC-{mac}\", labels: \"$5\", certificate: pinned}|" "$1"
}

no_secret_in() {
	local file
	for file in "$@"; do
		! grep -aFf /tmp/secrets "$file" || return 1
	done
}
