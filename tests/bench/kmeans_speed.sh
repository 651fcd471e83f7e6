#!/usr/bin/env bash
# kmeans_speed.sh - weights a second of the k-means body on one core.
#
# A matrix of Gaussian weights, F16, no sidecar: user CPU time of encoding
# without verification and of decoding, the median of some runs. With HVQZ_A and
# HVQZ_B two builds take turns, and the last column is their ratio, which says
# more than either where the machine is shared.
#
#	SHAPE=4096x4096  RUNS=5  K=2048  B=4  EFFORTS='1 5'
#	HVQZ_A=PROGRAM  HVQZ_B=PROGRAM
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SHAPE=${SHAPE:-4096x4096}
export OPENBLAS_NUM_THREADS=1
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
	"$1" -q -T1 --no-verify "-$effort" --body kmeans \
		--centroids "${K:-2048}" --block "${B:-4}" \
		<"$tmp/model" >"$tmp/$2.hvqz"
}

decode() {
	"$1" -q -d -T1 <"$tmp/$2.hvqz" >/dev/null
}

# medians VERB: of each program's times to ${median[@]}, in turns.
medians() {
	local run i
	for i in "${!programs[@]}"; do
		: >"$tmp/times.$i"
	done
	for ((run = 0; run < ${RUNS:-5}; run++)); do
		for i in "${!programs[@]}"; do
			seconds "$1" "${programs[i]}" "$i" >>"$tmp/times.$i"
		done
	done
	median=()
	for i in "${!programs[@]}"; do
		median[i]=$(sort -n "$tmp/times.$i" |
			awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')
	done
}

"$BENCH/gap" make gaussian "$SHAPE" f16 >"$tmp/model"
printf '%-26s' "$SHAPE, F16, M weights/s"
for i in "${!programs[@]}"; do
	printf ' %9s' "$([ "$i" = 0 ] && echo A || echo B)"
done
[ ${#programs[@]} -eq 1 ] || printf ' %7s' B/A
echo
for effort in ${EFFORTS:-1 5}; do
	for verb in encode decode; do
		medians "$verb"
		printf '%-26s' "$verb, -$effort"
		for s in "${median[@]}"; do
			printf ' %9.2f' "$(calc "$n / 1e6 / ($s + 1e-9)" %.6g)"
		done
		[ ${#programs[@]} -eq 1 ] ||
			printf ' %7.3f' \
				"$(calc "${median[0]} / (${median[1]} + 1e-9)")"
		echo
	done
done
for i in "${!programs[@]}"; do
	echo "$([ "$i" = 0 ] && echo A || echo B): ${programs[i]}," \
		"$(wc -c <"$tmp/$i.hvqz") bytes at -$effort"
done
echo "target on one core: encode 0.35, decode 400 (AVX2)"
