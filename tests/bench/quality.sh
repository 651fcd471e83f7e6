#!/usr/bin/env bash
# quality.sh - rate and quality of the HAS-VQ modes on a real model.
#
# Compresses docs-5m with its diagonal sidecar, restores it, and scores it
# with ppl.py: bits per parameter of the whole file, KL divergence and loss
# increase in nats per token, beside what the reference implementation got
# (models/README.md; its bits leave out all framing).
#
#	HVQZ_MODELS	the models (default ../shared/models)
#	PPL		the scoring tool (default ../shared/tools/ppl.py)
#	SEQUENCES=96	how much of the evaluation text
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

MODELS=${HVQZ_MODELS:-$top/../shared/models}
PPL=${PPL:-$top/../shared/tools/ppl.py}
dir=$MODELS/docs-5m
[ -e "$dir/model.safetensors" ] || die "no docs-5m in $MODELS: set HVQZ_MODELS"
[ -e "$PPL" ] || die "no scoring tool $PPL: set PPL"

# field NAME: a number out of ppl.py's line of JSON.
field() {
	sed -n "s/.*\"$1\": \([-0-9.e+]*\).*/\1/p" "$tmp/score"
}

form='%-26s %9s %8s %10s %10s  %s\n'
# measure NAME REFERENCE OPTION...
measure() {
	local name=$1 reference=$2 size
	shift 2
	"$HVQZ" -q --sidecar "$dir/sidecar/diag.safetensors" "$@" \
		<"$dir/model.safetensors" >"$tmp/model.hvqz"
	"$HVQZ" -q -d <"$tmp/model.hvqz" >"$tmp/restored.safetensors"
	size=$(wc -c <"$tmp/model.hvqz")
	"$PPL" "$dir" --weights "$tmp/restored.safetensors" --bytes "$size" \
		--sequences "${SEQUENCES:-96}" >"$tmp/score"
	# shellcheck disable=SC2059 # the form is ours
	printf "$form" "$name" "$size" "$(printf '%.3f' "$(field bpp)")" \
		"$(printf '%.5f' "$(field kl)")" \
		"$(printf '%.5f' "$(field dnll)")" "$reference"
}

# shellcheck disable=SC2059
printf "$form" "docs-5m, diagonal sidecar" bytes bpp KL dnll \
	"reference implementation"
measure "--faithful --preset mid" "bpp 4.605, KL 0.0518" \
	--faithful --preset mid
measure "--preset mid" "" --preset mid
measure "--faithful --preset high" "bpp 7.056, KL 0.00177" \
	--faithful --preset high
measure "--preset high" "" --preset high
measure "(default)" ""
