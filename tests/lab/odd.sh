# Odd access points: a list of them in one lot, and how many of them pass in their first attempt. Included.
# shellcheck shell=bash
. tests/lab/devices.sh

# Lines "NAME | DHCP SERVER | LINES OF hostapd.conf | SETTINGS AFTER ITS START | WHAT THE CAUSE NAMES": the fields in the middle are
# separated by ";". The agent itself sets wpa, key management and pairwise cipher, so another choice is made after it has started the
# access point. The last field is empty for what is to be served.
names=() refusals=() afters=()

trimmed() { local s=$1; s=${s#"${s%%[! ]*}"}; echo "${s%"${s##*[! ]}"}"; }
parts() { # FIELD: into the array `parts`
	local p
	mapfile -t -d ';' parts < <(printf '%s' "$1")
	for p in "${!parts[@]}"; do parts[p]=$(trimmed "${parts[p]}"); done
}

odd_devices() { # LINE...
	local n=0 line name server lines after refusal
	for line in "$@"; do
		IFS='|' read -r name server lines after refusal <<< "$line"
		n=$((n + 1))
		names[n]=$(trimmed "$name") refusals[n]=$(trimmed "$refusal") afters[n]=$(trimmed "$after")
		parts "$server"
		serves=("${parts[@]}")
		parts "$lines"
		device $n wpa2 "as device $n was built" "${parts[@]}"
	done
}

# What the agent does not do by itself; the access point starts anew with the settings.
otherwise() { # NUMBER
	local set cli="hostapd_cli -p /run/ap$1"
	parts "${afters[$1]}"
	for set in "${parts[@]}"; do $cli set "${set%% *}" "${set#* }" | grep -q OK || { echo "$set: refused"; return 1; }; done
	$cli disable | grep -q OK && $cli enable | grep -q OK && within 20 eval "$cli status | grep -q state=ENABLED"
}

# passed_at_once NUMBER; refused_with NUMBER WORD: by the record and the log.
passed_at_once() {
	local row
	row=$(sqlite3 /tmp/lab.db "SELECT state || ' ' || attempts FROM v_unit WHERE mac = '$(cat "/tmp/mac$1")'")
	echo "state and attempts: ${row:-never taken in hand}"
	grep -F "$(cat "/tmp/mac$1")" /out/run.log | tail -8
	[ "$row" = "passed 1" ]
}
refused_with() {
	cat /out/run.log /out/run.json | grep -F "$(cat "/tmp/mac$1")" | tee /tmp/about | tail -8
	grep -q -- "$2" /tmp/about && [ -z "$(sqlite3 /tmp/lab.db "SELECT 1 FROM v_unit WHERE state = 'passed' AND mac = '$(cat "/tmp/mac$1")'")" ]
}

# odd_lot LOT FIGURE: the list on standard input becomes devices, the job is run, each is looked at.
odd_lot() {
	local n good=0 able=0 count list
	mapfile -t list
	is "a factory makes its keys" factory /tmp/keys
	is "the network of the job stands" hall 1 "lab hall" "the lab's own network"
	label_list /tmp/tray.csv
	odd_devices "${list[@]}"
	count=${#names[@]}
	is "all $count access points stand" within 120 all_stand "$count"
	for n in "${!names[@]}"; do
		[ -z "${afters[n]}" ] || is "${names[n]}: it is set so" otherwise "$n"
	done
	access_job /tmp/job.yaml "$1" "$count" micro-ap /tmp/tray.csv
	sed -i -e 's/^recipe: .*/recipe: [identify, credentials]/' -e 's/access_point:/join: false\n  access_point:/' \
		-e 's/attempts: .*/attempts: {max: 2, patience: 30s}/' -e 's/quiet: 2min/quiet: 40s/' /tmp/job.yaml
	for n in "${!names[@]}"; do within 20 warm "$n" || echo "# device $n has not looked around"; done
	timeout -s INT -k 20 120 "$BIN/millrace" run --db /tmp/lab.db --json --no-compare --log /out/run.log /tmp/job.yaml > /out/run.json 2> /out/run.err
	is "the lot comes to an end by itself" test $? -le 1
	for n in "${!names[@]}"; do
		if [ -n "${refusals[n]}" ]; then
			is "${names[n]}: is refused, and the words name what is missing" refused_with "$n" "${refusals[n]}"
			continue
		fi
		able=$((able + 1))
		! passed_at_once "$n" > /dev/null || good=$((good + 1))
		is "${names[n]}: passes in its first attempt" passed_at_once "$n"
	done
	figure "$2" "$(awk "BEGIN { printf \"%.3f\", $good / $able }")" share higher 1
	is "the record holds together" "$BIN/millrace" audit verify --db /tmp/lab.db
	is "no secret is in log, events or record" no_secret_in /out/run.log /out/run.json /out/run.err /tmp/lab.db
	cp /tmp/lab.db /tmp/tray.csv /out/
}
