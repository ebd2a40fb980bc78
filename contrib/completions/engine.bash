# Generated from the tables of the programs; see contrib/completions. Needs nothing but bash.

# The words of the line up to the cursor, as the shell will see them: quotes are taken off.
_hawser_split()
{
	local line=${COMP_LINE:0:COMP_POINT} word= quote= c i in=
	words=()
	for ((i = 0; i < ${#line}; i++)); do
		c=${line:i:1}
		case $quote$c in
		\\?) word+=$c quote= ;;
		\'\'|\"\") quote= ;;
		\'?|\"?) word+=$c ;;
		\'|\"|\\) quote=$c in=1 ;;
		' '|$'\t')
			[[ $in ]] && words+=("$word")
			word= in= ;;
		*) word+=$c in=1 ;;
		esac
	done
	words+=("$word")
	while ((${#words[@]} > 1)) && [[ ${words[0]} == *=* ]]; do
		words=("${words[@]:1}")
	done
}

# The values that a kind of argument may have, into list.
_hawser_values()
{
	local ssh=ssh name
	[[ ${words[0]##*/} == ssh ]] && ssh=${words[0]/#\~\//$HOME/}
	list=()
	case $1 in
	word:*|words:*) IFS=, read -ra list <<<"${1#*:}" ;;
	alg:*|algs:*) mapfile -t list < <("$ssh" -Q "${1#*:}" 2>/dev/null) ;;
	query) mapfile -t list < <("$ssh" -Q help 2>/dev/null) ;;
	user) mapfile -t list < <(compgen -u) ;;
	host|userhost|hosts) mapfile -t list < <(sh -c "$_hawser_hosts_script" hosts "$config" 2>/dev/null) ;;
	interface) for name in /sys/class/net/*; do list+=("${name##*/}"); done ;;
	address) mapfile -t list < <(ip -o addr 2>/dev/null | awk '{sub(/\/.*/, "", $4); print $4}') ;;
	command) mapfile -t list < <(compgen -c -- "$2") ;;
	esac
}

# What may stand for $2, which is of kind $1; $3 is in front of it in the same word.
_hawser_offer()
{
	local kind=$1 at=$2 front=$3 list word name
	case $kind in
	file)
		compopt -o filenames 2>/dev/null
		while IFS= read -r word; do COMPREPLY+=("$front$word"); done < <(compgen -f -- "${at/#\~\//$HOME/}")
		[[ $front ]] && compopt +o filenames 2>/dev/null
		return ;;
	conf)
		if [[ $at == *=* ]]; then
			shopt -q nocasematch; local was=$?
			shopt -s nocasematch
			for word in $keywords; do
				[[ ${word%%=*} == "${at%%=*}" ]] && name=${word#*=}
			done
			((was)) && shopt -u nocasematch
			[[ $name ]] && _hawser_offer "$name" "${at#*=}" "$front${at%%=*}="
			return
		fi
		compopt -o nospace 2>/dev/null
		shopt -q nocasematch; local was=$?
		shopt -s nocasematch
		for word in $keywords; do
			[[ $word == "$at"* ]] && COMPREPLY+=("$front${word%%=*}=")
		done
		((was)) && shopt -u nocasematch
		return ;;
	algs:*)
		[[ $at == [+^-]* ]] && front+=${at:0:1} at=${at:1} ;;&
	algs:*|words:*|hosts)
		[[ $at == *,* ]] && front+=${at%,*}, at=${at##*,} ;;&
	userhost|hosts)
		[[ $at == ssh://* ]] && front+=ssh:// at=${at#ssh://}
		[[ $at == *@* ]] && front+=${at%@*}@ at=${at##*@} ;;
	esac
	_hawser_values "$kind" "$at"
	for word in "${list[@]}"; do
		[[ $word == "$at"* ]] && COMPREPLY+=("$front$word")
	done
}

# One word of options: what it takes from the next word (kind), or what is asked of it itself.
_hawser_flags()
{
	local word=$1 i letter pair
	kind= attached=
	for ((i = 1; i < ${#word}; i++)); do
		letter=${word:i:1}
		for pair in $args; do
			[[ $pair == "$letter"=* ]] || continue
			kind=${pair#*=}:wanted
			((i + 1 < ${#word})) && attached=${word:0:i+1}
			[[ $letter == F ]] && config=${word:i+1}
			return
		done
	done
}

# readline replaces only what stands behind the last of its own word breaks.
_hawser_trim()
{
	local word=$1 i cut=0 c
	for ((i = 0; i < ${#word}; i++)); do
		c=${word:i:1}
		[[ $COMP_WORDBREAKS == *"$c"* ]] && cut=$((i + 1))
		[[ $c == @ && $cut == $((i + 1)) ]] && cut=$i
	done
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]:cut}
	done
}

# $1 letters without an argument, $2 letter=kind, $3 keyword=kind, $4 kinds of the first word and of the others.
_hawser_complete()
{
	local flags=$1 args=$2 keywords=$3 rest=$4 words kind= attached= config= seen=0 i word cur ended=
	COMPREPLY=()
	_hawser_split
	cur=${words[-1]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		if [[ $ended || $word != -?* ]]; then
			((++seen))
			continue
		fi
		[[ $word == -- ]] && ended=1 && continue
		_hawser_flags "$word"
		[[ $kind && ! $attached ]] || { kind=; continue; }
		((++i < ${#words[@]} - 1)) || break
		[[ $word == *F ]] && config=${words[i]}
		kind=
	done
	config=${config/#\~\//$HOME/}
	if [[ $kind && ! $attached ]]; then
		_hawser_offer "${kind%:wanted}" "$cur" ''
	elif [[ $cur == -* && ! $ended ]] && { _hawser_flags "$cur"; [[ $attached ]]; }; then
		_hawser_offer "${kind%:wanted}" "${cur#"$attached"}" "$attached"
	elif [[ $cur == -* && ! $ended ]]; then
		for ((i = 0; i < ${#flags}; i++)); do COMPREPLY+=("-${flags:i:1}"); done
		for word in $args; do COMPREPLY+=("-${word%%=*}"); done
		[[ $cur == - ]] || COMPREPLY=("$cur")
	else
		((seen)) && kind=${rest#* } || kind=${rest%% *}
		_hawser_offer "$kind" "$cur" ''
	fi
	_hawser_trim "$cur"
}
