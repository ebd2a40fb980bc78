# Prints the hosts that ssh_config (the first argument, or the user's own and the system's) and known_hosts name, one a line.
# Patterns and hashed names are left out, and so is what holds other characters than names have.
words() {
	awk '{
		sub(/^[ \t]+/, ""); sub(/[ \t]*=[ \t]*/, " "); gsub(/["\r]/, "")
		n = split($0, w, /[ \t]+/); k = tolower(w[1])
		if (k == "host" || k == "include" || k ~ /^(user|global)knownhostsfile$/)
			for (i = 2; i <= n && w[i] !~ /^#/; i++)
				if (w[i] != "") print k, w[i]
	}' "$1"
}
place() {
	case $1 in
	/*) printf %s "$1" ;;
	"~/"*) printf %s "$HOME/${1#??}" ;;
	*) printf %s "$2/$1" ;;
	esac
}
walk() {
	[ -f "$1" ] && [ -r "$1" ] && [ "$3" -lt 8 ] || return 0
	words "$1" | while read -r key word; do
		case $key in
		include) for file in $(place "$word" "$2"); do walk "$file" "$2" $(($3 + 1)); done ;;
		*) printf "%s %s\n" "$key" "$word" ;;
		esac
	done
}
known() {
	for file in "$HOME/.ssh/known_hosts" "$HOME/.ssh/known_hosts2" @ETC@/ssh_known_hosts @ETC@/ssh_known_hosts2 "$@"; do
		[ -f "$file" ] && [ -r "$file" ] && awk '$1 !~ /^[#@|]/ && NF > 2 {
			n = split($1, w, ",")
			for (i = 1; i <= n; i++) {
				if (w[i] ~ /^\[/) { sub(/^\[/, "", w[i]); sub(/\].*/, "", w[i]) }
				print w[i]
			}
		}' "$file"
	done
}
all=$(if [ -n "$1" ]; then walk "$1" "$HOME/.ssh" 0; else walk "$HOME/.ssh/config" "$HOME/.ssh" 0; walk @ETC@/ssh_config @ETC@ 0; fi)
{
	printf "%s\n" "$all" | sed -n "s/^host //p"
	set -f
	known $(printf "%s\n" "$all" | sed -n "s/^[ug].*knownhostsfile //p" | while read -r file; do place "$file" .; echo; done)
} | grep -E "^[A-Za-z0-9_][A-Za-z0-9_.:%-]*$" | sort -u
