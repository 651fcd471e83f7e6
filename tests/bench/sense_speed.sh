#!/usr/bin/env bash
# sense_speed.sh - hvqz-sense against the machine: its speed, and the memory it
# says it needs.
#
# Two models: docs-5m, and a synthetic one of the widths of Qwen2.5-0.5B, with
# two layers. The laws of this file: forward and backward run at TARGET % of
# what this machine's matrix products run at, by processor time, measured
# between the runs; and the peak is what was planned, within SLACK % and OWN
# MiB for the program itself and its libraries. Else exit 1. A plan is for a
# full group of sequences and for all that a desk can hold, so it can also be
# too high; -n is chosen for full groups.
#
# OpenBLAS is told what processor this is, as the program does by itself
# (cli/blas_env.h): CORE overrides it.
#
#	ROUNDS=3  THREADS="1 2"  TARGET=50  SLACK=15  OWN=16  CORE=
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

ROUNDS=${ROUNDS:-3}
THREADS=${THREADS:-1 2}
TARGET=${TARGET:-50}
SLACK=${SLACK:-15}
OWN=${OWN:-16}
need_tools
need_models docs-5m
need_space 1

core() {
	local flags
	flags=" $(sed -n '/^flags/{p;q;}' /proc/cpuinfo 2>/dev/null) "
	case $flags in
	*" avx512bw "*) echo SkylakeX ;;
	*" avx2 "*) echo Haswell ;;
	esac
}
CORE=${CORE:-$(core)}
[ -z "$CORE" ] || export OPENBLAS_CORETYPE="$CORE"

fail=0
synthetic=$tmp/synthetic
mkdir "$synthetic"
"$BENCH/gen_folder" "$synthetic" --tokens 4096

# arguments of MODEL: folder, text and sizes, to the array args.
choose() {
	case $1 in
	docs-5m) args=("$MODELS/docs-5m" "$MODELS/docs-5m/calib.u16"
		-c 256 -n "${SEQUENCES:-96}") ;;
	synthetic) args=("$synthetic" "$synthetic/text.u32" -c 512 -n 4) ;;
	esac
}

# speed MODEL THREADS: one row for each clock.
speed() {
	local clock sgemm sense share useful useful_share seconds
	local blas blas_rate
	choose "$1"
	"$BENCH/sense_speed" "${args[@]}" -T "$2" -r "$ROUNDS" >"$tmp/rates"
	read -r _ blas blas_rate < <(grep ^blas "$tmp/rates")
	while read -r clock sgemm sense share useful useful_share seconds; do
		[ "$clock" != blas ] || continue
		printf '%-12s -T%-2s %-6s %7s %7s %5s %% %7s %5s %% %8s s' \
			"$1" "$2" "$clock" "$sgemm" "$sense" "$share" \
			"$useful" "$useful_share" "$seconds"
		if [ "$clock" = cpu ]; then
			printf ' %5s %% %7s' "$blas" "$blas_rate"
			[ "$(calc "$share < $TARGET" %d)" = 0 ] || fail=1
		fi
		echo
	done <"$tmp/rates"
}

# memory MODEL THREADS OPTION...: one row, MiB.
memory() {
	local model=$1 threads=$2 plan peak off
	shift 2
	choose "$model"
	plan=$("$BENCH/peak_rss" "$tmp/report" "$BENCH/sense_speed" \
		"${args[@]}" -T "$threads" -r 0 -n 8 "$@")
	read -r peak _ <"$tmp/report"
	plan=$(calc "$plan / 1048576" %.0f)
	peak=$(calc "$peak / 1024" %.0f)
	off=$(calc "100 * ($peak - $plan) / $plan" %+.0f)
	printf '%-12s -T%-2s %-12s %7s %7s %5s %%\n' "$model" "$threads" \
		"${*:---full}" "$plan" "$peak" "$off"
	[ "$(calc "$peak > $plan * (1 + $SLACK / 100) + $OWN ||
		$peak < $plan * (1 - $SLACK / 100)" %d)" = 0 ] || fail=1
}

printf '%-12s %-4s %-6s %7s %7s %7s %7s %7s %10s %7s %7s\n' 'GFLOP/s' '' '' \
	sgemm sense '' useful '' '' 'in BLAS' rate
for model in docs-5m synthetic; do
	for threads in $THREADS; do
		speed "$model" "$threads"
	done
done
printf '\n%-12s %-4s %-12s %7s %7s\n' MiB '' '' plan peak
for model in docs-5m synthetic; do
	for threads in $THREADS; do
		memory "$model" "$threads"
		memory "$model" "$threads" --diag
		memory "$model" "$threads" --block 128
	done
done
if [ "$fail" -ne 0 ]; then
	echo "FAIL: slower than $TARGET % of the machine, or not the memory" \
		"that was planned"
	exit 1
fi
echo "good: over $TARGET % of the machine, and memory as planned"
