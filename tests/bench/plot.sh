#!/usr/bin/env bash
# plot.sh - lossless size against speed, beside zstd and xz, as an SVG.
#
# Writes tests/bench/lossless.svg, which README shows, and prints the figures
# in it. One file for all, BF16; one core; speed is of raw bytes by the user
# time of the best of RUNS, reading, checking and writing included.
#
#	FILE=MODEL (default: a generated one of SIZE=64M)  RUNS=3
#	OUT=FILE.svg	NAME=what the title calls the file
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

export OPENBLAS_NUM_THREADS=1
RUNS=${RUNS:-3}
OUT=${OUT:-$top/tests/bench/lossless.svg}
command -v gnuplot >/dev/null || die "no gnuplot here"
if [ -z "${FILE-}" ]; then
	need_tools
	FILE=$tmp/model
	"$BENCH/gen_model" --size "${SIZE:-64M}" --dtype bf16 \
		--shape 2048x4096 >"$FILE"
	NAME=${NAME:-Gaussian BF16 weights, ${SIZE:-64M}B}
fi
NAME=${NAME:-$(basename "$FILE")}
raw=$(wc -c <"$FILE")

# seconds INPUT OUTPUT COMMAND...: the least user time of some runs.
seconds() {
	local TIMEFORMAT=%U in=$1 out=$2 run s best=
	shift 2
	for ((run = 0; run < RUNS; run++)); do
		s=$({ time "$@" <"$in" >"$out" 2>&3; } 3>&2 2>&1)
		[ -n "$best" ] && [ "$(calc "$s < $best" %d)" = 0 ] || best=$s
	done
	printf '%s' "$best"
}

# point LABEL ENCODE... -- DECODE...
point() {
	local label=$1 encode=() size e d
	shift
	while [ "$1" != -- ]; do
		encode+=("$1")
		shift
	done
	shift
	e=$(seconds "$FILE" "$tmp/packed" "${encode[@]}")
	d=$(seconds "$tmp/packed" "$tmp/back" "$@")
	cmp -s "$tmp/back" "$FILE" || die "$label does not restore $FILE"
	size=$(wc -c <"$tmp/packed")
	printf '"%s" %s %s %s\n' "$label" "$(calc "100 * $size / $raw" %.2f)" \
		"$(calc "$raw / 1e6 / ($e + 0.001)" %.2f)" \
		"$(calc "$raw / 1e6 / ($d + 0.001)" %.2f)" |
		tee -a "$tmp/${label%% *}"
}

echo "$NAME: $raw bytes; percent of it, MB/s to encode and to decode"
for effort in 1 5 9; do
	point "hvqz -$effort" "$HVQZ" -q -T1 --lossless "-$effort" \
		-- "$HVQZ" -q -T1 -d
done
for level in 3 19; do
	point "zstd -$level" zstd -q -c "-$level" --single-thread \
		-- zstd -q -d -c
done
point "xz -6" xz -c -6 -T1 -- xz -d -c

gnuplot - <<GNUPLOT
set terminal svg size 760,420 font "sans-serif,13" background "#ffffff"
set output "$OUT"
set title "Without loss, one core: $NAME" textcolor rgb "#202020"
set border 3 linecolor rgb "#606060"
set tics nomirror textcolor rgb "#202020"
set grid linecolor rgb "#d8d8d8" linewidth 1
set logscale x 10
set xrange [0.5:10000]
set xlabel "MB of weights a second (right is faster)" textcolor rgb "#202020"
set ylabel "% of the raw file (down is smaller)" textcolor rgb "#202020"
set offsets graph 0, graph 0, graph 0.15, graph 0.2
set key outside bottom center horizontal textcolor rgb "#202020"
files = "hvqz zstd xz"
color(i) = i == 1 ? 0x1b6ca8 : i == 2 ? 0xc0392b : 0x3d7a3d
plot for [i = 1:3] "$tmp/".word(files, i) using 3:2 with points \
	pointtype 7 pointsize 1.1 linecolor rgb color(i) \
	title word(files, i)." encode", \
	for [i = 1:3] "$tmp/".word(files, i) using 4:2 with points \
	pointtype 6 pointsize 1.1 linewidth 2 linecolor rgb color(i) \
	title word(files, i)." decode", \
	for [i = 1:3] "$tmp/".word(files, i) using 3:2:1 with labels \
	left rotate by 35 offset 0.5, 0.5 textcolor rgb color(i) notitle, \
	for [i = 1:3] "$tmp/".word(files, i) using 4:2:1 with labels \
	left rotate by -35 offset 0.5, -0.5 textcolor rgb color(i) notitle
GNUPLOT
echo "written: $OUT"
