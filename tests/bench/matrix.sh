#!/usr/bin/env bash
# matrix.sh - the same bytes with and without every instruction set.
#
# Encodes and decodes with the portable C, AVX2 and AVX-512 kernels of one
# program, tests/hvqz_hooks, by HVQZ_CPU_OFF, and compares: .hvqz with .hvqz,
# restored file with restored file (DESIGN, law 4). Any difference: exit 1.
# OpenBLAS chooses its own kernels by the processor, the same in all three.
#
#	MODELS_IN="FILE …"	(default: kjv-1m, generated BF16, F16 and F32)
#	SIZE=24M		of a generated one
#	HOOKS=PROGRAM		(default: tests/hvqz_hooks beside HVQZ)
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

HOOKS=${HOOKS:-$(dirname "$HVQZ")/tests/hvqz_hooks}
SIZE=${SIZE:-24M}
sidecars=$top/tests/data/kjv-1m/sidecar
[ -x "$HOOKS" ] || make -s -C "$(dirname "$HVQZ")" tests/hvqz_hooks ||
	die "no program $HOOKS"

# on SETS-OFF OPTION...
on() {
	local off=$1
	shift
	HVQZ_CPU_OFF=$off "$HOOKS" -q "$@"
}

sets=("portable:avx2,avx512" "avx2:avx512" "avx512:")
# What this processor cannot run, the program replaces by what it can.
for set in "${sets[@]}"; do
	HVQZ_CPU_OFF=${set#*:} "$HOOKS" -vv -n \
		"$top/tests/data/kjv-1m/model.safetensors" 2>&1 >/dev/null |
		sed -n "s/.*kernels: /${set%%:*} is run by: /p"
done

differ=0
n=0
# row FILE NAME OPTION...
row() {
	local file=$1 name=$2 set times=
	shift 2
	for set in "${sets[@]}"; do
		local TIMEFORMAT=%U e d to=$tmp/${set%%:*}
		e=$({ time on "${set#*:}" -c "$@" "$file" >"$to"; } 2>&1)
		d=$({ time on "${set#*:}" -d <"$tmp/portable" \
			>"$to.out"; } 2>&1)
		times+=$(printf ' %8s %7s' "$e" "$d")
		if ! cmp -s "$tmp/portable" "$to"; then
			times+=" ENCODED DIFFERS"
			differ=1
		fi
		if ! cmp -s "$tmp/portable.out" "$to.out"; then
			times+=" DECODED DIFFERS"
			differ=1
		fi
		n=$((n + 1))
	done
	if [ "$name" = lossless ] && ! cmp -s "$file" "$tmp/portable.out"; then
		times+=" NOT RESTORED"
		differ=1
	fi
	printf '%-18s %-14s%s\n' "$(basename "$file")" "$name" "$times"
}

all() {
	row "$1" lossless --lossless
	row "$1" lossless-1 --lossless -1
	row "$1" lossless-9 --lossless -9
	row "$1" trellis
	row "$1" trellis-1 -1
	row "$1" kmeans --body kmeans --centroids 256
	row "$1" kmeans-K40-b2 --body kmeans --centroids 40 --block 2 -1
	row "$1" rtn --bits 4
	row "$1" hero-rtn --bits 3 --condition hero --alpha 0.5
	row "$1" smooth-rtn --bits 4 --condition smooth
	row "$1" bpp --bpp 3 -1
}

printf '%-33s' 'user s, encode decode'
for set in "${sets[@]}"; do
	printf ' %16s' "${set%%:*}"
done
echo
if [ -n "${MODELS_IN-}" ]; then
	for file in $MODELS_IN; do
		all "$file"
	done
else
	need_tools
	kjv=$top/tests/data/kjv-1m/model.safetensors
	all "$kjv"
	for kind in diag full; do
		side=$sidecars/$kind.safetensors
		row "$kjv" "$kind" --sidecar "$side"
		row "$kjv" "$kind-9" -9 --sidecar "$side"
		row "$kjv" "$kind-kmeans" --preset mid --sidecar "$side"
		row "$kjv" "$kind-hero" --bits 3 --condition hero \
			--alpha 0.5 --sidecar "$side"
	done
	for dtype in bf16 f16 f32; do
		"$BENCH/gen_model" --size "$SIZE" --dtype "$dtype" \
			--shape 1000x1021 >"$tmp/generated-$dtype"
		all "$tmp/generated-$dtype"
	done
fi
if [ "$differ" -ne 0 ]; then
	echo "FAIL: instruction sets differ"
	exit 1
fi
echo "good: $n files, all equal"
