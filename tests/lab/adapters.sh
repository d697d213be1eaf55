# radios: 8; channels: 1 2; seconds: 240; sample: 1
# shellcheck shell=bash
# `millrace radios`, who may use what, and that interfaces get their state back.
M=$BIN/millrace
says() { # FILE WORD...
	local file=$1
	shift
	for word in "$@"; do grep -qF -- "$word" "$file" || { echo "no \"$word\" in"; cat "$file"; return 1; }; done
}
up() { ip link show "$1" | grep -q '[<,]UP[,>]'; }
no_monitors() { ! ip link | grep -qE ' mr[0-9]+(p|a[0-9]*):'; }

"$M" radios > /tmp/list
is "the list has every adapter with its verdict" says /tmp/list "hwsim0  wlan0" "hwsim7  wlan7" "good" "8 of 8 can be used"
is "it tells where an adapter may send under the rules in force" says /tmp/list "may send      1-11" "Rules in force: 00"
"$M" radios --json > /tmp/list.json
is "the list for programs has the same" says /tmp/list.json '"country": "00"' '"addresses_claimed": 2' '"driver": "mac80211_hwsim"' '"verdict": "good"' '"no_ir": true'

rfkill block "$(cat /sys/class/ieee80211/phy7/rfkill*/index 2> /dev/null || basename /sys/class/ieee80211/phy7/rfkill* | tr -dc 0-9)"
"$M" radios > /tmp/list
is "a blocked adapter is unusable and the remedy is named" says /tmp/list "blocked by rfkill" "rfkill unblock wifi" "7 of 8 can be used"
"$M" radios --json > /tmp/list.json
is "programs are told the remedy too" says /tmp/list.json '"verdict": "unusable"' '"remedy": "rfkill unblock wifi"'
rfkill unblock wifi

printf 'network={\n ssid="nowhere"\n key_mgmt=NONE\n}\n' > /tmp/wpa.conf
wpa_supplicant -i wlan6 -c /tmp/wpa.conf > /tmp/wpa.log 2>&1 &
started+=($!)
within 10 up wlan6
"$M" radios > /tmp/list
is "an adapter in the hands of wpa_supplicant is in use" says /tmp/list "used by       wpa_supplicant on wlan6"

"$M" radios test wlan0 wlan1 wlan2 > /tmp/test
is "three adapters prove one another" says /tmp/test "radio1 -> radio2" "radio3 -> radio1" "20 of 20 heard" "acknowledges 8 addresses" "All is well."
"$M" radios test --json wlan0 wlan1 > /tmp/test.json
is "the test for programs says the same" says /tmp/test.json '"well": true' '"acknowledges": true' '"acknowledged_addresses": 8' '"proved": true'
"$M" radios test --verbose > /tmp/auto 2>&1
is "automatic choice leaves the busy one alone" says /tmp/auto "phy6 (mac80211_hwsim) not taken" "radio7"
is "a test leaves nothing behind" no_monitors

nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
nobody "$M" radios test wlan0 wlan1 > /tmp/refused 2>&1
is "without capabilities it says exactly what to do" says /tmp/refused "CAP_NET_ADMIN and CAP_NET_RAW" \
	"setcap cap_net_admin,cap_net_raw+ep $M" "config/systemd/millrace@.service"
# To the letter, on a copy.
cp "$M" /tmp/millrace && chmod 755 /tmp/millrace && setcap cap_net_admin,cap_net_raw+ep /tmp/millrace
mkdir /tmp/theirs && chown nobody /tmp/theirs
is "after that it does" nobody env XDG_RUNTIME_DIR=/tmp/theirs /tmp/millrace radios test wlan0 wlan1
mkdir /tmp/own && chown nobody /tmp/own
is "the two capabilities are all it needs" nobody --inh-caps +net_admin,+net_raw --ambient-caps +net_admin,+net_raw \
	env XDG_RUNTIME_DIR=/tmp/own "$M" radios test wlan0 wlan1

# A batch for nobody, so that it goes on until it is stopped.
keys=/tmp/keys
factory $keys || exit 2
job /tmp/job.yaml GIVE 5 "wlan3, wlan4" "6, 11" $keys
ip link set wlan3 up
hold() { "$M" run --db /tmp/give.db --plain --no-compare --log /tmp/give.log /tmp/job.yaml > /tmp/give.out 2>&1 & pid=$!; }
hold
is "a run takes the interface in the way down" within 20 eval '! up wlan3'
"$M" radios test wlan3 wlan4 > /tmp/second 2>&1
is "a second station is told who has them" says /tmp/second "process $pid" "stop that process"
kill -INT $pid
wait $pid
is "on exit the interface gets its state back" up wlan3
is "on exit no monitor stays" no_monitors
hold
within 20 eval '! up wlan3'
kill -KILL $pid
wait $pid 2> /dev/null
is "after kill -9 the kernel takes the monitors away" within 5 no_monitors
is "and the interface is still down" eval '! up wlan3'
"$M" radios test wlan0 wlan1 > /dev/null
is "the next start gives it back" up wlan3

# Channel 36 is no-IR in the world domain: listened to, never sent on.
ip link set hwsim0 up
tcpdump --immediate-mode -U -B 8192 -Z root -i hwsim0 -w /tmp/air.pcap 2> /tmp/tcpdump.log &
capture=$!
within 10 grep -q listening /tmp/tcpdump.log
job /tmp/one.yaml ONE 1 "wlan3, wlan4" "6, 36" $keys
"$M" run --db /tmp/one.db --plain --no-compare /tmp/one.yaml > /tmp/one.out 2>&1
is "a job with a channel that the rules forbid is refused" test $? -eq 2
is "the refusal names the channel" says /tmp/one.out "channel 36" "remove it from channels"
is "the capture is written" within 10 drained $capture /tmp/tcpdump.log
kill $capture && wait $capture
is "the capture has the adapters' own tests" \
	test "$(tshark -r /tmp/air.pcap -Y 'radiotap.channel.freq == 2437' 2> /dev/null | wc -l)" -gt 10
is "nothing was sent on the forbidden channel" \
	test "$(tshark -r /tmp/air.pcap -Y 'radiotap.channel.freq == 5180' 2> /dev/null | wc -l)" -eq 0
