# radios: 20; channels: 1; seconds: 420
# shellcheck shell=bash
# Others on the air: an access point with a client that moves data, a flood of foreign frames, another station.
keys=/tmp/keys
factory $keys || exit 2

start_network() {
	ip netns add ap && ip netns add client || return 1
	iw phy phy16 set netns name ap && iw phy phy17 set netns name client || return 1
	cat > /tmp/hostapd.conf <<-CONF
		interface=wlan16
		driver=nl80211
		ssid=neighbour
		channel=6
		hw_mode=g
		wpa=2
		wpa_key_mgmt=WPA-PSK
		rsn_pairwise=CCMP
		wpa_passphrase=somebody elses
	CONF
	printf 'network={\n ssid="neighbour"\n psk="somebody elses"\n scan_freq=2437\n}\n' > /tmp/wpa.conf
	ip netns exec ap hostapd /tmp/hostapd.conf > /tmp/hostapd.log 2>&1 &
	started+=($!)
	within 20 grep -q AP-ENABLED /tmp/hostapd.log || return 1
	ip netns exec client wpa_supplicant -i wlan17 -c /tmp/wpa.conf > /tmp/wpa.log 2>&1 &
	started+=($!)
	within 30 grep -q CTRL-EVENT-CONNECTED /tmp/wpa.log || return 1
	ip -n ap addr add 10.9.9.1/24 dev wlan16
	ip -n client addr add 10.9.9.2/24 dev wlan17
}
is "an access point and its client stand on channel 6" start_network
ip netns exec client ping -q -i 0.02 -s 1000 10.9.9.1 > /tmp/ping.log 2>&1 &
ping=$!

for i in $(seq 8); do agent "near$i" "wlan$((i + 1))" $keys "6"; done
job /tmp/near.yaml NEAR 8 "wlan0" "6" $keys
is "beside their traffic a batch of eight ends with all well" \
	"$BIN/millrace" run --db /tmp/near.db --json --no-compare --log /out/near.log /tmp/near.yaml
is "every device shows PASS" test "$(cat /tmp/near*.log | grep -c '^verdict pass')" -eq 8
kill -INT $ping && wait $ping
is "the neighbours went on undisturbed" grep -qE ' (0|0\.[0-9]+|1|2)% packet loss' /tmp/ping.log
for i in "${started[@]}"; do kill "$i" 2>/dev/null; wait "$i" 2>/dev/null; done
started=()

# The same eight devices as new ones, under a flood of frames between strangers.
for i in $(seq 8); do agent "flood$i" "wlan$((i + 1))" $keys "6"; done
job /tmp/flood.yaml FLOOD 8 "wlan0" "6" $keys
"$OUT/tests/lab/flood" phy18 2437 5000 15 > /tmp/flood.sent 2>&1 &
flood=$!
TIMEFORMAT="%R %U %S"
{ time "$BIN/millrace" run --db /tmp/flood.db --json --no-compare --log /out/flood.log /tmp/flood.yaml > /out/flood.json; } 2> /tmp/flood.cpu
is "under 5,000 foreign frames a second a batch of eight ends with all well" test "$(count_of /out/flood.json passed)" = 8
wait $flood
is "the flood was one" test "$(cat /tmp/flood.sent)" -gt 20000
is "no frame for the station was lost to it" test -z "$(grep 'heard but lost' /out/flood.log)"
figure radio.flood_cpu "$(awk '{ printf "%d", ($2 + $3) * 100 / $1 }' /tmp/flood.cpu)" percent lower
figure radio.flood_frames_per_second "$(awk '{ printf "%d", $1 / 15 }' /tmp/flood.sent)" frames higher
# Of the station's own unicast frames, those that a device acknowledged; of what it should have heard, what it lost.
delivery="SELECT printf('%.1f %d', 100.0 * sum(acked) / sum(acked + unacked), sum(dropped)) AS d FROM radio"
read -r delivered dropped < <("$BIN/millrace" audit sql --csv --db /tmp/flood.db "$delivery" | tr -d '"\r' | tail -1)
figure radio.flood_delivery "$delivered" percent higher
figure radio.flood_dropped "$dropped" frames lower
is "its frames reached their devices" awk "BEGIN { exit !($delivered >= 90) }"
for i in "${started[@]}"; do kill "$i" 2>/dev/null; wait "$i" 2>/dev/null; done
started=()

# Two stations, two batch keys, one channel.
other=/tmp/other
factory $other || exit 2
for i in $(seq 5); do agent "left$i" "wlan$((i + 1))" $keys "6"; done
for i in $(seq 5); do agent "right$i" "wlan$((i + 6))" $other "6"; done
job /tmp/left.yaml LEFT 5 "wlan0" "6" $keys
job /tmp/right.yaml RIGHT 5 "wlan1" "6" $other
"$BIN/millrace" run --db /tmp/left.db --json --no-compare --log /out/left.log /tmp/left.yaml > /out/left.json &
left=$!
"$BIN/millrace" run --db /tmp/right.db --json --no-compare --log /out/right.log /tmp/right.yaml > /out/right.json
right=$?
wait $left
left=$?
is "two stations side by side both end with all well" test "$left$right" = 00
is "the left station's devices have its serial numbers" \
	test "$(cat /tmp/left*.log | grep -c '^verdict pass LEFT')" -eq 5
is "the right station's devices have its serial numbers" \
	test "$(cat /tmp/right*.log | grep -c '^verdict pass RIGHT')" -eq 5
is "neither saw more devices than its own" \
	test "$(count_of /out/left.json devices)$(count_of /out/right.json devices)" = 55
