# radios: 16; channels: 1; seconds: 420
# A station radio is taken away in mid-batch and given back: interface down, rfkill, unplugged.
keys=/tmp/keys
factory $keys || exit 2
mac=$(cat /sys/class/ieee80211/phy1/macaddress)

run_batch() { # LOT TAKE GIVE
	local lot=$1 take=$2 give=$3 i status
	for i in $(seq 12); do agent "$lot$i" "wlan$((i + 2))" $keys "6 1 11"; done
	job "/tmp/$lot.yaml" "$lot" 12 "wlan0, $mac, wlan2" "1, 6, 11" $keys
	"$BIN/millrace" run --db "/tmp/$lot.db" --json --no-compare --log "/out/$lot.log" "/tmp/$lot.yaml" \
		> "/out/$lot.json" 2> "/out/$lot.err" &
	local station=$!
	within 60 grep -q '"step":"identify".*"radio":"radio2"' "/out/$lot.json" ||
		within 5 grep -q '"step":"identify"' "/out/$lot.json"
	is "$lot: the radio is taken" eval "$take"
	is "$lot: the station notices" within 10 grep -q "radio2 gone" "/out/$lot.log"
	is "$lot: the radio is given back" eval "$give"
	is "$lot: the station adopts it again" within 20 grep -q "radio2 back" "/out/$lot.log"
	wait $station
	status=$?
	is "$lot: the batch ends with all well" test $status -eq 0
	is "$lot: all twelve units passed" test "$(count_of "/out/$lot.json" passed)" = 12
	is "$lot: nothing counts against the product" test "$(count_of "/out/$lot.json" failed)$(count_of "/out/$lot.json" quarantined)" = 00
	for i in "${started[@]}"; do kill "$i" 2>/dev/null; wait "$i" 2>/dev/null; done
	started=()
}

our_phy() { for p in /sys/class/ieee80211/phy*; do [ "$(cat $p/macaddress)" != "$mac" ] || basename $p; done; }
rfkill_of() { basename /sys/class/ieee80211/$(our_phy)/rfkill*| sed 's/rfkill//'; }

run_batch DOWN 'ip link set mr1p down' true
run_batch KILL 'rfkill block $(rfkill_of)' 'rfkill unblock $(rfkill_of)'
run_batch PULL '$OUT/tests/lab/hwsim del $(our_phy | tr -dc 0-9)' '$OUT/tests/lab/hwsim new $mac'
