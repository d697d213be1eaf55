#!/bin/bash
# A shift at the screen: the real station on the simulated air, driven through two dashboards in terminals. A line for each
# thing that was seen. Text is waited for, with a deadline.
set -u
program=$(realpath "${MILLRACE_BIN:-build/millrace}")
dir=$(mktemp -d /tmp/millrace-shift-XXXXXX)
export LC_ALL=C.UTF-8 TMUX_TMPDIR=$dir USER=shift
unset TMUX
export LSAN_OPTIONS=suppressions=$PWD/tests/line/ncurses.supp
deadline_s=30

end() {
	tmux -L a kill-server 2>/dev/null
	tmux -L b kill-server 2>/dev/null
	tmux -L c kill-server 2>/dev/null
	tmux -L d kill-server 2>/dev/null
	# A station outlives its terminal: that is the point of it. After a failure it is ended here, by its own number.
	for station in "$dir"/*.pid; do
		[ -e "$station" ] && kill -9 "$(cat "$station")" 2>/dev/null
	done
	rm -rf "$dir"
}
trap end EXIT

# The station in terminal a (or c): its number is in a file, and its screen is its child.
run() {	# NAME OPTION...
	local name=$1
	shift
	echo "sh -c 'echo \$\$ > $dir/$name.pid; exec \"\$@\"' sh '$program' run '$dir/job.yaml' --pace 1 --stay --no-compare --control '$dir/c.sock' $*"
}
child_of() {	# PID: the one that is not its signer; without ps, which a small machine does not have
	local stat
	for stat in /proc/[0-9]*/stat; do
		{ read -r stat < "$stat"; } 2>/dev/null || continue
		case $stat in *"(millrace-signer)"*) continue ;; esac
		# pid (name) state parent
		set -- "$1" ${stat##*) }
		if [ "$3" = "$1" ]; then echo "${stat%% *}"; fi
	done
}

screen() { tmux -u -L "$1" capture-pane -p 2>/dev/null; }
keys() { local at=$1; shift; tmux -u -L "$at" send-keys "$@"; }
# What a person types. Keys that tmux sends come as fast as a scanner's, and would be a scan; a paste is a person's.
types() { tmux -u -L "$1" set-buffer -- "$2"; tmux -u -L "$1" paste-buffer -p; }

# TERMINAL: its server ends, and has ended: a new one must not meet the one that goes.
gone() {
	tmux -L "$1" kill-server
	until ! tmux -L "$1" list-sessions > /dev/null 2>&1; do sleep 0.05; done
}

# TERMINAL PATTERN SENTENCE: waits until the pattern is on the screen.
shows() {
	local until=$((SECONDS + deadline_s))
	until screen "$1" | grep -qE -- "$2"; do
		if [ $SECONDS -ge $until ]; then
			echo "not ok $3 (\"$2\" is not on the screen of $1)"
			screen "$1"
			exit 1
		fi
		sleep 0.05
	done
	echo "ok $3"
}

hides() {
	local until=$((SECONDS + deadline_s))
	while screen "$1" | grep -qE -- "$2"; do
		if [ $SECONDS -ge $until ]; then
			echo "not ok $3 (\"$2\" is still on the screen of $1)"
			screen "$1"
			exit 1
		fi
		sleep 0.05
	done
	echo "ok $3"
}

finds() {	# SENTENCE COMMAND...
	local sentence=$1
	shift
	if "$@" > "$dir/out" 2>&1; then
		echo "ok $sentence"
	else
		echo "not ok $sentence"
		cat "$dir/out"
		exit 1
	fi
}

cat > "$dir/settings.yaml" <<END
format: 1
control:
  others: observer
badges:
  - {badge: "0417", name: "Ana", role: operator}
  - {badge: "0021", name: "Rui", role: lead}
END
cat > "$dir/job.yaml" <<END
format: 1
batch: {lot: "shift-1", product: "AC-100", hw_rev: "C", quantity: 80, takt: 250ms, test: true}
identity:
  serial: {pattern: "AC1{07}", first: 1}
  pin: {digits: 8, wps_checksum: true, iterations: 1000}
  certificate: {organization: "Shift", validity: forever}
credentials: {method: direct, ssid: "hall", security: wpa2}
recipe: [identify, selftest, identity, credentials, verify, seal]
radios: {simulated: 2, profile: mt7612u}
channels: [1, 6]
admission: {max_in_flight: 24, min_rssi: -82dBm, lease: 5s}
attempts: {max: 3, patience: 4s}
guards: {consecutive_fail: off, disk_free: 1MiB}
simulation:
  devices: 80
  seed: 7
  arrival: 250ms
  loss: 2%
  faults:
    - {kind: wrong-product, count: 1}
    - {kind: selftest, count: 2}
    - {kind: radio-lost, after: 9s, off: 6s}
END

tmux -u -L a -f /dev/null new-session -d -x 120 -y 40 "$(run a --db "'$dir/m.db'" --settings "'$dir/settings.yaml'"); echo EXIT \$?; exec sleep 1000"
shows a "RUNNING +lot shift-1 +AC-100 rev C" "run on a terminal opens the dashboard"
shows a "SIMULATED" "it says that the air is simulated"
shows a "AC1000[0-9]{4}.*PASS" "devices pass"
shows a "observer" "who has scanned nothing is an observer"
keys a F5
shows a "an observer may not do that: scan the badge of an operator" "an observer cannot pause"

tmux -u -L b -f /dev/null new-session -d -x 80 -y 24 "'$program' dashboard --control '$dir/c.sock' --ascii; echo EXIT \$?; exec sleep 1000"
shows b "RUNNING +lot shift-1" "a second dashboard attaches"

keys a 0417 Enter
shows a "Ana operator" "a badge makes an operator"
keys a F5
shows a "Pause the line" "the operator is asked why"
types a 1
keys a Enter
shows a "PAUSED by .*Ana.*: labels run out" "the line is paused"
shows b "PAUSED by .*Ana.*: labels run out" "the other screen says so too"
shows b "in hand 0" "those in hand finish"
keys a F5
shows a "Resume the line" "the same key resumes"
keys a Enter
shows a "RUNNING" "the line goes on"
hides b "PAUSED" "and the other screen says so"

shows a "SECURITY wrong-product" "a device of another product raises the banner"
shows a "DO: put it in the red bin" "the banner says what to do with it"
shows b "SECURITY wrong-product" "on every screen"
keys b a
shows b "an observer may not do that" "an observer cannot acknowledge it"
keys a a
hides a "SECURITY" "the operator acknowledges it"
hides b "SECURITY" "and it is gone everywhere"

shows a "radio[12] LOST" "a lost radio is on the screen"
shows b "radio[12] LOST" "on both"
hides a "radio[12] LOST" "and off it when it is back"

keys a AC10000003 Enter
shows a "AC10000003: PASS" "a scanned device is found"
keys a d
shows a "DEVICE AC10000003" "and shown in full"
shows a "serialNumber=AC10000003|AC10000003.*CN|certificate" "with its certificate"
keys a l
shows a "SERIAL" "and back"
keys a u
shows a "Put aside: AC10000003" "it is to be put aside"
types a "scratched"
keys a Enter
shows a "1 put aside" "the station puts it aside"
keys b 0021 Enter
shows b "Rui lead" "a lead comes to the other screen"
keys b '\'
# Not "Filter", which is on the key bar in any case: a text that came too early was typed on the line, not into the question.
shows b "Part of serial, MAC" "and filters"
types b "quar"
keys b Enter
shows b "filter: quar" "to those put aside"
keys b AC10000003 Enter
shows b "AC10000003: QUAR" "the one put aside is there"
keys b o
shows b "Release: AC10000003" "it can be released by a lead"
types b 1
keys b Enter
shows b "1 released" "and is"
keys b Escape
hides b "filter:" "Esc takes the filter away"

# Labels while the line runs: written as units pass, scanned back wrong, then right.
# tmux takes a semicolon at the end for its own.
type_code() { keys "$1" -l "${2%;}\;"; }
code() { zbarimg --nodbus -q --raw "$dir/labels/$1.png" 2> /dev/null | grep '^WIFI:'; }
written() {
	local until=$((SECONDS + deadline_s))
	until [ -n "$(code "$1")" ]; do
		if [ $SECONDS -ge $until ]; then return 1; fi
		sleep 0.05
	done
}
tmux -u -L d -f /dev/null new-session -d -x 100 -y 24 "'$program' labels shift-1 --db '$dir/m.db' --control '$dir/c.sock' --badge 0417 \
	--keys '$dir/m.db.simulated-keys' --template config/labels/micro-ap.yaml --format png --out '$dir/labels' --follow; echo EXIT \$?; \
	exec sleep 1000"
shows d "AC10000005 +copy 1 +sent" "labels are made while the line runs"
finds "zbar reads one" written AC10000005
finds "and its neighbour's" written AC10000006
wrong=$(code AC10000006) right=$(code AC10000005)
keys a AC10000005 Enter
shows a "AC10000005: PASS" "a unit is taken in hand"
type_code a "$wrong"
keys a Enter
shows a "LABEL wrong-unit" "the label of another unit raises the banner"
shows a "DO: take it off, and look where the other one is" "that says what to do"
shows b "LABEL wrong-unit" "on every screen"
keys a a
hides a "LABEL wrong-unit" "the operator acknowledges it"
keys a AC10000005 Enter
shows a "AC10000005: PASS" "the unit is taken in hand again"
type_code a "$right"
keys a Enter
shows a "LABEL RIGHT: AC10000005" "its own label is right"
type_code a "$right"
keys a Enter
shows a "LABEL duplicate" "and twice the same raises the banner"
keys a a
hides a "LABEL duplicate" "until it is acknowledged"
pin=$(sed 's/.*P:\(.*\);;/\1/' <<< "$right")
if [ -n "$pin" ] && ! { screen a; screen b; screen d; cat "$dir/m.db" "$dir/m.db-wal"; } | grep -qa -- "$pin"; then
	echo "ok its PIN is on no screen and not in the record"
else
	echo "not ok its PIN is on no screen and not in the record"
fi

kill -9 "$(child_of "$(cat "$dir/a.pid")")"
shows a "the dashboard is closed; the line goes on" "a killed dashboard gives the terminal back to the run"
shows b "RUNNING" "the line goes on"
finds "ctl agrees with the screen" "$program" ctl status --control "$dir/c.sock"

shows b "done (79|80)/80" "the lot is completed"
keys b F9
shows b "STOP: finish those in hand" "stop asks for a reason"
types b 1
keys b Enter
shows b "Is it meant" "and asks again"
keys b y
shows b "NOT LIVE|ENDED" "the run ends"
shows a "EXIT [01]" "and the station with it"
shows d "EXIT 0" "and the labels that follow it"
shows d "79 labels, 0 unsure, 0 not yet|78 labels, 0 unsure, 0 not yet|77 labels, 0 unsure, 0 not yet" "each unit that passed has one"
finds "the scans are on record" grep -q "wrong-unit" <("$program" audit labels shift-1 --db "$dir/m.db" 2>&1)
shows b "trying again" "the screen waits for the next one"
keys b q
shows b "EXIT 0" "and is closed"
finds "the pause is on record" grep -q "labels run out" <("$program" audit pauses --db "$dir/m.db")
finds "the release is on record" grep -q "examined and found good" <("$program" audit overrides --db "$dir/m.db")
finds "the record holds together" "$program" audit verify --db "$dir/m.db" --keys "$dir/m.db.simulated-keys"

# Ctrl-C at the screen of a run is the run's.
gone a
tmux -u -L c -f /dev/null new-session -d -x 80 -y 24 "$(run c --db "'$dir/m2.db'"); echo EXIT \$?; exec sleep 1000"
shows c "PASS" "another run begins"
keys c C-z 'C-\'
shows c "that was no scan" "Ctrl-Z and Ctrl-\\ mean nothing"
keys c r
shows c "NACK" "Ctrl-Z and Ctrl-\\ neither stop the screen"
finds "nor the run" "$program" ctl status --control "$dir/c.sock"
# A scanner that frames with STX and ETX sends the octet of Ctrl-C, and its first letters are those of commands.
keys c -H 02 70 70 31 30 30 32 30 30 33 30 30 03
shows c "nobody of this lot has that number" "a framed scan is looked up"
hides c "STOPPING" "and stops nothing"
keys c C-c
shows c "STOPPING by shift: interrupted|ENDED" "the first Ctrl-C drains"
shows c "the run is over: q shows its summary" "the last state stays until somebody has seen it"
shows c "in hand 0" "those in hand have finished"
keys c q
shows c "run the same job again to continue" "then the summary is printed"
shows c "EXIT 130" "and says that it was interrupted"

# A screen that hangs when the run is over is waited for until somebody says that it is enough, and not even then for long.
gone c
tmux -u -L c -f /dev/null new-session -d -x 80 -y 24 "$(run c --db "'$dir/m3.db'"); echo EXIT \$?; exec sleep 1000"
shows c "PASS" "a third run begins"
kill -STOP "$(child_of "$(cat "$dir/c.pid")")"
finds "it is told to stop" "$program" ctl stop --reason enough --control "$dir/c.sock"
until ! "$program" ctl status --control "$dir/c.sock" > /dev/null 2>&1; do sleep 0.05; done
kill -TERM "$(cat "$dir/c.pid")"
shows c "EXIT 1" "and ends although its screen hangs"

# Where the socket is another station's, or there is none, no screen can be; that is said, and an error where one was asked for.
gone c
mkdir -m 700 "$dir/x"
printf 'format: 1\ncontrol: {others: lead, jobs: %s}\n' "$dir" > "$dir/settings.yaml"
env -u RUNTIME_DIRECTORY XDG_RUNTIME_DIR="$dir/x" "$program" serve --settings "$dir/settings.yaml" --db "$dir/m4.db" > "$dir/serve.out" 2>&1 &
echo $! > "$dir/serve.pid"
until [ -S "$dir/x/millrace/control.sock" ]; do sleep 0.05; done
begin() {	# OPTION...
	tmux -u -L c -f /dev/null new-session -d -x 240 -y 24 "env -u RUNTIME_DIRECTORY XDG_RUNTIME_DIR='$dir/x' '$program' run \
		'$dir/job.yaml' --no-compare --db '$dir/m5.db' $*; echo EXIT \$?; exec sleep 1000"
}
begin --pace 1000
shows c "no dashboard: control socket .*another station listens there.*there are lines instead" "a run without a socket says why it has no screen"
shows c "EXIT 1" "and runs"
gone c
begin --dashboard
shows c "millrace run: --dashboard: control socket .*another station" "a screen that was asked for is an error then"
shows c "EXIT 2" "and nothing runs"
gone c
begin --dashboard --control none
shows c "millrace run: --dashboard: control socket: none" "and so is one without a socket"
kill "$(cat "$dir/serve.pid")"
wait
rm "$dir/serve.pid"
