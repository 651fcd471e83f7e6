#!/usr/bin/env bash
# lossless_speed.sh - megabytes a second of lossless coding on one core.
#
# A synthetic model of each dtype: user CPU time of the whole program, encoding
# without and with verification (the default) and decoding, the median of some
# runs. With HVQZ_A and HVQZ_B two builds take turns, and the last column is
# the ratio of their speeds. Sizes are told where they differ.
#
#	SIZE=200M  RUNS=5  LEVELS="1 5 9"  DTYPES="bf16 f16"
#	HVQZ_A=PROGRAM  HVQZ_B=PROGRAM
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

export OPENBLAS_NUM_THREADS=1
RUNS=${RUNS:-5}
programs=("${HVQZ_A:-$HVQZ}")
[ -z "${HVQZ_B:-}" ] || programs+=("$HVQZ_B")
need_tools
need_space 2

# seconds COMMAND...: its user time.
seconds() {
	local TIMEFORMAT=%U
	{ time "$@" 2>&3; } 3>&2 2>&1
}

encode() {
	"$1" -q -T1 --lossless --no-verify "-$level" <"$tmp/model" \
		>"$tmp/$2.hvqz"
}

verified() {
	"$1" -q -T1 --lossless "-$level" <"$tmp/model" >"$tmp/$2.hvqz"
}

decode() {
	"$1" -q -d -T1 <"$tmp/$2.hvqz" >/dev/null
}

# medians VERB: the median time of each program to ${median[@]}, in turns.
medians() {
	local run i
	for i in "${!programs[@]}"; do
		: >"$tmp/times.$i"
	done
	for ((run = 0; run < RUNS; run++)); do
		for i in "${!programs[@]}"; do
			seconds "$1" "${programs[i]}" "$i" >>"$tmp/times.$i"
		done
	done
	median=()
	for i in "${!programs[@]}"; do
		median[i]=$(sort -n "$tmp/times.$i" |
			sed -n "$(((RUNS + 1) / 2))p")
	done
}

printf '%-20s' "user time, MB/s"
for i in "${!programs[@]}"; do
	printf ' %8s' "$([ "$i" = 0 ] && echo A || echo B)"
done
[ ${#programs[@]} -eq 1 ] || printf ' %7s' B/A
echo
for dtype in ${DTYPES:-bf16 f16}; do
	"$BENCH/gen_model" --size "${SIZE:-200M}" --dtype "$dtype" \
		>"$tmp/model"
	bytes=$(wc -c <"$tmp/model")
	for level in ${LEVELS:-1 5 9}; do
		for verb in encode verified decode; do
			medians "$verb"
			printf '%-20s' "$dtype -$level $verb"
			for s in "${median[@]}"; do
				printf ' %8.0f' "$(calc "$bytes / 1e6 / $s")"
			done
			[ ${#programs[@]} -eq 1 ] || printf ' %7.2f' \
				"$(calc "${median[0]} / ${median[1]}")"
			echo
		done
		[ ${#programs[@]} -eq 1 ] || cmp -s "$tmp/0.hvqz" \
			"$tmp/1.hvqz" || echo "  not the same file:" \
			"$(wc -c <"$tmp/0.hvqz"), $(wc -c <"$tmp/1.hvqz") bytes"
	done
done
for i in "${!programs[@]}"; do
	echo "$([ "$i" = 0 ] && echo A || echo B): ${programs[i]}"
done
echo "target on one core, AVX2: encode -1 500, decode 1000"
