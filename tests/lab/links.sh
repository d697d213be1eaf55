# radios: 10; channels: 1; seconds: 240
# shellcheck shell=bash
# One radio as a client of real access points at once: hostapd's, open, WPA2, protected management, hidden, keys that change; an ad-hoc
# network of the kernel's; one with another passphrase. By tests/lab/links.c.

# network NUMBER NAME [LINE OF hostapd.conf]...: an access point in a namespace of its own, at 192.168.4.1.
network() {
	local n=$1 name=$2
	shift 2
	ip netns add "ap$n" && iw phy "phy$n" set netns name "ap$n" || return 1
	printf '%s\n' "interface=wlan$n" driver=nl80211 "ssid=$name" channel=6 hw_mode=g "$@" > "/tmp/ap$n.conf"
	ip netns exec "ap$n" hostapd -d "/tmp/ap$n.conf" > "/out/ap$n.log" 2>&1 &
	started+=($!)
	within 30 grep -q AP-ENABLED "/out/ap$n.log" && ip -n "ap$n" addr add 192.168.4.1/24 dev "wlan$n"
}
wpa2() { network "$1" "$2" wpa=2 rsn_pairwise=CCMP "wpa_passphrase=secret of $2" "${@:3}"; }
adhoc() {
	ip netns add adhoc && iw phy phy8 set netns name adhoc &&
		ip netns exec adhoc iw dev wlan8 set type ibss && ip -n adhoc link set wlan8 up &&
		ip netns exec adhoc iw dev wlan8 ibss join adhoc 2437 && ip -n adhoc addr add 192.168.4.1/24 dev wlan8
}
is "an open network stands" network 1 open
is "a WPA2 network stands, with a new group key every 3 s" wpa2 2 plain wpa_key_mgmt=WPA-PSK wpa_group_rekey=3
is "one with new pairwise keys every 4 s" wpa2 3 rekey wpa_key_mgmt=WPA-PSK wpa_ptk_rekey=4
is "one that demands protected management" wpa2 4 pmf wpa_key_mgmt=WPA-PSK ieee80211w=2
is "one with PSK-SHA256 only, and protected management" wpa2 5 sha256 wpa_key_mgmt=WPA-PSK-SHA256 ieee80211w=2 wpa_group_rekey=5
is "a hidden one" wpa2 6 hidden wpa_key_mgmt=WPA-PSK ignore_broadcast_ssid=1
is "one whose passphrase we do not have" wpa2 7 wrong wpa_key_mgmt=WPA-PSK
is "an ad-hoc network stands" adhoc
reports "$OUT/tests/lab/links" wlan0 2437 12 3 open= "plain=secret of plain" "pmf=secret of pmf" \
	"sha256=secret of sha256" "hidden=secret of hidden" "wrong!=something else" adhoc=
# An access point that changes pairwise keys while we are away throws us out; so this one is not left.
reports "$OUT/tests/lab/links" wlan0 2437 14 0 "rekey=secret of rekey"
for n in 1 2 3 4 5 6; do
	is "access point $n saw one client join once" test "$(grep -c 'AP-STA-CONNECTED' "/out/ap$n.log")" -eq 1
	is "access point $n saw it leave" grep -q AP-STA-DISCONNECTED "/out/ap$n.log"
done
is "group keys changed in between" test "$(grep -c 'group key handshake completed' /out/ap2.log)" -ge 2
is "pairwise keys changed in between" test "$(grep -c 'pairwise key handshake completed' /out/ap3.log)" -ge 3
