#!/usr/bin/env bash
# mem.sh - peak memory of encode and decode against the size of the model.
#
# The models are made on the fly and go through a pipe; only the .hvqz that
# the decode needs lies on disk. The two columns of a row should be equal:
# memory must not grow with the model (DESIGN, law 3). The law of this file:
# under LIMIT MiB everywhere, or exit 1.
#
#	SIZES="1G 3G"  THREADS=2  LIMIT=400  DTYPE=f16  SHAPE=4096x4096
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SIZES=${SIZES:-1G 3G}
THREADS=${THREADS:-2}
LIMIT=${LIMIT:-400}
need_tools
need_space 8

gen() {
	"$BENCH/gen_model" --size "$1" --dtype "${DTYPE:-f16}" \
		--shape "${SHAPE:-4096x4096}"
}

# encode SIZE OUTPUT OPTION...: a report of peak_rss to stdout.
encode() {
	local size=$1 out=$2
	shift 2
	gen "$size" | "$BENCH/peak_rss" "$tmp/report" \
		"$HVQZ" -q -T "$THREADS" "$@" >"$out"
	cat "$tmp/report"
}

decode() {
	"$BENCH/peak_rss" "$tmp/report" \
		"$HVQZ" -q -d -T "$THREADS" <"$1" >/dev/null
	cat "$tmp/report"
}

worst=0
# cell REPORT: "MiB (seconds)", and remembers the worst.
cell() {
	local mib=$((($1 + 1023) / 1024))
	[ "$mib" -le "$worst" ] || worst=$mib
	printf -v text '%d MiB (%.0f s)' "$mib" "$3"
	printf ' %18s' "$text"
}

# line NAME COMMAND...: one row; %s in the command's words is the size.
line() {
	local name=$1 size report
	shift
	printf '%-28s' "$name"
	for size in $SIZES; do
		report=$("${@//%s/$size}")
		# shellcheck disable=SC2086 # three words
		cell $report
	done
	echo
}

printf '%-28s' "peak memory, -T$THREADS"
for size in $SIZES; do
	printf ' %18s' "$size"
done
echo
line "encode --lossless" encode %s "$tmp/lossless-%s.hvqz" --lossless
line "decode of that" decode "$tmp/lossless-%s.hvqz"
rm -f "$tmp"/lossless-*
line "encode --centroids 256" encode %s "$tmp/kmeans-%s.hvqz" --centroids 256
line "decode of that" decode "$tmp/kmeans-%s.hvqz"

if [ "$worst" -gt "$LIMIT" ]; then
	echo "FAIL: $worst MiB is over $LIMIT MiB"
	exit 1
fi
echo "good: never over $worst MiB of $LIMIT MiB"
