#!/usr/bin/env bash
# extract_io.sh - how much of a large .hvqz `-x` of one tensor reads.
#
# By its index the file is read where the tensor is and nowhere else: under
# 1 % of it, or exit 1. Counted by the kernel: rchar in /proc/PID/io, every
# byte read() and pread() gave to any thread (and the loader's few kilobytes).
#
#	SIZE=3G (200M at least)  SHAPE=1024x4096 (the matrix is 8 MiB)
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SIZE=${SIZE:-3G}
need_tools
need_space 5

"$BENCH/gen_model" --size "$SIZE" --shape "${SHAPE:-1024x4096}" |
	"$HVQZ" -q -1 --lossless >"$tmp/large.hvqz"
total=$(wc -c <"$tmp/large.hvqz")

worst=0
for name in model.layers.0.mlp.up_proj.weight \
	model.layers.20.mlp.up_proj.weight \
	model.layers.20.input_layernorm.weight; do
	"$BENCH/peak_rss" "$tmp/report" \
		"$HVQZ" -q -c -x "$name" "$tmp/large.hvqz" >"$tmp/one"
	read -r _ n_read _ <"$tmp/report"
	[ "$n_read" -gt 0 ] || die "this system has no /proc/PID/io to count by"
	[ "$n_read" -le "$worst" ] || worst=$n_read
	printf '%-42s %10d bytes out, %10d read: %6.3f %% of %d\n' "$name" \
		"$(wc -c <"$tmp/one")" "$n_read" \
		"$(awk "BEGIN { print 100 * $n_read / $total }")" "$total"
done
if [ $((worst * 100)) -ge "$total" ]; then
	echo "FAIL: $worst bytes are 1 % of $total or more"
	exit 1
fi
echo "good: under 1 %"
