#!/bin/sh
# limits.sh - batch systems limit the address space: what a program has no use
# for must not be needed, and what does not fit is an error, never a hang.
# shellcheck disable=SC3045 # a shell without it skips the test
. "$(dirname "$0")/common.inc"

# Sanitizers reserve terabytes, so that nothing of theirs starts under it.
(ulimit -v 1000000 && "$HVQZ" -V >out 2>&1) || exit 77

status 0 hvqz --lossless -o good "$MODEL"

# limited KIB COMMAND...: KILL, status 137, is what ends a hang.
limited() {
	(
		ulimit -v "$1"
		shift
		exec timeout -s KILL 60 "$@"
	)
}

for kib in 100000 120000 150000 200000; do
	for program in "$HVQZ" "$HVQZ-eval" "$HVQZ-sense"; do
		status 0 limited $kib "$program" -V >out
	done
done
status 0 limited 150000 "$HVQZ" -dc -T1 good >back
same back "$MODEL"
status 0 limited 150000 "$HVQZ" -l good >out
status 0 limited 200000 "$HVQZ" -c -T1 --lossless "$MODEL" >again
same again good

# A number of threads that somebody wants for other programs' sake.
status 0 limited 150000 env OPENBLAS_NUM_THREADS=8 "$HVQZ" -dc -T1 good >back
same back "$MODEL"

# The same by the other limit that a mapping counts against.
(
	ulimit -d 60000
	status 0 timeout -s KILL 60 "$HVQZ" -dc -T1 good >back
) || exit 1
same back "$MODEL"

# Whatever the limit, it ends, with a word where it is no success.
for kib in 20000 40000 60000 70000 90000 110000 130000 170000 220000; do
	limited $kib "$HVQZ" -dc -T2 good >back 2>err
	case $? in
	0) same back "$MODEL" ;;
	137) fail "it hangs when the limit is $kib KiB" ;;
	*) [ -s err ] || fail "not a word about the limit of $kib KiB" ;;
	esac
done
