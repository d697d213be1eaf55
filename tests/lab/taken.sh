# radios: 17; channels: 1; seconds: 420
# shellcheck shell=bash disable=SC2016,SC2034 # what takes and gives a radio is evaluated later
# A station radio is taken away in mid-batch and given back: interface down, rfkill, unplugged.
keys=/tmp/keys
factory $keys || exit 2
macs=() rfkill=()
for i in 0 1 2; do
	macs[i]=$(cat /sys/class/ieee80211/phy$i/macaddress)
	rfkill[i]=$(basename /sys/class/ieee80211/phy$i/rfkill*)
done

# Until the last of the units that the lost radio had in hand had a step on another one; in ms.
takeover_ms() { # EVENTS RADIO
	awk -v victim="$2" '
	function word(key) { return match($0, "\"" key "\":\"?[^,\"}]*") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) : "" }
	function plain(v) { sub(/^"/, "", v); return v }
	{ at = plain(word("at_us")); unit = plain(word("unit")); radio = plain(word("radio")) }
	/"event":"radio"/ && /"detail":"gone"/ && !gone { gone = at; for (u in last) if (last[u] == victim) waits[u] = 1 }
	/"event":"unit",/ { delete last[unit] }
	/"event":"(attempt|step)",/ {
		if (gone && unit in waits) { if (radio != victim) took = at - gone; delete waits[unit] }
		last[unit] = radio
	}
	END { if (took) printf "%d\n", took / 1000 }' "$1"
}

run_batch() { # LOT TAKE GIVE
	local lot=$1 take=$2 give=$3 i status took victim station line at
	for i in $(seq 12); do agent "$lot$i" "wlan$((i + 2))" $keys "6 1 11"; done
	# Few at a time, so that the batch is not over before we have done.
	job "/tmp/$lot.yaml" "$lot" 13 "${macs[0]}, ${macs[1]}, ${macs[2]}" "1, 6, 11" $keys "max_in_flight: 4"
	: > "/tmp/$lot.json"
	"$BIN/millrace" run --db "/tmp/$lot.db" --json --no-compare --log "/out/$lot.log" "/tmp/$lot.yaml" \
		> "/tmp/$lot.json" 2> "/out/$lot.err" &
	station=$!
	# Builtins only from here to the taking: a process takes as long to start in the guest as a session lasts.
	exec 7< <(exec tail -n +1 -f "/tmp/$lot.json" 2> /dev/null)
	while read -r -t 60 -u 7 line && [[ $line != *'"event":"attempt"'* ]]; do :; done
	victim=${line##*'"radio":"'} victim=${victim%%'"'*}
	at=$((${victim#radio} - 1))
	eval "$take"
	status=$?
	is "$lot: the radio that has a session is taken" test $status -eq 0
	exec 7<&-
	is "$lot: the station notices" within 10 grep -q "\"radio\":\"$victim\",\"detail\":\"gone\"" "/tmp/$lot.json"
	# The last device comes only now.
	agent "${lot}13" wlan15 $keys "6 1 11"
	is "$lot: the radio is given back" eval "$give"
	is "$lot: the station adopts it again" within 20 grep -q "\"radio\":\"$victim\",\"detail\":\"back\"" "/tmp/$lot.json"
	wait $station
	status=$?
	is "$lot: the batch ends with all well" test $status -eq 0
	is "$lot: all thirteen units passed" test "$(count_of "/tmp/$lot.json" passed)" = 13
	is "$lot: nothing counts against the product" \
		test "$(count_of "/tmp/$lot.json" failed)$(count_of "/tmp/$lot.json" quarantined)" = 00
	took=$(takeover_ms "/tmp/$lot.json" "$victim")
	figure "radio.takeover_${lot,,}" "$took" ms lower
	cp "/tmp/$lot.json" /out
	for i in "${started[@]}"; do kill "$i" 2>/dev/null; wait "$i" 2>/dev/null; done
	started=()
}

# By the number of the radio: it is unplugged last, so until then its chip is phy$at.
run_batch DOWN 'ip link set mr${at}p down' true
run_batch BLOCK 'echo 1 > /sys/class/rfkill/${rfkill[at]}/soft' 'rfkill unblock wifi'
run_batch PULL '"$OUT/tests/lab/hwsim" del $at' '"$OUT/tests/lab/hwsim" new ${macs[at]}'
