#!/bin/sh
# kill.sh - SIGINT, SIGTERM and SIGKILL at random moments of an encode and of a
# decode: 15 of each; 500 of each with HVQZ_LONG set. Needs FAULTS, the folder
# of tests/faults/kill.
. "$(dirname "$0")/common.inc"

: "${FAULTS:?set FAULTS to the folder that has the program kill}"
n=15
[ -z "${HVQZ_LONG-}" ] || n=500

status 0 hvqz --lossless --chunk 64K -c "$MODEL" >good.hvqz

run() {
	echo "$*"
	"$FAULTS/kill" -n $n -t out "$@" || exit 1
}

# Death while it waits for an exec, before there are handlers, counts too.
run "$HVQZ" -dfo out good.hvqz
run -i good.hvqz "$HVQZ" -dfT3 -o out
run "$HVQZ" --lossless -T3 -fo out "$MODEL"
if [ -n "${HVQZ_LONG-}" ]; then
	run "$HVQZ" --bpp 4 -fo out "$MODEL"
fi

# Two at once on one target: whichever is last, it is whole.
i=0
while [ $i -lt 10 ]; do
	hvqz -dfo twice good.hvqz &
	hvqz -dfo twice good.hvqz || fail "the second of two"
	wait $! || fail "the first of two"
	same twice "$MODEL"
	i=$((i + 1))
done
# Without -f one of them finds the other's work there.
rm twice
hvqz -do twice good.hvqz 2>err1 &
hvqz -do twice good.hvqz 2>err2
second=$?
wait $!
[ $((second + $?)) -eq 1 ] || fail "not one of two without -f"
same twice "$MODEL"
cat err1 err2 >err
grep -q 'exists already\|File exists' err || fail "no word about it"
no_traces
