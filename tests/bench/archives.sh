#!/usr/bin/env bash
# archives.sh - a large tar, NPZ and GGUF through a pipe, there and back.
#
# The first two cannot be read front to back, so each is copied to a nameless
# file in TMPDIR first: the disk needs SIZE, memory must not. The law of this
# file: what comes back is what went in, and no step takes more than LIMIT MiB,
# or exit 1.
#
#	SIZE=3G  THREADS=2  LIMIT=300  DTYPE=f16  SHAPE=4096x4096
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SIZE=${SIZE:-3G}
THREADS=${THREADS:-2}
LIMIT=${LIMIT:-300}
here=$(dirname "$0")
need_tools
need_space 12
worst=0

gen() {
	"$BENCH/gen_model" --size "$SIZE" --dtype "${DTYPE:-f16}" \
		--shape "${SHAPE:-4096x4096}" |
		python3 "$here/gen_archive.py" "$1"
}

# told STEP: what peak_rss has reported.
told() {
	local rss rest
	read -r rss rest <"$tmp/report"
	rss=$(((rss + 1023) / 1024))
	printf '%-16s %5d MiB  (%s)\n' "$1" "$rss" "$rest"
	[ "$rss" -le "$worst" ] || worst=$rss
}

for kind in tar npz gguf; do
	gen "$kind" | tee >(md5sum >"$tmp/before") |
		"$BENCH/peak_rss" "$tmp/report" \
			"$HVQZ" -q --lossless -T "$THREADS" >"$tmp/packed"
	told "$kind encode"
	"$BENCH/peak_rss" "$tmp/report" \
		"$HVQZ" -q -d -T "$THREADS" <"$tmp/packed" | md5sum >"$tmp/after"
	told "$kind decode"
	cmp -s "$tmp/before" "$tmp/after" || {
		echo "archives.sh: the $kind came back otherwise" >&2
		exit 1
	}
done
[ "$worst" -le "$LIMIT" ] || {
	echo "archives.sh: $worst MiB, more than $LIMIT" >&2
	exit 1
}
