#!/usr/bin/env bash
# lossless.sh - sizes and speeds of --lossless beside zstd and xz, one core.
#
# The models of HVQZ_MODELS that are there, and a generated one: Gaussian BF16
# weights, rows of log-normal scale. MB/s are of raw data by user CPU time, the
# best of some runs, with reading, hashing and writing; small files show their
# start-up time.
#
#	RUNS=3  SIZE=64M (of the generated model; 0: none)
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

# A library that starts threads for what is not done here.
export OPENBLAS_NUM_THREADS=1
RUNS=${RUNS:-3}
SIZE=${SIZE:-64M}

# seconds COMMAND...: the least user time of some runs; stdin is $in.
seconds() {
	local TIMEFORMAT=%U run s best=
	for ((run = 0; run < RUNS; run++)); do
		s=$({ time "$@" <"$in" >"$tmp/out" 2>&3; } 3>&2 2>&1)
		[ -z "$best" ] || [ "$(calc "$s < $best" %d)" = 0 ] || best=$s
		best=${best:-$s}
	done
	printf '%s' "$best"
}

# row NAME ENCODE... -- DECODE...
row() {
	local name=$1 raw size encode=() e d
	shift
	while [ "$1" != -- ]; do
		encode+=("$1")
		shift
	done
	shift
	in=$file
	raw=$(wc -c <"$file")
	e=$(seconds "${encode[@]}")
	mv "$tmp/out" "$tmp/packed"
	size=$(wc -c <"$tmp/packed")
	in=$tmp/packed
	d=$(seconds "$@")
	cmp -s "$tmp/out" "$file" || die "$name does not restore $file"
	printf '%-10s %12d %7s %9s %9s\n' "$name" "$size" \
		"$(calc "$size / $raw" %.4f)" \
		"$(calc "$raw / 1e6 / ($e + 0.0005)" %.0f)" \
		"$(calc "$raw / 1e6 / ($d + 0.0005)" %.0f)"
}

table() {
	printf '\n%s, %d bytes\n' "$1" "$(wc -c <"$file")"
	printf '%-10s %12s %7s %9s %9s\n' "" bytes ratio "enc MB/s" "dec MB/s"
	for effort in 1 5 9; do
		row "hvqz -$effort" "$HVQZ" -q -T1 --no-verify --lossless \
			"-$effort" -- "$HVQZ" -q -T1 -d
	done
	row "zstd -3" zstd -q -c -3 --single-thread -- zstd -q -d -c
	row "zstd -19" zstd -q -c -19 --single-thread -- zstd -q -d -c
	row "xz -6" xz -c -6 -T1 -- xz -d -c
}

for name in docs-5m/model docs-5m/variants/model-bf16 \
	third-party/tinyllm-block-f32 stories260k/variants/model-f32; do
	file=$MODELS/$name.safetensors
	if [ -e "$file" ]; then
		table "$name"
	fi
done
if [ "$SIZE" != 0 ]; then
	need_tools
	file=$tmp/generated
	"$BENCH/gen_model" --size "$SIZE" --dtype bf16 --shape 2048x4096 \
		>"$file"
	table "generated BF16"
fi
