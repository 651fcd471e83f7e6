#!/usr/bin/env bash
# trellis_speed.sh - weights a second of the trellis on one core.
#
# A matrix of Gaussian weights, F16, no sidecar, -5: user CPU time of encoding
# without verification and of decoding, the best of some runs. With HVQZ_A and
# HVQZ_B two builds take turns, and the last column is their ratio, which says
# more than either where the machine is shared.
#
#	SHAPE=4096x4096  RUNS=5  QUALITIES=- (the default one)
#	HVQZ_A=PROGRAM  HVQZ_B=PROGRAM
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

export OPENBLAS_NUM_THREADS=1
SHAPE=${SHAPE:-4096x4096}
QUALITIES=${QUALITIES:--}
programs=("${HVQZ_A:-$HVQZ}")
[ -z "${HVQZ_B:-}" ] || programs+=("$HVQZ_B")
need_tools
need_space 1
n=$((${SHAPE/x/*}))

# seconds COMMAND...: its user time.
seconds() {
	local TIMEFORMAT=%U
	{ time "$@" 2>&3; } 3>&2 2>&1
}

encode() {
	"$1" -q -T1 --no-verify -5 "${option[@]}" <"$tmp/model" >"$tmp/$2.hvqz"
}

decode() {
	"$1" -q -d -T1 <"$tmp/$2.hvqz" >/dev/null
}

# best VERB: the least time of each program to ${best[@]}, in turns.
best() {
	local run i s
	best=()
	for ((run = 0; run < ${RUNS:-5}; run++)); do
		for i in "${!programs[@]}"; do
			s=$(seconds "$1" "${programs[i]}" "$i")
			best[i]=$(calc "${best[i]:-1e9} < $s ? \
				${best[i]:-1e9} : $s")
		done
	done
}

"$BENCH/gap" make gaussian "$SHAPE" f16 >"$tmp/model"
printf '%-26s' "$SHAPE, F16, M weights/s"
for i in "${!programs[@]}"; do
	printf ' %9s' "$([ "$i" = 0 ] && echo A || echo B)"
done
[ ${#programs[@]} -eq 1 ] || printf ' %7s' B/A
echo
for quality in $QUALITIES; do
	option=()
	[ "$quality" = - ] || option=(--quality "$quality")
	for verb in encode decode; do
		best "$verb"
		label="$verb, default"
		[ "$quality" = - ] || label="$verb, --quality $quality"
		printf '%-26s' "$label"
		for s in "${best[@]}"; do
			printf ' %9.2f' "$(calc "$n / 1e6 / $s" %.6g)"
		done
		[ ${#programs[@]} -eq 1 ] ||
			printf ' %7.3f' "$(calc "${best[0]} / ${best[1]}")"
		echo
	done
done
for i in "${!programs[@]}"; do
	echo "$([ "$i" = 0 ] && echo A || echo B): ${programs[i]}," \
		"$(wc -c <"$tmp/$i.hvqz") bytes"
done
echo "target on one core, AVX2: encode 25 at -5, decode 250"
