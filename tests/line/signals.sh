#!/bin/bash
# A terminal that is closed and an output that nobody reads any more: each is the first Ctrl-C. Those in hand finish, the lot is
# closed on record, and says why. What is ignored stays ignored.
set -u
bin=$(realpath "${MILLRACE_BIN:-build/millrace}")
dir=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
	rm -rf "$dir"
}
trap end EXIT
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; }

sed -e 's/quantity: 200/quantity: 60/' -e 's/devices: 200/devices: 60/' -e 's/arrival: 25ms/arrival: 1s/' -e '/faults:/,$d' \
	config/jobs/demo.yaml > "$dir/job.yaml"

# Sets pid. Job control is off, so a background process has SIGINT ignored; the other signals are as they were.
begin() {	# NAME COMMAND...
	local name=$1
	shift
	"$@" > "$dir/$name.out" 2> "$dir/$name.err" &
	pid=$!
	pids+=("$pid")
}
waits_for() {	# NAME WORDS: until it has said this
	local until=$((SECONDS + 60))
	until grep -qF -- "$2" "$dir/$1.out" 2>/dev/null; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}
ends() {	# SENTENCE STATUS PID
	wait "$3"
	local status=$?
	if [ $status -eq "$2" ]; then ok "$1"; else not_ok "$1" "exit status $status, not $2"; fi
}
on_record() {	# SENTENCE NAME WANTED SQL
	local got
	got=$(sqlite3 "$dir/$2.db" "$4")
	if [ "$got" = "$3" ]; then ok "$1"; else not_ok "$1" "$got, not $3"; fi
}
run=("$bin" run "$dir/job.yaml" --pace 1 --stay --no-compare --control none)

begin plain "${run[@]}" --plain --db "$dir/plain.db"
waits_for plain PASS || not_ok "devices pass" "$(cat "$dir/plain.out" "$dir/plain.err")"
# The terminal sends one to each process of its, and the shell another one to its jobs: both are one hang-up.
kill -HUP "$pid"
kill -HUP "$pid"
ends "SIGHUP stops run --plain in order" 130 "$pid"
grep -q "stopping: the devices in flight finish" "$dir/plain.out" && ok "it says so" || not_ok "it says so" "$(tail -3 "$dir/plain.out")"
on_record "no attempt is left open" plain 0 "SELECT count(*) FROM attempt WHERE ended_us IS NULL"
on_record "none was broken off" plain 0 "SELECT count(*) FROM attempt WHERE outcome = 'aborted'"
on_record "the lot is closed" plain stopped "SELECT state FROM batch"
on_record "and the record says why" plain 1 "SELECT count(*) FROM audit WHERE body LIKE '%the terminal was closed%'"

mkfifo "$dir/pipe"
begin json bash -c '"$@" > "$0"' "$dir/pipe" "${run[@]}" --json --db "$dir/json.db"
head -n 40 "$dir/pipe" > "$dir/head"
ends "SIGPIPE stops run --json in order" 130 "$pid"
[ "$(wc -l < "$dir/head")" -eq 40 ] && ok "its reader had what it wanted" || not_ok "its reader had what it wanted" "$(wc -l < "$dir/head")"
on_record "no attempt is left open then" json 0 "SELECT count(*) FROM attempt WHERE ended_us IS NULL"
on_record "and none was broken off" json 0 "SELECT count(*) FROM attempt WHERE outcome = 'aborted'"
on_record "the lot is closed too" json stopped "SELECT state FROM batch"
on_record "and the record says that nobody read" json 1 "SELECT count(*) FROM audit WHERE body LIKE '%nobody reads the output%'"

begin nohup bash -c 'trap "" HUP; exec "$@"' bash "${run[@]}" --plain --db "$dir/nohup.db"
waits_for nohup PASS
kill -HUP "$pid"
before=$(grep -c PASS "$dir/nohup.out")
until [ "$(grep -c PASS "$dir/nohup.out")" -gt "$((before + 1))" ]; do sleep 0.05; done
ok "a run that ignores SIGHUP (nohup) goes on"
kill -TERM "$pid"
ends "and SIGTERM stops it in order" 130 "$pid"
on_record "as the record says" nohup 1 "SELECT count(*) FROM audit WHERE body LIKE '%told to end by a signal%'"

printf 'format: 1\ncontrol: {others: lead, jobs: %s}\n' "$dir" > "$dir/settings.yaml"
begin serve "$bin" serve --settings "$dir/settings.yaml" --db "$dir/serve.db" --control "$dir/s.sock" --pace 1
waits_for serve "control socket"
"$bin" ctl run "$dir/job.yaml" --control "$dir/s.sock" > /dev/null
until "$bin" ctl status --control "$dir/s.sock" 2>/dev/null | grep -q "passed [1-9]"; do sleep 0.05; done
kill -HUP "$pid"
ends "SIGHUP ends serve in order, its job included" 0 "$pid"
on_record "no attempt of the job is left open" serve 0 "SELECT count(*) FROM attempt WHERE ended_us IS NULL"
on_record "its lot is closed" serve stopped "SELECT state FROM batch"
[ ! -e "$dir/s.sock" ] && ok "and its socket is gone" || not_ok "and its socket is gone" "it lies there"

begin idle "$bin" serve --settings "$dir/settings.yaml" --db "$dir/idle.db" --control "$dir/s.sock"
waits_for idle "control socket"
kill -HUP "$pid"
ends "SIGHUP ends an idle serve" 0 "$pid"

# What serve says has a reader who leaves; what it does has none.
mkfifo "$dir/words"
begin quiet bash -c 'exec "$@" > "$0"' "$dir/words" "$bin" serve --settings "$dir/settings.yaml" --db "$dir/quiet.db" --control "$dir/s.sock" --pace 0
head -n 1 "$dir/words" > /dev/null
"$bin" ctl run "$dir/job.yaml" --control "$dir/s.sock" --wait > "$dir/ctl" 2>&1
grep -q "60 passed" "$dir/ctl" && ok "serve goes on when nobody reads its words" || not_ok "serve goes on when nobody reads its words" "$(cat "$dir/ctl")"
kill -TERM "$pid"
ends "until it is told to end" 0 "$pid"
