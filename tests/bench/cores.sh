#!/usr/bin/env bash
# cores.sh - two cores against one: wall time of encode and decode.
#
# -T1 and -T2 in turns, medians of RUNS, files in memory where TMPDIR is. The
# law: two cores are LEAST times as fast as one, or exit 1. Needs a machine
# with two cores and nobody else on it: the load is printed, and is part of
# the result.
#
#	SIZE=256M  RUNS=5  LEAST=1.85  DTYPE=bf16  SHAPE=4096x4096
#	WAYS="lossless trellis rtn"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SIZE=${SIZE:-256M}
RUNS=${RUNS:-5}
LEAST=${LEAST:-1.85}
WAYS=${WAYS:-lossless trellis rtn}
# OpenBLAS would start threads of its own.
export OPENBLAS_NUM_THREADS=1
need_tools
need_space 4

model=$tmp/model
"$BENCH/gen_model" --size "$SIZE" --dtype "${DTYPE:-bf16}" \
	--shape "${SHAPE:-4096x4096}" >"$model"

# took COMMAND...: wall seconds.
took() {
	"$BENCH/peak_rss" "$tmp/report" "$@" >"$tmp/out"
	cut -d ' ' -f 3 "$tmp/report"
}

# median FILE
median() {
	sort -n "$1" | awk '{ v[NR] = $1 }
		END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

bad=0
# turns NAME INPUT OPTION...
turns() {
	local name=$1 in=$2 run t one two
	shift 2
	: >"$tmp/1"
	: >"$tmp/2"
	for ((run = 0; run < RUNS; run++)); do
		for t in 1 2; do
			took "$HVQZ" -q -T$t "$@" <"$in" >>"$tmp/$t"
		done
	done
	one=$(median "$tmp/1")
	two=$(median "$tmp/2")
	printf '%-18s %9.2f s %9.2f s %8.2f\n' "$name" "$one" "$two" \
		"$(calc "$one / ($two + 1e-9)")"
	[ "$(calc "$one >= $LEAST * $two ? 1 : 0" %d)" = 1 ] || bad=1
}

echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
printf '%-18s %11s %11s %8s\n' "$SIZE, median of $RUNS" -T1 -T2 ratio
for way in $WAYS; do
	case $way in
	lossless) options=(--lossless) ;;
	trellis) options=(-1) ;;
	rtn) options=(--bits 4) ;;
	*) die "no way '$way'" ;;
	esac
	turns "$way encode" "$model" "${options[@]}"
	"$HVQZ" -q "${options[@]}" <"$model" >"$tmp/packed"
	turns "$way decode" "$tmp/packed" -d
done
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
if [ "$bad" != 0 ]; then
	echo "FAIL: two cores are not always $LEAST times one"
	exit 1
fi
echo "good: two cores are $LEAST times one or more"
