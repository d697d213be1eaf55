#!/bin/bash
# --log, --log-level and --debug of `millrace run` and `millrace serve`: where lines go, which, and what wrong words are told.
set -u
M=$(readlink -f "${MILLRACE_BIN:-build/millrace}")
job=$(readlink -f config/jobs/minimal.yaml)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; }
is() {	# NAME COMMAND...
	local name=$1
	shift
	if "$@" > out 2>&1; then ok "$name"; else not_ok "$name"; sed 's/^/  # /' out | head -5; fi
}
n=0
run() {	# OPTIONS...: a small batch; output in run.out and run.err
	n=$((n + 1))
	"$M" run "$job" --db "record$n.db" --plain --no-compare --control none "$@" > run.out 2> run.err
}
says() { grep -qF -- "$1" run.err; }

run --log a.log
is "a run with a log ends as one without" test $? -eq 0
is "nothing of the log is on standard error" test ! -s run.err
is "the first line says whose log it is" grep -qE '^2026-01-01T00:00:00\.000000Z 0\.000000 run: begins: millrace [0-9.]+, lot ' a.log
is "the last line says how it ended" bash -c "tail -1 a.log | grep -q ' run: ends: '"
is "without --log-level no change of state is told" bash -c "! grep -q ' -> ' a.log"
lines=$(wc -l < a.log)
run --log a.log --debug
is "a second run is appended" test "$(wc -l < a.log)" -gt $((2 * lines))
is "both runs are in it" test "$(grep -c ' run: begins: ' a.log)" -eq 2
is "--debug tells changes of state, with their reason" grep -qE ' action: inviting -> invited \(.+\)$' a.log
run --log b.log --log-level debug
is "--log-level debug is the same" test "$(wc -l < b.log)" -eq "$(($(wc -l < a.log) - lines))"
run --log c.log --log-level action=debug,warn
is "a module has a level of its own" grep -q ' action: ' c.log
is "and the others have theirs" bash -c "! grep -qvE ' (action|error|warn)[: ]' c.log"
run --log=- --log-level error
is "--log=- is standard error; a good run has no errors" test ! -s run.err
run --log=-
is "there its lines are" grep -q ' run: begins: ' run.err

refuses() {	# NAME SENTENCE OPTIONS...
	local name=$1 sentence=$2
	shift 2
	run "$@"
	is "$name: exit status 2" test $? -eq 2
	is "$name: says so" says "$sentence"
	is "$name: nothing was run" test ! -e "record$n.db"
}
refuses "--debug without a log" "--debug says what is logged, not where: add --log FILE" --debug
refuses "--log-level without a log" "--log-level says what is logged, not where: add --log FILE" --log-level info
refuses "both" "--debug is --log-level debug: give one of the two" --debug --log-level info --log d.log
refuses "a wrong level" 'there is no level "verbose"; allowed: error, warn, info, debug, trace' --log-level verbose --log d.log
refuses "a wrong module" 'there is no module "radios"; allowed: run, line,' --log-level radios=debug --log d.log
refuses "a module twice" "two levels for sta" --log-level sta=debug,sta=info --log d.log
refuses "a file that cannot be made" "/nowhere/a.log: cannot be written; name another file with --log" --log /nowhere/a.log
"$M" serve --debug > run.out 2> run.err
is "serve knows them too" says "millrace serve: --debug says what is logged, not where"

"$M" run --log-level list > run.out 2> run.err
is "list ends well" test $? -eq 0
is "list has each module with a sentence" test "$(grep -cE '^[a-z]+ +[a-z0-9A-Z].{10,}$' run.out)" -ge 20
for module in $(cut -d ' ' -f 1 run.out); do levels="${levels:-}$module=trace,"; done
run --log e.log --log-level "${levels}info"
is "each of them can be asked for" test -s e.log
is "every line of them is of this form" bash -c "! grep -qvE '^[0-9T:.-]+Z [0-9]+\.[0-9]{6} ((error|warn) )?(radio[0-9]+ )?(ch[0-9]+ )?(([0-9a-f]{2}:){5}[0-9a-f]{2} )?[a-z]+: .+$' e.log"
