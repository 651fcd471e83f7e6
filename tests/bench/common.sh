# shellcheck shell=bash
# common.sh - what the bench scripts share; sourced, never run.
#
#	HVQZ	the program (default build/hvqz)
#	BENCH	where the programs of this folder are
#		(default build/tests/bench)
#	HVQZ_MODELS	the models (default ../shared/models)
#	PPL	the scoring tool (default ../shared/tools/ppl.py)
#	TMPDIR	where large temporary files go (default /tmp)
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HVQZ=${HVQZ:-$top/build/hvqz}
BENCH=${BENCH:-$top/build/tests/bench}
MODELS=${HVQZ_MODELS:-$top/../shared/models}
PPL=${PPL:-$top/../shared/tools/ppl.py}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

[ -x "$HVQZ" ] || die "no program $HVQZ: build first (./bootstrap), or set HVQZ"

# need_tools: the programs beside the scripts, built when the build tree is
# ours.
need_tools() {
	local program
	for program in gen_model gap peak_rss gen_folder sense_speed; do
		[ -x "$BENCH/$program" ] ||
			make -s -C "$BENCH/../.." bench-programs ||
			die "no $program in $BENCH: 'make bench-programs'"
	done
}

# need_models NAME...: these models, and what scores them.
need_models() {
	local name
	for name in "$@"; do
		[ -e "$MODELS/$name/model.safetensors" ] ||
			die "no $name in $MODELS: set HVQZ_MODELS"
	done
	[ -e "$PPL" ] || die "no scoring tool $PPL: set PPL"
}

# field NAME FILE: a number out of a line of JSON; nothing when it is null.
field() {
	sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2"
}

# calc EXPRESSION [FORMAT]: a number by awk.
calc() {
	awk "BEGIN { printf \"${2:-%.3f}\", ($1) }"
}

# score DIR ENCODED SEQUENCES: restores it; ppl.py's line to $tmp/score, that
# of -l to $tmp/listing.
score() {
	"$HVQZ" -q -d <"$2" >"$tmp/restored.safetensors"
	"$HVQZ" -l --json "$2" >"$tmp/listing"
	"$PPL" "$1" --weights "$tmp/restored.safetensors" \
		--bytes "$(wc -c <"$2")" --sequences "$3" >"$tmp/score"
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
