# Devices that are access points, for suites of the lab: hostapd, a DHCP server, wpa_supplicant and millrace-agent, each device in
# a network namespace of its own. Included.
# shellcheck shell=bash
first_ap=2 first_client=14
station=$(cat /sys/class/net/wlan0/address)	# udhcpd gives it an address at once; to others it first looks for 2 s who has it
agents=()

# hall NUMBER SSID PASSPHRASE: the network that devices are to join, on channel 6, as today's are: WMM, 802.11n, PMF for who can.
hall() {
	ip netns add hall && iw phy "phy$(phy_of "wlan$1")" set netns name hall || return 1
	printf '%s\n' "interface=wlan$1" driver=nl80211 "ssid=$2" hw_mode=g channel=6 wpa=2 wpa_key_mgmt=WPA-PSK rsn_pairwise=CCMP \
		"wpa_passphrase=$3" wmm_enabled=1 ieee80211n=1 ieee80211w=1 > /tmp/hall.conf
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

# dhcp NUMBER INTERFACE SERVER...: a server for the device's access point. udhcpd gives the station its address at once, `slow` asks
# the air for 2 s first; dnsmasq and isc are the Debian packages' (dnsmasq asks for 3 s, ISC's for 1 s), with options, or statements
# of dhcpd.conf, behind them.
dhcp() {
	local n=$1 ap=$2 server=$3 conf=/tmp/dhcp$1.conf
	shift 3
	: > "/tmp/leases$n"
	case $server in
	udhcpd | slow)
		printf '%s\n' "interface $ap" "start 192.168.4.20" "end 192.168.4.40" "lease_file /tmp/leases$n" "pidfile /tmp/dhcp$n.pid" \
			"opt subnet 255.255.255.0" "$@" > "$conf"
		[ "$server" = slow ] || echo "static_lease $station 192.168.4.20" >> "$conf"
		set -- busybox udhcpd -f "$conf"
		;;
	dnsmasq)
		set -- dnsmasq -k -C /dev/null -u root -p 0 -x "/tmp/dhcp$n.pid" -i "$ap" --bind-dynamic -l "/tmp/leases$n" --log-dhcp \
			--log-facility=- --dhcp-authoritative -F 192.168.4.20,192.168.4.40,255.255.255.0,1h "$@"
		;;
	isc)
		printf '%s;\n' authoritative "default-lease-time 600" "$@" > "$conf"
		echo "subnet 192.168.4.0 netmask 255.255.255.0 { range 192.168.4.20 192.168.4.40; }" >> "$conf"
		# It gives up when its interface is down at that moment, as hostapd has it now and then at its start.
		# shellcheck disable=SC2016 # the inner shell's
		set -- bash -c 'until "$@"; do sleep 0.3; done' isc "$OUT/lab/peers/dhcpd" \
			-4 -f -d -cf "$conf" -lf "/tmp/leases$n" -pf "/tmp/dhcp$n.pid" "$ap"
		;;
	esac
	ip netns exec "d$n" "$@" > "/out/dhcp$n.log" 2>&1 &
	started+=($!)
}

# device NUMBER wpa2|pin|ibss|https SECRET [LINE OF hostapd.conf]...: built so, with its label on the list. `given`, if it is set, is
# what the label says instead; `serves`, its DHCP server, as an array.
serves=(udhcpd)
device() {
	local n=$1 kind=$2 secret=$3 ap=wlan$((first_ap + $1 - 1)) client=wlan$((first_client + $1 - 1)) label=${given:-$3} mac address
	shift 3
	[ "$kind" != ibss ] || ap=$client
	mac=$(cat "/sys/class/net/$ap/address")
	echo "$mac" > "/tmp/mac$n"
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
	[ -z "$secret" ] || printf "%s\n" "$secret" "$label" >> /tmp/secrets
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
	fi
	within 30 test -S "/run/client$n/$client"
	chmod 600 "/tmp/device$n.conf"
	ip -n "d$n" link set lo up
	ip -n "d$n" link set "$ap" up
	ip -n "d$n" addr add "$address/$([ "$kind" = ibss ] && echo 16 || echo 24)" dev "$ap"
	[ "$kind" = ibss ] || dhcp "$n" "$ap" "${serves[@]}"
	echo "$ap" > "/tmp/interface$n"
	agent_of "$n"
}

# agent_of NUMBER: the device is switched on, with a clean memory.
agent_of() {
	rm -rf "/tmp/device$1.state"
	ip netns exec "d$1" "$BIN/millrace-agent" --interface "$(cat "/tmp/interface$1")" --config "/tmp/device$1.conf" \
		--state "/tmp/device$1.state" > "/out/device$1.log" 2>&1 &
	agents[$1]=$!
	started+=($!)
}
off_and_on() { # NUMBER...
	local n
	for n in "$@"; do kill "${agents[n]}"; done
	for n in "$@"; do wait "${agents[n]}"; done 2> /dev/null
	for n in "$@"; do agent_of "$n"; done
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

# --- the race: ours against the usual way; both are given keys, not passphrases ---

usual_radio() { # INTERFACE DEVICES
	local n interface=$1
	printf 'ctrl_interface=/run/usual\n' > /tmp/usual.conf
	for n in $(seq "$2"); do
		printf 'network={\n\tssid="%s"\n\tscan_freq=2437\n\tdisabled=1\n\tpsk=%s\n}\n' "$(name_of "$n")" "$(psk_of "$n")"
	done >> /tmp/usual.conf
	ip netns add usual
	iw phy "phy$(phy_of "$interface")" set netns name usual
	usual wpa_supplicant -i "$interface" -c /tmp/usual.conf > /out/usual.log 2>&1 &
	started+=($!)
	within 30 test -S "/run/usual/$interface"
	usual ip addr add 192.168.4.2/24 dev "$interface"
	usual sysctl -qw "net.ipv4.neigh.$interface.retrans_time_ms=50" "net.ipv4.neigh.$interface.mcast_solicit=20"
}
usual() { ip netns exec usual "$@"; }
name_of() { echo "AC-$(cut -d: -f4- < "/sys/class/net/wlan$((first_ap + $1 - 1))/address" | tr -d :)"; }
psk_of() { wpa_passphrase "$(name_of "$1")" "passphrase $1" | sed -n 's/^	psk=//p'; }
warm() { # NUMBER: it has looked around
	ip netns exec "d$1" curl -sS -m 10 http://192.168.4.1/v1/networks | grep -q '"lab hall"'
}

one_by_hand() { # INTERFACE NUMBER
	usual wpa_cli -p /run/usual select_network $(($2 - 1)) > /dev/null
	until usual wpa_cli -p /run/usual status | grep -q '^wpa_state=COMPLETED'; do :; done
	usual ip neigh flush dev "$1"
	usual curl -sS -m 20 http://192.168.4.1/v1/networks --next -sS -m 20 -d ssid=lab+hall -d security=wpa2 \
		--data-urlencode "passphrase=the lab's own network" http://192.168.4.1/v1/credentials --next -sS -m 20 \
		http://192.168.4.1/v1/status > "/out/by_hand.$2" || return 1
	grep -q '"lab hall"' "/out/by_hand.$2"
}

# race DEVICES LATENCY...: "" is none.
race() {
	local count=$1 latency n begin usual_ms ours_ms all
	shift
	first_client=$((first_ap + count))
	is "a factory makes its keys" factory /tmp/keys
	is "the network of the job stands" hall 1 "lab hall" "the lab's own network"
	label_list /tmp/tray.csv
	all=$(seq "$count")
	usual_radio "wlan$((first_client + count))" "$count"
	for n in $all; do given=$(psk_of "$n") device "$n" wpa2 "passphrase $n"; done
	is "all $count access points stand" within 120 all_stand "$count"
	access_job /tmp/job.yaml RACE "$count" micro-ap /tmp/tray.csv
	sed -i -e 's/^recipe: .*/recipe: [identify, credentials]/' -e 's/access_point:/join: false\n  access_point:/' /tmp/job.yaml
	for latency in "$@"; do
		for n in $all; do
			[ -z "$latency" ] || ip netns exec "d$n" tc qdisc add dev "$(cat "/tmp/interface$n")" root netem delay "$latency"
		done
		for n in $all; do within 20 warm "$n" || echo "# device $n has not looked around"; done
		begin=$(date +%s%N)
		for n in $all; do one_by_hand "wlan$((first_client + count))" "$n" || echo "# by hand: device $n was not done"; done
		usual_ms=$((($(date +%s%N) - begin) / 1000000))
		usual wpa_cli -p /run/usual disconnect > /dev/null
		# shellcheck disable=SC2086 # a list
		off_and_on $all
		is "${latency:-at once}: all stand again" within 120 all_stand "$count"
		for n in $all; do within 20 warm "$n" || echo "# device $n has not looked around"; done
		rm -f /tmp/lab.db
		"$BIN/millrace" run --db /tmp/lab.db --json --no-compare /tmp/job.yaml > "/out/run$latency.json" 2> /out/run.err
		is "${latency:-at once}: all $count pass by ours" test "$(count_of "/out/run$latency.json" passed)" = "$count"
		ours_ms=$(($(count_of "/out/run$latency.json" makespan_us) / 1000))
		mv /tmp/lab.db "/out/lab$latency.db"
		ip netns exec d1 tc qdisc show > "/out/qdisc$latency"
		figure "microap.lab.usual_$count${latency:+_$latency}" "$usual_ms" ms lower
		figure "microap.lab.ours_$count${latency:+_$latency}" "$ours_ms" ms lower
		figure "microap.lab.times_faster_$count${latency:+_$latency}" "$(awk "BEGIN { printf \"%.1f\", $usual_ms / $ours_ms }")" times higher \
			"$([ -z "$latency" ] && echo 3 || echo 8)"
		# shellcheck disable=SC2086 # a list
		off_and_on $all
		within 120 all_stand "$count"
	done
}
