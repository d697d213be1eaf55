# radios: 8; channels: 1; seconds: 400; sample: 1
# shellcheck shell=bash
# Sniffer mode on the kernel's 802.11. The station's radio broadcasts, three devices that overhear it decode (tests/lab/listener) and join by
# wpa_supplicant; then a phone in a WPA2 network sends datagrams of the same lengths, which the kernel encrypts and hostapd relays, and a
# listener that has no keys reads them.
# wlan0: the station; wlan1: the network; wlan2 to wlan4: devices; wlan5: the phone; wlan6: who listens to it.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys
is "the network of the job stands" hall 1 "lab hall" "the lab's own network"
bssid=$(ip netns exec hall cat /sys/class/net/wlan1/address)

# device NUMBER SCHEME: listens on wlanNUMBER, then joins what it heard.
device() {
	local n=$1 name passphrase phy
	phy=phy$(phy_of "wlan$n")
	"$OUT/tests/lab/listener" "$phy" 2437 "$2" 60 > "/tmp/heard$n" 2> "/out/listener$n.$2" || return 1
	{ read -r name && read -r passphrase; } < "/tmp/heard$n"
	printf 'ctrl_interface=/run/s%s\nnetwork={\n\tssid="%s"\n\tpsk="%s"\n\tscan_freq=2437\n}\n' "$n" "$name" "$passphrase" > "/tmp/s$n.conf"
	wpa_supplicant -t -i "wlan$n" -c "/tmp/s$n.conf" > "/out/s$n.$2" 2>&1
}
# sniffer_job FILE LOT QUANTITY SCHEME
sniffer_job() {
	job "$1" "$2" "$3" wlan0 6 /tmp/keys
	sed -i -e "s|method: direct|method: sniffer\n  scheme: $4\n  weak-ok: true\n  expect: $3|" -e 's/ssid: "lab"/ssid: "lab hall"/' \
		-e 's/^recipe: .*/recipe: [credentials, verify]/' "$1"
}
ask() { sqlite3 /tmp/lab.db "$1"; }
# batch SCHEME DEVICE...: they are provisioned by one broadcast.
batch() {
	local scheme=$1 n pids=() begin
	shift
	sniffer_job "/tmp/$scheme.yaml" "$scheme" "$#" "$scheme"
	begin=$(date +%s%N)
	"$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log "/out/$scheme.log" --log-level info,joining=debug "/tmp/$scheme.yaml" \
		> "/out/$scheme.json" 2> "/out/$scheme.err" &
	run=$!
	for n in "$@"; do
		device "$n" "$scheme" &
		pids+=($!)
	done
	wait $run
	is "$scheme: the batch ends with all well" test $? -eq 0
	figure "sniffer.lab.$scheme" $((($(date +%s%N) - begin) / 1000000)) ms lower
	is "$scheme: each of the devices passed" test "$(count_of "/out/$scheme.json" passed)" = $#
	for n in "$@"; do pkill -P $$ -f "wpa_supplicant -t -i wlan$n" ; done
	kill "${pids[@]}" 2> /dev/null
	wait "${pids[@]}" 2> /dev/null
}
batch esptouch-v1 2 3 4
batch esptouch-v2 2 3
batch airkiss 2 3
batch cc3000 2 3
batch ezconnect 2 3
is "each was seen to hold the key of the network, or to use it" \
	test "$(ask "SELECT count(*) FROM v_networks WHERE observed <> 'no'")" -ge 11
is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
is "no passphrase is in log, events or record" no_secret_in /out/*.log /out/*.json /out/*.err /tmp/lab.db

# A phone's app: no radio of ours sends.
ip netns add phone && iw phy "phy$(phy_of wlan5)" set netns name phone
printf 'ctrl_interface=/run/phone\nnetwork={\n\tssid="lab hall"\n\tpsk="the lab'"'"'s own network"\n\tscan_freq=2437\n}\n' > /tmp/phone.conf
ip netns exec phone wpa_supplicant -i wlan5 -c /tmp/phone.conf > /out/phone.log 2>&1 &
started+=($!)
is "a phone joins the network" within 30 grep -q CTRL-EVENT-CONNECTED /out/phone.log
ip -n hall addr add 192.168.77.1/24 dev wlan1
ip -n phone addr add 192.168.77.9/24 dev wlan5
ip -n phone route add default via 192.168.77.1
for scheme in esptouch-v1 esptouch-v2 airkiss cc3000 ezconnect; do
	ip netns exec phone "$OUT/tests/lab/app" "$scheme" "lab hall" "the lab's own network" "$bssid" 192.168.77.1 40 2> "/out/app.$scheme" &
	app=$!
	"$OUT/tests/lab/listener" "phy$(phy_of wlan6)" 2437 "$scheme" 40 > "/tmp/app.$scheme" 2> "/out/app.listener.$scheme"
	is "$scheme: what a phone sends under WPA2 is read by who has no keys" \
		cmp "/tmp/app.$scheme" <(printf "lab hall\nthe lab's own network\n")
	kill $app
	wait $app 2> /dev/null
done
cp /tmp/lab.db /out/
finish
