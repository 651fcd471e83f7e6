# shellcheck shell=bash
# common.sh - what the bench scripts share; sourced, never run.
#
#	HVQZ	the program (default build/hvqz)
#	BENCH	where gen_model and peak_rss are (default build/tests/bench)
#	TMPDIR	where large temporary files go (default /tmp)
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HVQZ=${HVQZ:-$top/build/hvqz}
BENCH=${BENCH:-$top/build/tests/bench}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

[ -x "$HVQZ" ] || die "no program $HVQZ: build first (./bootstrap), or set HVQZ"

# need_tools: gen_model and peak_rss, built when the build tree is ours.
need_tools() {
	if [ ! -x "$BENCH/gen_model" ] || [ ! -x "$BENCH/peak_rss" ]; then
		make -s -C "$BENCH/../.." bench-programs ||
			die "no gen_model in $BENCH: 'make bench-programs'"
	fi
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/hvqz-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# need_space GIB: temporary files of that size must fit.
need_space() {
	local free
	free=$(df -Pk "$tmp" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$free" -ge "$1" ] ||
		die "$tmp has $free GiB free, this needs $1; set TMPDIR"
}
