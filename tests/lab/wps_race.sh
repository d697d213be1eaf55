# radios: 12; channels: 1; seconds: 900; sample: 0
# shellcheck shell=bash
# The same devices, which are wpa_supplicant and nothing else, enrolled by our station and by hostapd's own registrar, in turn: eight by PIN,
# five by push button. hostapd is given every advantage: it is up and idle before the clock begins, it is the network itself (so a device
# joins where it already is), it knows UUIDs, and whoever types and presses for it is a shell. Three ways of its PINs: by UUID for anybody,
# by UUID and address (as its documentation has it), and one at a time (as a label without a UUID must be). The devices look around as they
# come, on all channels. Here they share two emulated processors with everything else, so their own CPU is a floor that real ones have not.
# wlan0: the station; wlan1: the network of our job; wlan2: hostapd's; then the devices.
. tests/lab/devices.sh
is "a factory makes its keys" factory /tmp/keys
is "the network of our job stands" hall 1 "lab hall" "the lab's own network"

rounds=1
devices=(3 4 5 6 7 8 9 10)
buttons=(3 4 5 6 7)
pin_of=([3]=12345670 [4]=23456785 [5]=76543210 [6]=99999995 [7]=10000007 [8]=31415927 [9]=27182819 [10]=16180338)
uuid() { printf '12345678-9abc-def0-1234-56789abc%04x' "$1"; }
ours_bssid=02:00:00:00:01:00 usual_bssid=02:00:00:00:02:00

# A client that stays and reads commands from a pipe: to start one for each command would take longer than the race.
keeps() { # NAME PROGRAM FOLDER INTERFACE
	mkfifo "/tmp/$1.in"
	"$2" -p "$3" -i "$4" < "/tmp/$1.in" > "/tmp/$1.out" 2>&1 &
	kept=$!
	started+=("$kept")
}
enrollee() { # NUMBER
	local n=$1 fd
	ip netns add "e$n" && iw phy "phy$(phy_of "wlan$n")" set netns name "e$n" || return 1
	printf '%s\n' "ctrl_interface=/run/e$n" update_config=0 p2p_disabled=1 "device_name=Widget $n" manufacturer=Acme \
		model_name=W1 model_number=1 "serial_number=SN000$n" device_type=1-0050F204-1 "config_methods=label virtual_push_button" \
		"uuid=$(uuid "$n")" > "/tmp/e$n.conf"
	ip netns exec "e$n" wpa_supplicant -t -i "wlan$n" -c "/tmp/e$n.conf" > "/tmp/e$n.log" 2>&1 &
	started+=($!) supplicant[n]=$!
	within 30 test -S "/run/e$n/wlan$n" || return 1
	keeps "c$n" wpa_cli "/run/e$n" "wlan$n"
	exec {fd}> "/tmp/c$n.in"
	cli[n]=$fd
}
say() { # COMMAND NUMBER...
	local command=$1 n
	shift
	for n in "$@"; do echo "${command//PIN/${pin_of[n]}}" >&"${cli[n]}"; done
}
# at EVENT NUMBER: when its log had that last, in us; 0: never since `begin`.
at() {
	local t
	t=$(sed -n "s/^\([0-9.]*\): .*$1.*/\1/p" "/tmp/e$2.log" | tail -1)
	t=${t/./}
	[ "${t:-0}" -ge "$begin" ] && echo "$t" || echo 0
}
joined() { # BSSID NUMBER...: all are, since `begin`; the last of them at `last`
	local bssid=$1 n t
	shift
	last=0
	for n in "$@"; do
		t=$(at "CTRL-EVENT-CONNECTED - Connection to $bssid" "$n")
		[ "$t" -gt 0 ] || return 1
		[ "$t" -le "$last" ] || last=$t
	done
}
# As they came from the shelf: no network, nothing heard.
forget() { # NUMBER...
	say wps_cancel "$@"
	say "remove_network all" "$@"
	say disconnect "$@"
	say "bss_flush 0" "$@"
	begin=${EPOCHREALTIME/./}
	say ping "$@"
}
# The hundredths of a second of CPU that all supplicants have had.
cpu() { for n in "${devices[@]}"; do cut -d' ' -f14,15 "/proc/${supplicant[n]}/stat"; done | awk '{ s += $1 + $2 } END { print s }'; }
middle() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# --- the two registrars ---

hostapd_up() {
	local fd
	[ -e /run/netns/usual ] || { ip netns add usual && iw phy "phy$(phy_of wlan2)" set netns name usual; }
	printf '%s\n' interface=wlan2 driver=nl80211 ctrl_interface=/run/usual "ssid=usual hall" hw_mode=g channel=6 wpa=2 wpa_key_mgmt=WPA-PSK \
		rsn_pairwise=CCMP "wpa_passphrase=the lab's own network" wmm_enabled=1 ieee80211n=1 ieee80211w=1 eap_server=1 wps_state=2 \
		device_name=AP manufacturer=Acme model_name=Bench model_number=1 serial_number=1 device_type=6-0050F204-1 os_version=80000000 \
		"config_methods=label virtual_display virtual_push_button keypad" > /tmp/usual.conf
	ip netns exec usual hostapd -t /tmp/usual.conf > /tmp/usual.log 2>&1 &
	hostapd=$!
	within 30 grep -q AP-ENABLED /tmp/usual.log || return 1
	rm -f /tmp/hostapd.in
	keeps hostapd hostapd_cli /run/usual wlan2
	exec {fd}> /tmp/hostapd.in
	hc=$fd hostapd_cli=$kept
}
hostapd_down() {
	exec {hc}>&-
	kill "$hostapd_cli" "$hostapd" # left alone the client would go round and round at the end of its pipe
	wait "$hostapd_cli" "$hostapd" 2> /dev/null
}

# A host that has no time for the guest lets a start fail: it is made again, for what is raced begins later.
ours_up() { # FILE LOT QUANTITY METHOD LABELS
	local try
	job "$1" "$2" "$3" wlan0 6 /tmp/keys
	sed -i -e "s|method: direct|method: $4\n  weak-ok: true\n  wps: {labels: \"$5\"}|" -e 's/ssid: "lab"/ssid: "lab hall"/' \
		-e 's/^recipe: .*/recipe: [credentials, verify]/' -e 's/quiet: 2min/quiet: 5min/' "$1"
	for try in 1 2 3; do
		"$BIN/millrace" run --db "/tmp/$2.$try.db" --json --no-compare --log "/out/$2.log" \
			--log-level info,wps=debug,ap=debug,joining=debug "$1" > "/out/$2.json" 2> "/out/$2.err" &
		run=$!
		say "bss_flush 0" 3
		! within 40 shown || return 0
		kill -INT "$run" 2> /dev/null
		wait "$run"
	done
	return 1
}
# Our BSS is on the air: a device that wants nothing of it hears it.
shown() {
	kill -0 "$run" || return 1
	wpa_cli -p /run/e3 -i wlan3 scan freq=2437
	within 3 eval 'wpa_cli -p /run/e3 -i wlan3 scan_results | grep -q millrace-wps'
}

# --- eight by PIN ---

pins_of() { # WAY of hostapd
	local n
	for n in "${devices[@]}"; do
		case $1 in
		anybody) echo "wps_pin $(uuid "$n") ${pin_of[n]} 300" ;;
		address) echo "wps_pin $(uuid "$n") ${pin_of[n]} 300 ${mac[n]}" ;;
		esac
	done >&"$hc"
	echo ping >&"$hc"
	within 10 grep -q PONG /tmp/hostapd.out
}
# heat NAME BSSID DEVICE...: from the first PIN given to a device until the last of them is on the network: `took`, in ms.
heat() {
	local name=$1 bssid=$2 work
	shift 2
	work=$(cpu)
	begin=${EPOCHREALTIME/./}
	say "wps_pin any PIN" "$@"
	is "$name: all join" within 90 joined "$bssid" "$@"
	took=$(((last - begin) / 1000)) worked=$((($(cpu) - work) * 10))
	echo "# $name: $took ms; the devices' own CPU $worked ms"
}
# in_turn NAME BSSID "COMMAND of hostapd" "COMMAND of a device" DEVICE...: `took`, without the time that a shell takes from one to the next.
in_turn() {
	local name=$1 bssid=$2 theirs=$3 own=$4 n
	shift 4
	took=0
	for n in "$@"; do
		begin=${EPOCHREALTIME/./}
		echo "${theirs//PIN/${pin_of[n]}}" >&"$hc"
		say "$own" "$n"
		is "$name: device $n joins" within 60 joined "$bssid" "$n"
		took=$((took + (last - begin) / 1000))
	done
	echo "# $name: $took ms"
}

for n in "${devices[@]}"; do
	enrollee "$n" || echo "# device $n does not start"
	mac[n]=$(ip netns exec "e$n" cat "/sys/class/net/wlan$n/address")
done
{ echo "mac,pin"; for n in "${devices[@]}"; do echo "${mac[n]},${pin_of[n]}"; done; } > /tmp/pins.csv
{ echo "mac"; for n in "${buttons[@]}"; do echo "${mac[n]}"; done; } > /tmp/buttons.csv
{ echo "mac,pin"; echo "${mac[3]},${pin_of[3]}"; } > /tmp/one.csv
chmod 600 /tmp/*.csv

for round in $(seq "$rounds"); do
	is "round $round: our BSS is on the air" ours_up /tmp/pin.yaml "PINS$round" 8 wps-pin /tmp/pins.csv
	heat "round $round, ours" "$ours_bssid" "${devices[@]}"
	ours+=("$took") ours_cpu+=("$worked")
	wait "$run"
	is "round $round: ours ends with all well" test $? -eq 0
	forget "${devices[@]}"
	for way in anybody address; do
		is "round $round: hostapd is up" hostapd_up
		pins_of "$way" || echo "# hostapd did not take all PINs"
		heat "round $round, hostapd, $way" "$usual_bssid" "${devices[@]}"
		[ "$way" = address ] || anybody+=("$took")
		[ "$way" = anybody ] || address+=("$took")
		hostapd_down
		forget "${devices[@]}"
	done
	is "round $round: hostapd is up" hostapd_up
	in_turn "round $round, hostapd, one by one" "$usual_bssid" "wps_pin any PIN 300" "wps_pin any PIN" "${devices[@]}"
	serial+=("$took")
	hostapd_down
	forget "${devices[@]}"
	# The floor: a device alone, with nobody to share the processor with.
	is "round $round: our BSS is on the air for one" ours_up /tmp/one.yaml "ONE$round" 1 wps-pin /tmp/one.csv
	heat "round $round, ours, one alone" "$ours_bssid" 3
	alone+=("$took")
	wait "$run"
	forget 3
done
figure wps.lab.race_pin_8_ours "$(middle "${ours[@]}")" ms lower
figure wps.lab.race_pin_8_hostapd_anybody "$(middle "${anybody[@]}")" ms lower
figure wps.lab.race_pin_8_hostapd_address "$(middle "${address[@]}")" ms lower
figure wps.lab.race_pin_8_hostapd_one_by_one "$(middle "${serial[@]}")" ms lower
figure wps.lab.race_pin_1_ours "$(middle "${alone[@]}")" ms lower
figure wps.lab.race_pin_8_devices_cpu "$(middle "${ours_cpu[@]}")" ms lower
figure wps.lab.race_pin_8_times_faster "$(awk "BEGIN { printf \"%.1f\", $(middle "${serial[@]}") / $(middle "${ours[@]}") }")" times higher 3

# --- five by push button ---

for round in $(seq "$rounds"); do
	is "button $round: our BSS is on the air" ours_up /tmp/pbc.yaml "PBC$round" 5 wps-pbc /tmp/buttons.csv
	begin=${EPOCHREALTIME/./}
	say wps_pbc "${buttons[@]}"
	is "button $round, ours: all five join" within 60 joined "$ours_bssid" "${buttons[@]}"
	pbc+=($(((last - begin) / 1000)))
	wait "$run"
	forget "${buttons[@]}"
	# The fairest case: nobody presses before the one before is through.
	is "button $round: hostapd is up" hostapd_up
	in_turn "button $round, hostapd, one by one" "$usual_bssid" wps_pbc wps_pbc "${buttons[@]}"
	pbc_serial+=("$took")
	hostapd_down
	forget "${buttons[@]}"
done
figure wps.lab.race_pbc_5_ours "$(middle "${pbc[@]}")" ms lower
figure wps.lab.race_pbc_5_hostapd_one_by_one "$(middle "${pbc_serial[@]}")" ms lower

# And what hostapd does with five that are pressed together, in a walk time of 120 s.
is "hostapd is up for five at once" hostapd_up
begin=${EPOCHREALTIME/./}
echo wps_pbc >&"$hc"
say wps_pbc "${buttons[@]}"
have_ended() { for n in "${buttons[@]}"; do [ "$(at 'WPS-\(OVERLAP-DETECTED\|CRED-RECEIVED\|TIMEOUT\)' "$n")" -gt 0 ] || return 1; done; }
within 40 have_ended || echo "# not all of the five have come to an end after 40 s"
got=0 overlap=0
for n in "${buttons[@]}"; do
	[ "$(at WPS-CRED-RECEIVED "$n")" -eq 0 ] || got=$((got + 1))
	[ "$(at WPS-OVERLAP-DETECTED "$n")" -eq 0 ] || overlap=$((overlap + 1))
done
echo "# hostapd, five buttons within one walk time: $got of 5 got credentials; an overlap was seen by $overlap of them, and by hostapd" \
	"$(grep -c WPS-OVERLAP-DETECTED /tmp/usual.log) times"
is "hostapd does not serve five buttons within one walk time" test "$got" -lt 5
figure wps.lab.race_pbc_5_hostapd_at_once "$got" devices higher
hostapd_down
cp /tmp/e*.log /tmp/usual.log /tmp/*.out /out/
finish
