#!/bin/sh
# ssh-copy-id: puts public keys into authorized_keys of an account on another host. See ssh-copy-id(1).
# Needs a POSIX shell here; there a POSIX shell, or with -s nothing but an sftp server.

usage() {
	cat >&2 <<-'END'
	usage: ssh-copy-id [-fhnsx] [-i [identity_file]] [-p port] [-F ssh_config]
	                   [-t target_path] [-o ssh_option ...] [user@]hostname
	END
	sed 's/^\t*//; s/^-/  -/' >&2 <<-'END'
	  -F ssh_config   configuration file of ssh
	  -f              add the keys without asking whether they are there already
	  -h              print this help
	  -i file         public key to add; without a file the newest ~/.ssh/id*.pub
	  -n              only say which keys would be added
	  -o ssh_option   option for ssh
	  -p port         port of the server
	  -s              use sftp: for accounts that may run no commands
	  -t target_path  file to add to, below the home directory (.ssh/authorized_keys)
	  -x              show what the script does
	END
	exit 1
}

say() { printf 'ssh-copy-id: %s\n' "$*" >&2; }
fail() { say "ERROR: $*"; exit 1; }

# The words of a command that eval puts together again.
quoted() { printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

newest_key() {
	# Names in ~/.ssh that begin with id are made by ssh-keygen; the order of time is what counts.
	# shellcheck disable=SC2010,SC2012
	ls -dt "$HOME"/.ssh/id*.pub 2>/dev/null | grep -v -e '-cert\.pub$' | head -n 1
}

public_file() {
	case $1 in
	*.pub) printf '%s' "$1" ;;
	*) printf '%s.pub' "$1" ;;
	esac
}

force='' dry='' sftp='' target=.ssh/authorized_keys host='' options='' identity='' seen_i=''
while [ $# -gt 0 ]; do
	value=
	case $1 in
	-[ioptF]?*) letter=${1%"${1#??}"} value=${1#??} ;;
	-[optF])
		[ $# -gt 1 ] || usage
		letter=$1 value=$2
		shift ;;
	-i)
		letter=-i
		case $#:$2 in
		1:*|2:*|*:-*) ;;
		*) value=$2; shift ;;
		esac ;;
	--)
		shift
		[ $# -eq 1 ] && [ -z "$host" ] || usage
		letter='' host=$1 ;;
	-?*) letter=$1 ;;
	*)
		[ -z "$host" ] || fail "more than one host: $host and $1"
		letter='' host=$1 ;;
	esac
	shift
	case $letter in
	'') ;;
	-i)
		[ -z "$seen_i" ] || fail 'only one -i'
		seen_i=1 identity=$value ;;
	-o) options="$options-o $(quoted "$value")" ;;
	-p) options="$options-o $(quoted "Port=$value")" ;;
	-F) options="$options-F $(quoted "$value")" ;;
	-t) target=$value ;;
	-f) force=1 ;;
	-n) dry=1 ;;
	-s) sftp=1 ;;
	-x) set -x ;;
	*) usage ;;
	esac
done
[ -n "$host" ] || usage
case $host in -*) usage ;; esac
case $target in
'') fail '-t wants a file' ;;
*/|.|..|*/.|*/..) fail "$target is a directory" ;;
*[[:cntrl:]\"\\*?[]*) fail "$target: a path with control characters, quotes, backslashes or wildcards is not for ssh-copy-id" ;;
esac
[ -n "${HOME-}" ] && [ -d "$HOME" ] || fail 'HOME is not set'

# Lines "type key comment" that go into authorized_keys: no comments, no certificates.
private=
if [ -z "$seen_i" ] && agent=$(ssh-add -L 2>/dev/null) && [ -n "$agent" ]; then
	text=$agent
else
	[ -n "$identity" ] || identity=$(newest_key)
	[ -n "$identity" ] || fail 'no keys: the agent holds none, and there is no ~/.ssh/id*.pub; make one with ssh-keygen'
	file=$(public_file "$identity")
	[ -r "$file" ] || fail "cannot read $file"
	text=$(cat -- "$file") || exit 1
	[ -r "${file%.pub}" ] && private=${file%.pub}
	say "INFO: Source of key(s) to be installed: \"$file\""
fi
keys=$(printf '%s\n' "$text" | grep -E '^(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[A-Za-z0-9@.-]+ +[A-Za-z0-9+/]+=* *' | grep -v -e '^[^ ]*-cert-v01@openssh\.com ')
[ -n "$keys" ] || fail 'no public key was found there'

scratch=$(mktemp -d "${TMPDIR:-/tmp}/ssh-copy-id.XXXXXXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
umask 077

# Keys that open the account already need not be added. What else hinders a login ends the script.
new_keys() {
	printf '%s\n' "$keys" | while IFS= read -r line; do
		printf '%s\n' "$line" > "$scratch/key.pub"
		eval "set -- $options"
		ssh "$@" -i "${private:-$scratch/key}" -o ControlPath=none -o IdentitiesOnly=yes -o LogLevel=INFO \
			-o PreferredAuthentications=publickey -- "$host" exit </dev/null >/dev/null 2>"$scratch/said"
		# 255 is ssh's own; anything else is said by the account, so the key opened it.
		[ $? -eq 255 ] || continue
		if ! grep -q 'Permission denied' "$scratch/said"; then
			sed 's/^/ssh-copy-id: ERROR: /' "$scratch/said" >&2
			: > "$scratch/failed"
			break
		fi
		printf '%s\n' "$line"
	done
}

if [ -z "$force" ]; then
	say 'INFO: attempting to log in with the new key(s), to filter out any that are already installed'
	keys=$(new_keys)
	[ ! -e "$scratch/failed" ] || exit 1
	if [ -z "$keys" ]; then
		say 'WARNING: All keys were skipped because they already exist on the remote system.'
		say '         (-f adds them nevertheless)'
		exit 0
	fi
	say "INFO: $(printf '%s\n' "$keys" | wc -l | tr -d ' ') key(s) remain to be installed -- if you are prompted now it is to install the new keys"
fi

if [ -n "$dry" ]; then
	printf '=-=-=-=-=-=-=-=\nWould have added the following key(s):\n\n%s\n=-=-=-=-=-=-=-=\n' "$keys"
	exit 0
fi

# Runs there. The path, the mode and the keys come on standard input, so no quoting is needed but the one around it; no quote of
# that kind and no line end is inside, since the login shell may be a csh.
there='cd || exit 1; umask 077; n=0; IFS= read -r f; read -r mode;'
there="$there"' if [ -f /etc/openwrt_release ] && [ "$(id -u)" = 0 ] && [ "$f" = .ssh/authorized_keys ]; then f=/etc/dropbear/authorized_keys; fi;'
there="$there"' case $f in */*) d=${f%/*}; mkdir -p "${d:-/}" || exit 1;; *) d=.;; esac;'
there="$there"' if [ -n "$(tail -c 1 "$f" 2>/dev/null)" ]; then echo >>"$f" || exit 1; fi;'
there="$there"' while read -r type key comment; do'
there="$there"' if [ "$mode" = once ] && grep -v "^[[:space:]]*#" "$f" 2>/dev/null | grep -qF "$type $key"; then continue; fi;'
there="$there"' printf "%s\n" "$type $key${comment:+ $comment}" >>"$f" || exit 1; n=$((n+1)); done;'
there="$there"' if command -v restorecon >/dev/null 2>&1; then restorecon -F "$d" "$f" >/dev/null 2>&1; fi; echo "ssh-copy-id added $n"'

mode=once
[ -n "$force" ] && mode=force

by_ssh() {
	eval "set -- $options"
	printf '%s\n' "$target" "$mode" "$keys" | ssh "$@" -- "$host" "exec sh -c '$there'" >"$scratch/out" || return 1
	added=$(sed -n 's/^ssh-copy-id added \([0-9][0-9]*\)$/\1/p' "$scratch/out" | tail -n 1)
	[ -n "$added" ] || { cat "$scratch/out" >&2; return 1; }
}

# One session: fetch the file, add to it here, put it beside the old one, give it the name. sftp goes on after an error, so each step
# works only if the ones before it did.
by_sftp() {
	printf '%s\n' "$keys" > "$scratch/keys"
	cat > "$scratch/merge" <<-END
		cd "\$(dirname "\$0")" || exit 1
		if [ ! -e current ]; then
			grep -q -e 'not found' -e 'No such file' log || exit 1
			: > current
		fi
		cp current merged
		[ -z "\$(tail -c 1 merged)" ] || echo >> merged
		n=0
		while read -r type key comment; do
			if [ $mode = once ] && grep -v '^[[:space:]]*#' merged | grep -qF "\$type \$key"; then continue; fi
			printf '%s\n' "\$type \$key\${comment:+ \$comment}" >> merged
			n=\$((n + 1))
		done < keys
		echo "\$n" > added
	END
	{
		printf 'get "%s" "%s"\n!sh "%s"\n' "$target" "$scratch/current" "$scratch/merge"
		dir=
		case $target in */*) dir=${target%/*} ;; esac
		made=
		while [ -n "$dir" ]; do
			made="$dir
$made"
			case $dir in */*) dir=${dir%/*} ;; *) dir= ;; esac
		done
		printf '%s' "$made" | sed '/^$/d; s/.*/mkdir "&"/'
		case $target in .ssh/*) echo 'chmod 700 .ssh' ;; esac
		printf 'put "%s" "%s.new"\nchmod 600 "%s.new"\nrename "%s.new" "%s"\nget "%s" "%s"\n' \
			"$scratch/merged" "$target" "$target" "$target" "$target" "$target" "$scratch/check"
	} > "$scratch/batch"
	place=$host
	case ${host##*@} in
	\[*) ;;
	*:*) case $host in *@*) place="${host%@*}@[${host##*@}]" ;; *) place="[$host]" ;; esac ;;
	esac
	eval "set -- $options"
	sftp "$@" -- "$place" < "$scratch/batch" > "$scratch/log" 2>&1
	if [ ! -s "$scratch/merged" ] || ! cmp -s "$scratch/merged" "$scratch/check"; then
		sed '/^sftp>/d; s/^/ssh-copy-id: /' "$scratch/log" >&2
		return 1
	fi
	added=$(cat "$scratch/added")
}

if [ -n "$sftp" ]; then by_sftp; else by_ssh; fi || fail "the keys were not added to $target on $host"
printf '\nNumber of key(s) added: %s\n\nNow try logging into the machine, with:   "ssh %s%s"\nand check to make sure that only the key(s) you wanted were added.\n\n' \
	"$added" "$options" "$host"
