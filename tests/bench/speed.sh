#!/usr/bin/env bash
# speed.sh - how fast every codec is on one core, with and without vectors.
#
# One table: user time of the whole program, reading, writing and (where it
# says so) checking included, the median of RUNS taken in turns by the
# portable C, AVX2 and AVX-512 (tests/hvqz_hooks, HVQZ_CPU_OFF). Beside the
# AVX2 column the target, and two floors, in the same unit:
#
#	ops	vector operations a weight, counted by hand in the AVX2 kernels
#		(below), at two a cycle of the clock that /proc/cpuinfo tells
#	bytes	bytes a weight that must pass through memory: in, out, and what
#		is larger than a cache between, at the speed of a plain copy
#		measured in this run
#
#	RUNS=5  SHAPE=4096x4096  ROWS="…" (a pattern of rows)
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

export OPENBLAS_NUM_THREADS=1
RUNS=${RUNS:-5}
SHAPE=${SHAPE:-4096x4096}
HOOKS=${HOOKS:-$(dirname "$HVQZ")/tests/hvqz_hooks}
[ -x "$HOOKS" ] || make -s -C "$(dirname "$HVQZ")" tests/hvqz_hooks ||
	die "no program $HOOKS"
need_tools
need_space 2

n=$((${SHAPE/x/*}))
"$BENCH/gap" make gaussian "$SHAPE" f16 >"$tmp/f16"
"$BENCH/gen_model" --size $((2 * n)) --dtype bf16 --shape "$SHAPE" >"$tmp/bf16"
# The full Hessian's width is 2048.
"$BENCH/gap" make gaussian $((n / 2048))x2048 f16 >"$tmp/wide"
for kind in full diagonal; do
	/usr/bin/env python3 "$top/tests/bench/made_sidecar.py" "$tmp/wide" \
		"$tmp/$kind" "$kind"
done

off=("avx2,avx512" "avx512" "")
# seconds SET INPUT OPTION...: its user time.
seconds() {
	local TIMEFORMAT=%U set=$1 in=$2
	shift 2
	{ time HVQZ_CPU_OFF=${off[set]} "$HOOKS" -q -T1 "$@" <"$in" \
		>"$tmp/out" 2>&3; } 3>&2 2>&1
}

# medians INPUT OPTION...: to ${median[@]}
medians() {
	local run set
	rm -f "$tmp"/times.*
	for ((run = 0; run < RUNS; run++)); do
		for set in 0 1 2; do
			seconds "$set" "$@" >>"$tmp/times.$set"
		done
	done
	for set in 0 1 2; do
		median[set]=$(sort -n "$tmp/times.$set" |
			sed -n "$(((RUNS + 1) / 2))p")
	done
}

mhz=$(awk -F: '/cpu MHz/ { print $2; exit }' /proc/cpuinfo)
TIMEFORMAT=%R
head -c 512M /dev/zero >"$tmp/out"
copy=$({ time cat "$tmp/out" >"$tmp/copied"; } 2>&1)
rm -f "$tmp/copied"
rate=$(calc "2 * 536.87 / $copy" %.0f)
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $mhz MHz;" \
	"a copy moves $rate MB/s; load $(cut -d ' ' -f 1 /proc/loadavg);" \
	"$SHAPE, medians of $RUNS"
printf '%-32s %9s %9s %9s %8s %9s %9s\n' "" portable AVX2 AVX-512 target \
	ops bytes

# row NAME TARGET OPS BYTES PER INPUT OPTION...; PER: units a weight.
row() {
	local name=$1 target=$2 ops=$3 bytes=$4 per=$5 set
	shift 5
	# shellcheck disable=SC2053 # a pattern it is
	[[ $name == ${ROWS:-*} ]] || return 0
	medians "$@"
	printf '%-32s' "$name"
	for set in 0 1 2; do
		printf ' %9.1f' "$(calc "$n * $per / 1e6 / ${median[set]}" %g)"
	done
	printf ' %8s %9.0f %9.0f\n' "$target" \
		"$(calc "2 * $mhz * $per / $ops" %g)" \
		"$(calc "$rate * $per / $bytes" %g)"
}

# made NAME INPUT OPTION...: something to decode.
made() {
	local name=$1 in=$2
	shift 2
	"$HOOKS" -q "$@" <"$in" >"$tmp/$name.hvqz"
}

made trellis "$tmp/f16"
made kmeans "$tmp/f16" -1 --body kmeans --centroids 2048 --block 4
made lossless "$tmp/bf16" --lossless -1
echo "M weights/s"
# rANS 3, points 0.4, turning 0.5, restoring and narrowing 1.5, hash 0.3.
row "trellis decode, F16" 250 6 8 1 "$tmp/trellis.hvqz" -d
# A quarter of a rANS symbol, signs, a copy of four weights.
row "k-means decode, K=2048 b=4" 400 2 6 1 "$tmp/kmeans.hvqz" -d
# Points 15 and four gathers of 1.5, states 6 each of 8, back 6, classes and
# sums 8, turning 2, rANS 5, and a decode of 6.
for kind in "" diagonal; do
	for level in 5 1; do
		option=("-$level")
		in=$tmp/f16
		target=25
		[ "$level" = 5 ] || target=50
		if [ -n "$kind" ]; then
			option+=(--sidecar "$tmp/$kind")
			in=$tmp/wide
		fi
		for verify in "" --no-verify; do
			row "trellis -$level ${kind:-none}${verify:+, unchecked}" \
				"$target" 38 40 1 "$in" "${option[@]}" $verify
		done
	done
done
# And 1024 multiplications and additions, eight at once.
for level in 5 1; do
	target=8
	[ "$level" = 5 ] || target=16
	row "trellis -$level full, width 2048" "$target" 166 60 1 "$tmp/wide" \
		"-$level" --sidecar "$tmp/full"
done
# 0.35 is 50 times the reference's 0.007.
row "k-means -5, K=2048 b=4" 0.35 200 40 1 "$tmp/f16" -5 --body kmeans \
	--centroids 2048 --block 4
echo "MB/s"
row "lossless decode, BF16" 1000 4 6 2 "$tmp/lossless.hvqz" -d
row "lossless -1, BF16, unchecked" 500 5 8 2 "$tmp/bf16" --lossless -1 \
	--no-verify
row "lossless -1, BF16" - 9 12 2 "$tmp/bf16" --lossless -1
row "lossless -5, BF16" - 12 14 2 "$tmp/bf16" --lossless -5
