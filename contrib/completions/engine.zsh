# Generated from the tables of the programs; see contrib/completions.

_hawser_hosts()
{
	local config=${opt_args[-F]:-${opt_args[*-F]}}
	sh -c "$_hawser_hosts_script" hosts "${config/#\~\//$HOME/}" 2>/dev/null
}

_hawser_value()
{
	# _arguments puts options of its own in front of what a spec names.
	local kind=${@[-1]} ssh=ssh list
	[[ ${words[1]:t} == ssh ]] && ssh=${(Q)words[1]/#\~\//$HOME/}
	# Comma lists and user@ stand in front of what is completed. (What compset does ends with the function that calls it.)
	[[ $kind == algs:* ]] && compset -P '[+^-]'
	[[ $kind == (algs:*|words:*|hosts) ]] && compset -P '*,'
	[[ $kind == (userhost|hosts) ]] && { compset -P 'ssh://'; compset -P '*@' }
	case $kind in
	word:*|words:*) list=(${(s:,:)${kind#*:}}) ;;
	alg:*|algs:*) list=(${(f)"$($ssh -Q ${kind#*:} 2>/dev/null)"}) ;;
	query) list=(${(f)"$($ssh -Q help 2>/dev/null)"}) ;;
	host|userhost|hosts) list=(${(f)"$(_hawser_hosts)"}) ;;
	interface) list=(/sys/class/net/*(N:t)) ;;
	address) list=(${(f)"$(ip -o addr 2>/dev/null | awk '{sub(/\/.*/, "", $4); print $4}')"}) ;;
	user) _users; return ;;
	file) _files; return ;;
	command) _command_names -e; return ;;
	conf)
		local key
		if compset -P '(#b)([^=]##)='; then
			key=$match[1]
		elif [[ $IPREFIX$PREFIX == *=* ]]; then
			key=${PREFIX%%=*}
			compset -P '*='
		fi
		if [[ -n $key ]]; then
			key=${(k)_hawser_conf[(i)(#i)$key]}
			[[ -n ${_hawser_conf[$key]} ]] && _hawser_value ${_hawser_conf[$key]}
			return
		fi
		compadd -M 'm:{a-zA-Z}={A-Za-z}' -S = -- ${(k)_hawser_conf}
		return ;;
	*) _message 'argument'; return ;;
	esac
	compadd -- $list
}
