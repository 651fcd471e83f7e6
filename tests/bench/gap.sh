#!/usr/bin/env bash
# gap.sh - distance of the trellis to the bound of rate-distortion theory.
#
# One matrix of independent weights, F32, no sidecar, encoded and decoded by
# the program; all bytes of the file count. The bound is the rate-distortion
# function (Gaussian) or the Shannon lower bound (Laplacian): gap.c.
#
#	SHAPE=4096x4096 (1024x1024 is quick)  RATES="2 3 4 5"  EFFORTS="5 9"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SHAPE=${SHAPE:-4096x4096}
EFFORTS=${EFFORTS:-5 9}
declare -A target=([5]=0.09 [9]=0.055)
need_tools
need_space 1

# cells SOURCE RATE: bits and distance at each effort; fail is set when it is
# more than the target.
fail=0
cells() {
	local effort bpp gap
	for effort in $EFFORTS; do
		"$HVQZ" -q --bpp "$2" "-$effort" <"$tmp/$1" >"$tmp/model.hvqz"
		"$HVQZ" -q -d <"$tmp/model.hvqz" >"$tmp/restored"
		read -r bpp gap _ < <("$BENCH/gap" measure "$1" "$tmp/$1" \
			"$tmp/restored" "$(wc -c <"$tmp/model.hvqz")")
		printf ' %9s %9s' "$bpp" "$gap"
		[ "$(calc "$gap > ${target[$effort]:-9}" %d)" = 0 ] || fail=1
	done
}

printf '%-20s %5s' "$SHAPE, F32" asked
for effort in $EFFORTS; do
	printf ' %9s %9s' "-$effort: bpp" gap
done
echo
for source in gaussian laplacian; do
	"$BENCH/gap" make "$source" "$SHAPE" f32 >"$tmp/$source"
	for rate in ${RATES:-2 3 4 5}; do
		printf '%-20s %5s' "$source" "$rate"
		cells "$source" "$rate"
		echo
	done
	rm "$tmp/$source"
done
printf '%-20s %5s' "target, at most" ''
for effort in $EFFORTS; do
	printf ' %9s %9s' '' "${target[$effort]:--}"
done
echo
if [ "$fail" -ne 0 ]; then
	echo "FAIL: a gap is over its target"
	exit 1
fi
