#!/bin/bash
# A device carries what its table names and nothing else, and grows by decision only. Made with `make agent-size`.
set -u
build=${MILLRACE_BIN:-build/millrace}
build=${build%/millrace}
build=${build%/asan}
size=$build/agent-size/host
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; }
check() {	# NAME WORDS: no words, no fault
	if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi
}

if ! make --no-print-directory -j"$(nproc)" BUILD="$build" agent-size > "$log" 2>&1; then
	cat "$log"
	not_ok "every image is built" "make agent-size failed"
	exit 1
fi

# What the linker took from the archive, and what is left of it in the image.
members() { sed -n '/^Archive member included/,/^[A-Z].*:\?$/p;/^Discarded input sections/q' "$size/$1/image.map" | grep -oE '^[^ ]*libmr\.a\([a-z0-9_]+\.o\)' | sed -E 's/.*\((.*)\.o\)/\1/' | sort; }
symbols() { nm "$size/$1/image.elf" | awk '{ print $NF }'; }
absent() {	# NAME IMAGE MEMBERS SYMBOLS: patterns
	check "$1" "$( (members "$2" | grep -xE "$3"; symbols "$2" | grep -E "$4") | tr '\n' ' ')"
}
http='api|endpoint|http|json|wifi'
absent "a device of action frames has no HTTP, no PIN, no network of its own" direct "$http|pin|endpoint_pin|spake2plus|micro_ap|https|sniffer|sealed|erasure|overheard" \
	'^mr_(api|endpoint|http|form|json|wifi|part|pin|method_pin|method_micro|method_https|method_sniffer|spake2plus|tls|sealed|erasure|overheard)'
absent "a device that hears broadcasts has no HTTP and no end that sends them" direct_sniffer "$http|pin|endpoint_pin|spake2plus|micro_ap|https" \
	'^mr_(api|endpoint|http|wifi|part|pin|tls|sealed_(seal|begin|next)|overheard_(build|group))'
absent "nor has it an enrollee of WPS" direct "wps|wsc|wsc_enrollee|eap" '^mr_(wps|wsc|eap|method_wps|part_wps|modp)'
absent "a device with WPS has no HTTP for it" direct_wps "$http|pin|endpoint_pin|spake2plus|micro_ap|https" '^mr_(api|endpoint|http|form|json|wifi|part_wifi|tls)'
absent "a micro-AP without a PIN has none of its code" direct_micro_ap "pin|endpoint_pin|spake2plus|https" '^mr_(pin|spake2plus|tls|api_identity)'
absent "a device of the PIN has nothing of TLS" direct_pin "micro_ap|https" '^mr_(method_micro|method_https|tls|api_identity)'
absent "a device of HTTPS alone hears no action frames" https "direct|session|noise|pin|spake2plus|micro_ap" '^mr_(direct|session|noise|pin|frame_parse)'

# The same patterns find what they look for where it is.
found=$(members all | grep -cxE "$http|pin|endpoint_pin|spake2plus|micro_ap|https|direct|session|noise|sniffer|sealed|erasure|overheard")
check "an image of everything has all of it" "$([ "$found" -eq 17 ] || echo "$found members of 17")"

found=$(members direct_wps | grep -cxE "wps|wsc|wsc_enrollee|eap")
check "and one with WPS has its members" "$([ "$found" -eq 4 ] || echo "$found members of 4")"

wrong=
for image in "$size"/*/image; do
	"$image" || wrong="$wrong $(basename "$(dirname "$image")")"
done
check "every image starts with its table" "$wrong"

more=$(awk 'NR == FNR { if ($1 !~ /^#/) limit[$1 " " $2] = $3 " " $4 " " $5 " " $6; next }
	/"image"/ {
		split($0, q, "\""); image = q[4]; target = q[8]; compiler = q[12]
		# Another compiler makes another size; the limits are those of gcc for these two machines.
		if (target == "host" && compiler !~ /^gcc .* x86_64/) next
		if (!match($0, /"flash": .*"stack": [0-9]+/)) next
		n = split(substr($0, RSTART, RLENGTH), f, /[^0-9]+/); split(limit[target " " image], most, " ")
		for (i = 2; i <= n; i++) if (f[i] > most[i - 1] + 0) print target, image, f[i], "of", most[i - 1] + 0
	}' tests/agent-size/limits "$build/agent-size.json" | tr '\n' ';')
check "no image has outgrown its limit" "$more"
