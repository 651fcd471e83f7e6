#!/usr/bin/env bash
# condition.sh - what conditioned coordinates are worth to each body.
#
# Every model, sidecar, body and condition: whole-file bits per parameter, KL
# divergence and loss increase in nats per token, and KL·4^bpp, which compares
# across sizes. "hero, as told" takes no trials: S with alpha 0.5 and the seeded
# rotation, so that it shows what the choice spares a body with an entropy
# coder.
#
#	SEQUENCES=64  NAMES="docs-5m kjv-1m kjv-1m-sharp"  BITS="3 4"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

NAMES=${NAMES:-docs-5m kjv-1m kjv-1m-sharp}
# shellcheck disable=SC2086 # words
need_models $NAMES

form='%-13s %-8s %-12s %-14s %7s %10s %9s %10s\n'
# row MODEL SIDECAR NAME CONDITION OPTION...
row() {
	local name=$1 side=$2 what=$3 condition=$4 dir=$MODELS/$1 bpp kl
	shift 4
	"$HVQZ" -q --sidecar "$dir/sidecar/$side.safetensors" "$@" \
		<"$dir/model.safetensors" >"$tmp/model.hvqz"
	"$HVQZ-eval" "$dir" --tokens "$dir/eval.u16" --json \
		-n "${SEQUENCES:-64}" --weights "$tmp/model.hvqz" |
		tail -n 1 >"$tmp/score"
	bpp=$(field bpp "$tmp/score")
	kl=$(field kl "$tmp/score")
	# shellcheck disable=SC2059 # the form is ours
	printf "$form" "$name" "$side" "$what" "$condition" "$(calc "$bpp")" \
		"$(calc "$kl" %.5f)" \
		"$(calc "$(field dnll "$tmp/score")" %.5f)" \
		"$(calc "$kl * 4 ^ $bpp" %.3f)"
}

# body MODEL SIDECAR NAME OPTION...: under every condition.
body() {
	local name=$1 side=$2 what=$3 condition
	shift 3
	for condition in none smooth hero; do
		row "$name" "$side" "$what" "$condition" "$@" \
			--condition "$condition"
	done
	row "$name" "$side" "$what" 'hero, as told' "$@" --condition hero \
		--alpha 0.5
}

# shellcheck disable=SC2059
printf "$form" model sidecar body condition bpp KL dnll 'KL*4^bpp'
for name in $NAMES; do
	for side in diag full; do
		for bits in ${BITS:-3 4}; do
			body "$name" "$side" "rtn $bits" --body rtn \
				--bits "$bits"
			body "$name" "$side" "k-means $bits" --faithful \
				--block 2 --centroids $((1 << 2 * bits))
			body "$name" "$side" "trellis $bits" --bpp "$bits"
		done
	done
done
