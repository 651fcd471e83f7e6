#!/usr/bin/env bash
# eval_equal.sh - does hvqz-eval say what the reference, ppl.py, says?
#
# The same model, restored file and tokens for both, and for hvqz-eval the .hvqz
# as well; nll and KL may differ by 1e-4 nats.
#
#	SEQUENCES=64  NAMES="docs-5m kjv-1m"  RATES="2 3 4"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

NAMES=${NAMES:-docs-5m kjv-1m}
# shellcheck disable=SC2086 # words
need_models $NAMES
fail=0

# compare WHAT OURS THEIRS
compare() {
	local apart
	apart=$(calc "$2 - $3" %.9f)
	printf '  %-14s %12s %12s %13s\n' "$1" "$(calc "$2" %.8f)" \
		"$(calc "$3" %.8f)" "$apart"
	[ "$(calc "($apart < 0.0001) * ($apart > -0.0001)" %d)" = 1 ] ||
		fail=1
}

for name in $NAMES; do
	dir=$MODELS/$name
	for rate in ${RATES:-2 3 4}; do
		printf '%-26s %5s hvqz-eval %5s ppl.py %6s apart\n' \
			"$name, $rate bpp" '' '' ''
		"$HVQZ" -q --bpp "$rate" <"$dir/model.safetensors" \
			>"$tmp/model.hvqz"
		score "$dir" "$tmp/model.hvqz" "${SEQUENCES:-64}"
		"$HVQZ-eval" "$dir" --tokens "$dir/eval.u16" --json \
			-n "${SEQUENCES:-64}" --weights "$tmp/model.hvqz" \
			--weights "$tmp/restored.safetensors" >"$tmp/rows"
		for line in 1 2 3; do
			sed -n "${line}p" "$tmp/rows" >"$tmp/row$line"
		done
		compare 'nll original' "$(field nll "$tmp/row1")" \
			"$(field nll "$tmp/score")"
		compare 'nll .hvqz' "$(field nll "$tmp/row2")" \
			"$(field nll_given "$tmp/score")"
		compare 'nll restored' "$(field nll "$tmp/row3")" \
			"$(field nll_given "$tmp/score")"
		compare 'KL .hvqz' "$(field kl "$tmp/row2")" \
			"$(field kl "$tmp/score")"
		compare 'KL restored' "$(field kl "$tmp/row3")" \
			"$(field kl "$tmp/score")"
	done
done
[ $fail = 0 ] || die "more than 1e-4 nats apart"
