# radios: 5; channels: 1; seconds: 180
# shellcheck shell=bash
# iwd, the other client of Linux, with its own DHCP client: beside the network of the job (WMM, 802.11n, PMF for who can) and as a phone
# of a device's access point.
. tests/lab/devices.sh
first_client=3
iwd=$OUT/lab/peers/iwd
is "a factory makes its keys" factory /tmp/keys
is "the network of the job stands" hall 1 "lab hall" "the lab's own network"
label_list /tmp/tray.csv
device 1 wpa2 "as it was built" wmm_enabled=1 ieee80211n=1 ieee80211w=1
is "the device's access point stands" within 60 all_stand 1

# A bus of its own; iwd keeps to the interface that is there, and to what is in the folder of known networks.
cat > /tmp/bus.conf <<'CONF'
<busconfig>
	<type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
	<policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
CONF
mkdir -p /run/dbus /etc/iwd /tmp/known
dbus-daemon --config-file=/tmp/bus.conf --nofork > /out/bus.log 2>&1 &
started+=($!)
printf '%s\n' "[General]" UseDefaultInterface=true EnableNetworkConfiguration=true "[Network]" EnableIPv6=false \
	NameResolvingService=none > /etc/iwd/main.conf
within 10 test -S /run/dbus/system_bus_socket
ip netns add phone && iw phy "phy$(phy_of wlan4)" set netns name phone
phone() { ip netns exec phone "$@"; }

connected() { # NAME
	phone iw dev wlan4 link | grep -q "SSID: $1" && phone iw dev wlan4 station dump | grep -q "authorized:.*yes"
}
# joins NAME PASSPHRASE: iwd with this network alone. (Not by `phone`: it would be the pid of a shell.)
joins() {
	rm -f /tmp/known/*
	printf '%s\n' "[Security]" "Passphrase=$2" > "/tmp/known/$1.psk"
	ip netns exec phone env "LD_LIBRARY_PATH=$OUT/lab/peers" STATE_DIRECTORY=/tmp/known "$iwd" -d > "/out/iwd $1.log" 2>&1 &
	client=$!
	within 60 connected "$1" || { tail -15 "/out/iwd $1.log"; return 1; }
}
mfp() { phone iw dev wlan4 station dump | grep -q 'MFP:.*yes'; }
wmm() { phone iw dev wlan4 station dump | grep -q 'WMM/WME:.*yes'; }
addressed() { phone ip -4 addr show dev wlan4 | grep -q 'inet 192\.168\.4\.'; }
status() { phone curl -sS -m 10 http://192.168.4.1/v1/status; }

is "iwd joins the network of the job" joins "lab hall" "the lab's own network"
is "with WMM" wmm
is "with PMF" mfp
kill "$client" && wait "$client"
is "iwd joins the device's access point" joins "AC-$(cut -d: -f4- /tmp/mac1 | tr -d :)" "as it was built"
is "it gets an address from it" within 30 addressed
is "and the API answers" within 20 status
kill "$client" && wait "$client"
