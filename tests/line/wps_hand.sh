#!/bin/bash
# millrace wps: one device by hand on the simulated air, by PIN, by button and from outside; what is refused; where the PIN is not.
set -u
M=$(readlink -f "${MILLRACE_BIN:-build/millrace}")
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
by_hand() {	# PIN OPTIONS...: output in wps.out and wps.err
	local pin=$1
	shift
	echo "$pin" | "$M" wps --db hand.db --simulated "$@" > wps.out 2> wps.err
}
ends() {	# STATUS PIN OPTIONS...
	local status=$1
	shift
	by_hand "$@"
	[ $? -eq "$status" ] || { cat wps.out wps.err; return 1; }
}

is "a device is enrolled by its PIN, as a label prints it" ends 0 "1234-5670" 02:00:5e:00:53:01 --ssid 'a "b" \c'
is "it is told step by step" grep -q PASS wps.out
is "the same device once more" ends 0 12345670 02:00:5e:00:53:01 --ssid hall
is "by its button" ends 0 "" 02:00:5e:00:53:02 --ssid hall --button
is "one that is an access point" ends 0 76543210 02:00:5e:00:53:03 --ssid hall --outside
is "one that is known by its serial number" ends 0 23456785 G-77 --ssid hall --outside
is "all are on record" bash -c "'$M' audit sql \"SELECT count(*) AS n FROM v_deliveries\" --db hand.db | grep -qw 5"
is "the record holds together" "$M" audit verify --db hand.db
is "no PIN is in the record" bash -c "! grep -aqE '12345670|76543210|23456785' hand.db*"
echo 23456785 > pin && chmod 600 pin
is "a PIN from a file" ends 0 "" 02:00:5e:00:53:04 --ssid hall --pin pin
chmod 644 pin
is "a file that others may read is refused" ends 2 "" 02:00:5e:00:53:04 --ssid hall --pin pin
is "a PIN with a wrong check digit is refused" ends 2 12345678 02:00:5e:00:53:05 --ssid hall
is "so is none" ends 2 "" 02:00:5e:00:53:05 --ssid hall
is "without a network nothing is done" ends 2 12345670 02:00:5e:00:53:05
is "without a device nothing is done" ends 2 12345670 --ssid hall
is "an access point has no button" ends 2 "" 02:00:5e:00:53:05 --ssid hall --outside --button
is "a real network wants its passphrase" bash -c "! '$M' wps G-77 --ssid hall < /dev/null 2> err && grep -q passphrase-file err"

# At a terminal it is asked for, and nobody sees it. The terminal is afterwards as it was before.
export LC_ALL=C.UTF-8 TMUX_TMPDIR=$dir
unset TMUX
terminal=0
leave() { [ "$terminal" -eq 0 ] || tmux -L "t$terminal" kill-server 2> /dev/null; }
trap 'leave; rm -rf "$dir"' EXIT
pane() { tmux -L "t$terminal" capture-pane -p; }
shows() {	# WORDS: within 30 s
	local until=$((SECONDS + 30))
	until pane | grep -qF -- "$1"; do
		[ $SECONDS -lt $until ] || { pane; return 1; }
		sleep 0.05
	done
}
at_terminal() {	# OPTIONS...: in a shell of its own, which then says how it ended and what echo is
	leave
	terminal=$((terminal + 1))
	tmux -u -L "t$terminal" -f /dev/null new-session -d -x 110 -y 24 \
		"'$M' wps $* --db '$dir/asked.db' --simulated; echo EXIT \$?; stty -a | grep -ow -e '-\\?echo'; exec sleep 1000"
}
at_terminal 02:00:5e:00:53:06 --ssid hall
is "at a terminal the PIN is asked for" shows "PIN of the device:"
tmux -L "t$terminal" send-keys "1234 5670"
tmux -L "t$terminal" send-keys Enter
is "with it the device is enrolled" shows "EXIT 0"
pane > pane.out
is "what was typed is not shown" bash -c '! grep -qE "1234|5670" pane.out'
is "the terminal echoes again" grep -qx echo pane.out
at_terminal 02:00:5e:00:53:07 --ssid hall
is "it is asked for again" shows "PIN of the device:"
tmux -L "t$terminal" send-keys "1234567"
tmux -L "t$terminal" send-keys C-c
is "Ctrl-C is an answer that is no PIN" shows "EXIT 2"
pane > pane.out
is "and leaves the terminal as it was" grep -qx echo pane.out
at_terminal 02:00:5e:00:53:07 --ssid hall --button
is "for a button nothing is asked" shows "EXIT 0"
pane > pane.out
is "it went without a question" bash -c '! grep -q "PIN of the device" pane.out'
