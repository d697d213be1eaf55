# bash completion for millrace. Commands and options come from the program's own --help, so they cannot be out of date.
# `make install` puts it into share/bash-completion/completions, where bash-completion finds it; without: . config/completions/millrace.bash

# The options of "millrace WORDS... --help", a line each: name, a tab, the name of its value ("" for a switch).
_millrace_options() {
	"$@" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\) \([A-Z][A-Z,.]*\)\{0,1\}.*/\1\t\2/p'
}

# The words of the list that "millrace --help" or "millrace ca --help" prints.
_millrace_commands() {
	"$@" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
}

_millrace() {
	local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=("${COMP_WORDS[0]}")
	local word options value name i
	COMPREPLY=()

	# The command, of one word or two, is before the first option.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == [a-z]* && ${#command[@]} -lt 3 && $word != *.* && $word != */* ]] || break
		command+=("$word")
	done

	if [[ ${#command[@]} -eq 1 && $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_millrace_commands "$program") --help --version" -- "$current")
		return
	fi
	if [[ ${command[1]-} == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_millrace_commands "$program")" -- "$current")
		return
	fi

	# After an option that takes a value: files or folders, or nothing of ours.
	options=$(_millrace_options "${command[@]}")
	name=${COMP_WORDS[COMP_CWORD - 1]}
	[[ $name == = ]] && name=${COMP_WORDS[COMP_CWORD - 2]-}
	[[ $current == = ]] && name=${COMP_WORDS[COMP_CWORD - 1]-} current=
	value=$(sed -n "s/^$name"$'\t''//p' <<< "$options")
	if [[ $name == --* && -n $value ]]; then
		case $value in
		FILE*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
		DIR*) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
		esac
		[[ $name == --format ]] && mapfile -t COMPREPLY < <(compgen -W "svg png zpl text ascii" -- "$current")
		[[ $name == --template ]] && mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$current"; compgen -d -- "$current")
		[[ $name == --palette ]] && mapfile -t COMPREPLY < <(compgen -W "default colour-blind mono" -- "$current")
		[[ $name == --log-level ]] && mapfile -t COMPREPLY < <(compgen -W "error warn info debug trace list" -- "$current")
		[[ $name == --policy ]] && mapfile -t COMPREPLY < <(compgen -W "pex round-robin" -- "$current")
		compopt -o filenames 2>/dev/null
		return
	fi
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1 <<< "$options")" -- "$current")
		return
	fi

	case ${command[1]-} in
	run | check)
		mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$current"; compgen -d -- "$current")
		compopt -o filenames 2>/dev/null ;;
	ca)
		[[ ${#command[@]} -eq 2 ]] &&
			mapfile -t COMPREPLY < <(compgen -W "$(_millrace_commands "$program" ca)" -- "$current") ;;
	sniffer)
		if [[ ${#command[@]} -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_millrace_commands "$program" sniffer)" -- "$current")
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames 2>/dev/null
		fi ;;
	ctl)
		if [[ ${#command[@]} -eq 2 ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_millrace_commands "$program" ctl)" -- "$current")
		elif [[ ${command[2]} == run ]]; then
			mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$current"; compgen -d -- "$current")
			compopt -o filenames 2>/dev/null
		fi ;;
	audit)
		[[ ${#command[@]} -eq 2 ]] &&
			mapfile -t COMPREPLY < <(compgen -W "batch device failures certs overrides pauses labels verify sql export" -- "$current") ;;
	labels)
		[[ ${#command[@]} -eq 2 ]] && mapfile -t COMPREPLY < <(compgen -W "scan" -- "$current") ;;
	methods)
		mapfile -t COMPREPLY < <(compgen -W "$("$program" methods 2>/dev/null | grep '^[a-z]')" -- "$current") ;;
	radios)
		[[ ${#command[@]} -eq 2 ]] && mapfile -t COMPREPLY < <(compgen -W "test" -- "$current") ;;
	esac
}

complete -F _millrace millrace
