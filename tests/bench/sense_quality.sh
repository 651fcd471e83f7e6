#!/usr/bin/env bash
# sense_quality.sh - what are the sidecars of hvqz-sense worth?
#
# Each model is calibrated on its own kind of text and, held out, on that of
# the other model (docs-5m's is an encyclopedia, kjv-1m's the King James
# Bible), encoded at some rates, and scored on its own evaluation text. The rows
# are what a sidecar can hold: nothing, diagonals, row sensitivities, full
# Hessians. "reference" is the sidecar that came with the model. KL·4^bpp
# compares across sizes; a factor of 4 is a bit.
#
#	SEQUENCES=96  NAMES="docs-5m kjv-1m"  RATES="3 4"  CALIBRATION=96
#	SENSE="more options of hvqz-sense"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

NAMES=${NAMES:-docs-5m kjv-1m}
# shellcheck disable=SC2086 # words
need_models $NAMES docs-5m kjv-1m

other() {
	case $1 in
	docs-5m) echo kjv-1m ;;
	*) echo docs-5m ;;
	esac
}

form='%-8s %-20s %-9s %7s %9s %9s %9s\n'
# row MODEL NAME TEXT [SIDECAR]: one row for each rate.
row() {
	local name=$1 dir=$MODELS/$1 rate bpp kl
	for rate in ${RATES:-3 4}; do
		"$HVQZ" -q --bpp "$rate" ${4:+--sidecar "$4"} \
			<"$dir/model.safetensors" >"$tmp/model.hvqz"
		"$HVQZ-eval" "$dir" --tokens "$dir/eval.u16" --json \
			-n "${SEQUENCES:-96}" --weights "$tmp/model.hvqz" |
			tail -n 1 >"$tmp/score"
		bpp=$(field bpp "$tmp/score")
		kl=$(field kl "$tmp/score")
		# shellcheck disable=SC2059 # the form is ours
		printf "$form" "$name" "$2" "$3" "$(calc "$bpp")" \
			"$(calc "$kl" %.6f)" \
			"$(calc "$(field kl99 "$tmp/score")" %.5f)" \
			"$(calc "$kl * 4 ^ $bpp" %.4f)"
	done
}

# sense MODEL TEXT-OF OPTION...: makes $tmp/side.
sense() {
	local dir=$MODELS/$1 text=$MODELS/$2/calib.txt
	shift 2
	# shellcheck disable=SC2086 # SENSE is words
	"$HVQZ-sense" "$dir" --text "$text" -n "${CALIBRATION:-96}" -f \
		-o "$tmp/side" "$@" ${SENSE-}
}

# shellcheck disable=SC2059
printf "$form" model sidecar text bpp KL 'KL 99 %' 'KL*4^bpp'
for name in $NAMES; do
	row "$name" none -
	row "$name" reference own "$MODELS/$name/sidecar/full.safetensors"
	for from in "$name" "$(other "$name")"; do
		text=own
		[ "$from" = "$name" ] || text=other
		sense "$name" "$from" --diag --draws 0
		row "$name" diagonal "$text" "$tmp/side"
		sense "$name" "$from" --draws 0
		row "$name" full "$text" "$tmp/side"
		sense "$name" "$from" --diag
		row "$name" 'diagonal + row_sens' "$text" "$tmp/side"
		sense "$name" "$from"
		row "$name" 'full + row_sens' "$text" "$tmp/side"
	done
done
