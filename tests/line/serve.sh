#!/bin/bash
# millrace serve and millrace ctl as a script sees them: jobs in a queue, exit statuses, words, the end by a signal.
set -u
bin=${MILLRACE_BIN:-build/millrace}
dir=$(mktemp -d) elsewhere=$(mktemp -d)
serve=
end() {
	[ -n "$serve" ] && kill "$serve" 2>/dev/null
	rm -rf "$dir" "$elsewhere"
}
trap end EXIT
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; }
ctl() { "$bin" ctl "$@" --control "$dir/s.sock"; }

# NAME STATUS WORDS COMMAND...: what it must end with and say.
check() {
	local name=$1 want=$2 words=$3 said status
	shift 3
	said=$("$@" 2>&1)
	status=$?
	if [ "$status" -ne "$want" ]; then
		not_ok "$name" "exit status $status, not $want: $said"
	elif ! grep -qF -- "$words" <<< "$said"; then
		not_ok "$name" "\"$words\" is not in: $said"
	else
		ok "$name"
	fi
}

job() {	# LOT DEVICES [FAULTS [PASSPHRASE [MORE]]]
	local secret=""
	[ -z "${4:-}" ] || secret=", passphrase: {file: $4}"
	cat > "$dir/$1.yaml" <<END
format: 1
batch: {lot: "$1", product: "AC-100", quantity: $2, test: true}
identity:
  serial: {pattern: "$1-{04}", first: 1}
  certificate: {organization: "Serve", validity: forever}
credentials: {method: direct, ssid: "serve", security: wpa2$secret}
recipe: [identify, selftest, identity, credentials, verify, seal]
radios: {simulated: 1, profile: ideal}
channels: [6]
guards: {consecutive_fail: off, disk_free: 1MiB}
${5:-}
simulation:
  devices: $2
  seed: 7
${3:-}
END
}

job one 4
job two 4 "  faults:
    - {kind: selftest}"
job three 3
job wait 3
echo "format: 1" > "$dir/bad.yaml"
jobs_in() { printf 'format: 1\ncontrol: {others: lead, jobs: %s}\n' "$1"; }
jobs_in "$dir" > "$dir/settings.yaml"

check "without a folder of jobs there is no serving" 2 "control.jobs is missing" "$bin" serve --db "$dir/n.db" --control "$dir/n.sock"
check "without a station ctl says so" 2 "no station answers" ctl status

mkfifo "$dir/out"
"$bin" serve --db "$dir/station.db" --control "$dir/s.sock" --settings "$dir/settings.yaml" --pace 0 > "$dir/out" 2> "$dir/errors" &
serve=$!
exec 3< "$dir/out"
read -r line <&3
case $line in *"control socket"*) ok "serve says where it listens" ;; *) not_ok "serve says where it listens" "$line" ;; esac
[ "$(stat -c %a "$dir/s.sock")" = 660 ] && ok "its socket has mode 0660" || not_ok "its socket has mode 0660" "$(stat -c %a "$dir/s.sock")"

check "idle it waits for a job" 0 "idle" ctl status
check "nothing can be paused then" 1 "no run is in progress" ctl pause --reason x
check "a pause without a reason is refused" 1 "needs the key \"reason\"" ctl pause
check "a word that is nearly right is named" 2 "did you mean \"status\"" ctl statsu
check "a job runs, and its status is ctl's" 0 "4 passed" ctl run "$dir/one.yaml" --wait
check "not all well is 1" 1 "1 quarantined" ctl run "$dir/two.yaml" --db two.db --wait
check "a bad job is refused with its place" 1 "bad.yaml:1:1" ctl run "$dir/bad.yaml"
check "a job that is not there is the caller's mistake" 2 "cannot be read" ctl run "$dir/none.yaml"
check "records lie beside the station's own" 1 "without a path" ctl run "$dir/one.yaml" --db ../elsewhere.db
check "jobs are listed with their end" 0 "done" ctl jobs
check "a second station does not get the socket" 2 "another station" "$bin" serve --db "$dir/other.db" --control "$dir/s.sock"
check "a run neither" 2 "another station" "$bin" run "$dir/one.yaml" --db "$dir/other.db" --control "$dir/s.sock"

# One that stays until it is stopped, and one behind it. (The simulated devices are the same in each job: each has a record of its own.)
check "a job may stay" 0 "job 3" ctl run "$dir/three.yaml" --db three.db --stay
check "the next one waits" 0 "job 4" ctl run "$dir/wait.yaml" --db wait.db
check "and can be taken back" 0 "done" ctl cancel 4
check "once" 1 "no job 4 waits" ctl cancel 4
# The job is loaded between two turns of the socket: the first answer may still be the idle station's.
until ctl status | grep -q "passed 3/3"; do :; done
check "a unit is put aside by its serial number" 0 "done" ctl quarantine three-0002 --reason "scratched"
check "not twice" 1 "in quarantine already" ctl quarantine three-0002 --reason "scratched"
check "a unit that is not there" 1 "no such unit" ctl retry 4711
check "some of several" 1 "done 1" ctl quarantine 3 4711 --reason "scratched"
check "a device in full" 0 "timeline" ctl device three-0001
check "json is the answer as it came" 0 '"ok":true' ctl status --json
check "a lead releases" 0 "done" ctl release three-0002 --reason "polished"
check "the run is stopped" 0 "done" ctl stop --reason "end of shift"
# What a job has read comes out of a device, or of a message. The words of files that are not for it are in neither.
"$bin" ca init --dir "$dir/keys" > /dev/null
mkdir "$elsewhere/hall"
printf 'words of elsewhere\n' > "$elsewhere/hall/passphrase"
chmod 600 "$elsewhere/hall/passphrase"
ln -s "$elsewhere/hall/passphrase" "$dir/link.passphrase"
printf 'words of the hall\n' > "$dir/own.passphrase"
chmod 600 "$dir/own.passphrase"
job thief 1 "" keys/pin.key
job far 1 "" "$elsewhere/hall/passphrase"
job link 1 "" link.passphrase
job list 1 "" "" "admission: {expect: /etc/passwd}"
job own 1 "" own.passphrase
check "the PIN key is no passphrase" 2 "lies in a folder of keys" ctl run "$dir/thief.yaml" --db t1.db --wait
check "nor is a file elsewhere" 2 "control.job_files" ctl run "$dir/far.yaml" --db t2.db --wait
check "nor a link to it" 2 "control.job_files" ctl run "$dir/link.yaml" --db t3.db --wait
check "a list that is none of its lists is not read" 2 "control.job_files" ctl run "$dir/list.yaml" --db t4.db --wait
check "what lies beside the job is its own" 0 "1 passed" ctl run "$dir/own.yaml" --db t5.db --wait
ctl jobs --json | grep -q "words of\|root:" && not_ok "no message has words of a file" "$(ctl jobs --json)" || ok "no message has words of a file"
check "a run by hand reads no keys either" 2 "lies in a folder of keys" "$bin" run "$dir/thief.yaml" --db "$dir/t6.db" --control none

check "the next job has its turn" 0 "3 passed" ctl run "$dir/wait.yaml" --db wait.db --wait

kill -TERM "$serve"
wait "$serve"
status=$?
serve=
[ "$status" -eq 0 ] && ok "a signal ends it in order" || not_ok "a signal ends it in order" "exit status $status: $(cat "$dir/errors")"
[ ! -e "$dir/s.sock" ] && ok "its socket is gone" || not_ok "its socket is gone" "it lies there"
check "who, what and why is on record" 0 "scratched" "$bin" audit overrides three --db "$dir/three.db"
check "the record holds together" 0 "holds together" "$bin" audit verify --db "$dir/three.db"
exec 3<&-
