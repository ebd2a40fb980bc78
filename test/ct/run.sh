#!/bin/sh
# Runs ct_test under valgrind, and shows that its leaks are caught; then looks for divisions, whose time depends on the
# operands and which valgrind does not report, in the code that handles secrets.
# usage: run.sh ct_test archive-of-the-primitives
command -v valgrind >/dev/null || { echo "no valgrind"; exit 77; }
check() {
	valgrind -q --error-exitcode=99 --track-origins=no "$@" >"$log" 2>&1
}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
check "$1"
status=$?
[ $status -eq 0 ] || { cat "$log"; exit $status; }
for leak in branch index; do
	check "$1" $leak
	[ $? -eq 99 ] || { echo "a leak by $leak went unnoticed"; exit 1; }
done
command -v objdump >/dev/null || exit 0
objdump -d --no-show-raw-insn "$2" >"$log" || exit 1
grep -q ret "$log" || { echo "objdump shows no code"; exit 1; }
if grep -E '[[:space:]](i?div[bwlq]?|[us]div)[[:space:]]' "$log"; then
	echo "a division on what may be secret"
	exit 1
fi
