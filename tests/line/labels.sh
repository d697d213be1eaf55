#!/bin/bash
# A whole day in small: a simulated batch, its labels, wrong and right ones read by zbar and scanned back, the report.
set -u
bin=${MILLRACE_BIN:-build/millrace}
dir=$(mktemp -d)
export LC_ALL=C.UTF-8 TMUX_TMPDIR=$dir
unset TMUX
end() {
	tmux -L t kill-server 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
db=$dir/day.db keys=$dir/day.db.simulated-keys
labels() { "$bin" labels "$@" --db "$db" --operator ana; }
check() {	# SENTENCE STATUS COMMAND...
	local sentence=$1 wanted=$2
	shift 2
	"$@" > "$dir/out" 2> "$dir/err"
	local got=$?
	if [ "$got" -eq "$wanted" ]; then
		echo "ok $sentence"
	else
		echo "not ok $sentence (exit status $got)"
		tail -5 "$dir/out" "$dir/err"
	fi
}
says() {	# SENTENCE WORDS FILE
	if grep -qF -- "$2" "$3"; then echo "ok $1"; else echo "not ok $1"; tail -5 "$3"; fi
}

sed -e 's/quantity: 200/quantity: 12/' -e 's/devices: 200/devices: 12/' -e '/faults:/,$d' config/jobs/demo.yaml > "$dir/job.yaml"
check "a batch of twelve passes on the simulated air" 0 "$bin" run "$dir/job.yaml" --db "$db" --no-compare --plain
check "a label with a PIN wants the key" 2 labels demo --template config/labels/micro-ap.yaml --format png --out "$dir/png"
check "twelve labels become files" 0 labels demo --template config/labels/micro-ap.yaml --format png --out "$dir/png" --keys "$keys"
says "it says so" "12 labels, 0 unsure, 0 not yet" "$dir/out"
zbarimg --nodbus -q --raw "$dir/png/AC10000001.png" 2> /dev/null | grep '^WIFI:' > "$dir/first"
zbarimg --nodbus -q --raw "$dir/png/AC10000002.png" 2> /dev/null | grep '^WIFI:' > "$dir/second"
says "zbar reads the join string from the label" "WIFI:T:WPA;S:AC-100-0001;P:" "$dir/first"
check "a foreign label is refused" 1 labels scan demo "WIFI:T:WPA;S:AC-100-0001;P:00000000;;" --keys "$keys"
says "as unknown" "unknown" "$dir/out"
check "the neighbour's label is refused" 1 labels scan demo --unit AC10000001 --keys "$keys" "$(cat "$dir/second")"
says "as the wrong unit's" "wrong-unit" "$dir/out"
check "its own label is right" 0 labels scan demo --unit AC10000001 --keys "$keys" "$(cat "$dir/first")"
check "once" 1 labels scan demo --keys "$keys" "$(cat "$dir/first")"
says "and then a duplicate" "duplicate" "$dir/out"
# At a terminal, from a scanner that frames with STX and ETX: the octet of Ctrl-C ends a code, and nothing else.
shows() {	# SENTENCE WORDS
	local until=$((SECONDS + 30))
	until tmux -L t capture-pane -p | grep -qF -- "$2"; do
		if [ $SECONDS -ge $until ]; then
			echo "not ok $1 (\"$2\" is not there)"
			tmux -L t capture-pane -p
			return 1
		fi
		sleep 0.05
	done
	echo "ok $1"
}
tmux -u -L t -f /dev/null new-session -d -x 120 -y 24 \
	"'$(realpath "$bin")' labels scan demo --db '$db' --operator ana --keys '$keys'; echo EXIT \$?; exec sleep 1000"
shows "labels scan at a terminal says that it waits" "scan>"
hex() { od -An -v -tx1 | tr -d '\n'; }
# shellcheck disable=SC2046 # one argument for each octet
tmux -L t send-keys -H 02 $(head -c -1 "$dir/second" | hex) 03
shows "a framed scanner is heard at a terminal" "right       AC10000002"
# shellcheck disable=SC2046
tmux -L t send-keys -H $(printf ']C1pp100\r\n' | hex)
shows "and one that ends with CR and LF" "unknown"
pin=$(sed 's/.*P:\(.*\);;/\1/' "$dir/second")
if tmux -L t capture-pane -p | grep -q -- "$pin"; then echo "not ok the PIN is not echoed"; else echo "ok the PIN is not echoed"; fi
tmux -L t send-keys C-c
shows "Ctrl-C of a person ends it" "EXIT 1"
check "the record still holds together" 0 "$bin" audit verify --db "$db" --keys "$keys"
pin=$(sed 's/.*P:\(.*\);;/\1/' "$dir/first")
if [ -n "$pin" ] && ! grep -qa -- "$pin" "$db" "$db-wal" 2> /dev/null; then
	echo "ok the PIN is on the label and not in the record"
else
	echo "not ok the PIN is on the label and not in the record"
fi
check "a shift report is made as a page" 0 "$bin" report demo --db "$db" --keys "$keys" --html "$dir/report.html"
says "that shows the labels" "micro-ap" "$dir/report.html"
says "and the scan that was wrong" "wrong-unit" "$dir/report.html"
says "and that the record holds together" "It holds together." "$dir/report.html"
awk -v dir="$dir" '/<svg /{ n++; on = 1; sub(/<svg /, "<svg xmlns=\"http://www.w3.org/2000/svg\" ") } on { print > (dir "/plot" n ".svg") } /<\/svg>/{ on = 0 }' \
	"$dir/report.html"
for plot in 1 2 3; do	# cadence, times, radios; nothing went wrong, so there is no fourth
	check "librsvg draws plot $plot" 0 rsvg-convert -o "$dir/plot$plot.png" "$dir/plot$plot.svg"
done
check "and as text" 0 "$bin" report demo --db "$db"
says "with a yield of 100 %" "first pass yield 100.0 %" "$dir/out"
