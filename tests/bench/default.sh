#!/usr/bin/env bash
# default.sh - is the default quality transparent?
#
# Perplexity of the original and of what the default settings restore, on the
# whole evaluation text: 0.1 % more at most, whatever is known of the model.
#
# One such figure is largely chance: how the errors happen to lie along the
# slope of the loss moves it by nearly as much as the target, either way. The
# KL does not know that slope. DRAWS=N looks at N restored models, of which all
# but the first have a quality a little above or below the default: about the
# same size, other errors. (By much less than 0.05 the errors would be much the
# same ones.) The verdict is then on their mean, printed with its standard error.
#
#	SEQUENCES=192  NAMES="docs-5m kjv-1m"  KINDS="none diag full"  DRAWS=1
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

NAMES=${NAMES:-docs-5m kjv-1m}
# shellcheck disable=SC2086 # words
need_models $NAMES

DRAWS=${DRAWS:-1}
fail=0

form='%-10s %-9s %7s %10s %10s %11s %10s\n'
# measure MODEL KIND OPTION...: a row; its increase is appended to $tmp/draws.
measure() {
	local name=$1 kind=$2 before after more
	shift 2
	"$HVQZ" -q "$@" <"$MODELS/$name/model.safetensors" >"$tmp/model.hvqz"
	score "$MODELS/$name" "$tmp/model.hvqz" "${SEQUENCES:-192}"
	before=$(field ppl "$tmp/score")
	after=$(field ppl_given "$tmp/score")
	more=$(calc "100 * ($after / $before - 1)" %+.4f)
	echo "$more" >>"$tmp/draws"
	# shellcheck disable=SC2059 # the form is ours
	printf "$form" "$name" "$kind" \
		"$(calc "$(field bpp "$tmp/listing")")" \
		"$(calc "$before" %.4f)" "$(calc "$after" %.4f)" "$more" \
		"$(calc "$(field kl "$tmp/score")" %.6f)"
}

# mean: of $tmp/draws, and its standard error.
mean() {
	awk '{ n++; s += $1; q += $1 * $1 }
		END { printf "%+.4f", s / n
			if (n > 1)
				printf " %.4f", sqrt((q - s * s / n) / \
					(n - 1) / n) }' "$tmp/draws"
}

# shellcheck disable=SC2059
printf "$form" default sidecar bpp original restored 'increase, %' KL
for name in $NAMES; do
	for kind in ${KINDS:-none diag full}; do
		option=()
		[ "$kind" = none ] || option=(--sidecar \
			"$MODELS/$name/sidecar/$kind.safetensors")
		rm -f "$tmp/draws"
		measure "$name" "$kind" "${option[@]}"
		for ((draw = 1; draw < DRAWS; draw++)); do
			measure "$name" "$kind" "${option[@]}" \
				--quality "$(calc "5 + \
					0.05 * int(($draw + 1) / 2) * \
					($draw % 2 ? 1 : -1)" %.2f)"
		done
		read -r more error < <(mean; echo)
		[ "$DRAWS" -eq 1 ] || printf '%50s %+11.4f +- %s\n' mean \
			"$more" "$error"
		[ "$(calc "$more > 0.1" %d)" = 0 ] || fail=1
	done
done
if [ "$fail" -ne 0 ]; then
	echo "FAIL: the increase is over 0.1 %"
	exit 1
fi
echo "good: 0.1 % at most"
