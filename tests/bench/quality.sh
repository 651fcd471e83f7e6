#!/usr/bin/env bash
# quality.sh - rate and quality of the HAS-VQ modes on a real model.
#
# Compresses docs-5m with its diagonal sidecar, restores it, and scores it
# with ppl.py: bits per parameter of the whole file, KL divergence and loss
# increase in nats per token, beside what the reference implementation got
# (models/README.md; its bits leave out all framing).
#
#	SEQUENCES=96	how much of the evaluation text
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

need_models docs-5m
dir=$MODELS/docs-5m

form='%-26s %9s %8s %10s %10s  %s\n'
# measure NAME REFERENCE OPTION...
measure() {
	local name=$1 reference=$2
	shift 2
	"$HVQZ" -q --sidecar "$dir/sidecar/diag.safetensors" "$@" \
		<"$dir/model.safetensors" >"$tmp/model.hvqz"
	score "$dir" "$tmp/model.hvqz" "${SEQUENCES:-96}"
	# shellcheck disable=SC2059 # the form is ours
	printf "$form" "$name" "$(wc -c <"$tmp/model.hvqz")" \
		"$(printf '%.3f' "$(field bpp "$tmp/score")")" \
		"$(printf '%.5f' "$(field kl "$tmp/score")")" \
		"$(printf '%.5f' "$(field dnll "$tmp/score")")" "$reference"
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
