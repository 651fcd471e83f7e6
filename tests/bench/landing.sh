#!/usr/bin/env bash
# landing.sh - does --bpp land where it was asked to, and -n predict the size?
#
# First, for every model, the bits per parameter that --bpp got from a file
# and from a pipe, with the error in percent. Of a pipe the first 64 MiB are
# kept and looked at twice; only a longer model is steered while it passes.
# So two are made that are longer: all models joined, twice over, as F32, and
# a synthetic one. Then, for every model, -n's prediction of the size for some
# qualities against the real one.
#
# The targets: 1 % from a file, 3 % from a pipe, 3 % for -n. A rate below the
# least the model can have (its small tensors are kept exactly, and the steps
# have an end) is no error of landing: marked, and not counted.
#
#	RATES="2 3 4.25 6"  QUALITIES="1 3 5 8"
#	LARGE=80M	size of the synthetic model; "" leaves out both
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

RATES=${RATES:-2 3 4.25 6}
QUALITIES=${QUALITIES:-1 3 5 8}
LARGE=${LARGE-80M}
need_tools
need_models docs-5m
need_space 1

# Lines of model and sidecar; sidecar "-" is none.
cases() {
	local file dir
	find "$MODELS" -name '*.safetensors' ! -path '*/sidecar/*' | sort |
		while read -r file; do
			dir=${file#"$MODELS/"}
			dir=$MODELS/${dir%%/*}
			echo "$file -"
			[ ! -e "$dir/sidecar/full.safetensors" ] ||
				echo "$file $dir/sidecar/full.safetensors"
		done
}

# large: two models longer than what is kept of a pipe.
large() {
	local parts
	mapfile -t parts < <(find "$MODELS" -name '*.safetensors' \
		! -path '*/sidecar/*' ! -path '*/variants/*' | sort)
	"$(dirname "$0")/tensors.py" join "$tmp/joined.safetensors" \
		"${parts[@]}" "${parts[@]}"
	"$BENCH/gen_model" --size "$LARGE" --shape 1024x4096 \
		>"$tmp/synthetic.safetensors"
	echo "$tmp/joined.safetensors -"
	echo "$tmp/synthetic.safetensors -"
}

cases >"$tmp/cases"
[ -z "$LARGE" ] || large >>"$tmp/cases"

# name MODEL SIDECAR
name() {
	local text=${1#"$MODELS/"}
	text=${text#"$tmp/"}
	text=${text%.safetensors}
	[ "$2" = - ] || text="$text, full"
	echo "$text"
}

worst_file=0
worst_pipe=0
worst_predicted=0
# note WORST PERCENT: keeps the largest.
note() {
	local -n kept=$1
	kept=$(calc "($2 < 0 ? -($2) : $2) > $kept ? \
		($2 < 0 ? -($2) : $2) : $kept" %.6g)
}

# land WORST ASKED OPTION...: encodes stdin; one cell.
land() {
	local worst=$1 asked=$2 got error mark=' '
	shift 2
	"$HVQZ" --bpp "$asked" "$@" >"$tmp/model.hvqz" 2>"$tmp/said" ||
		[ $? = 2 ] || die "$(cat "$tmp/said")"
	"$HVQZ" -l --json "$tmp/model.hvqz" >"$tmp/listing"
	got=$(field bpp "$tmp/listing")
	error=$(calc "100 * ($got / $asked - 1)" %.6g)
	if grep -q 'as near as' "$tmp/said" &&
		[ "$(calc "$asked < $LEAST" %d)" = 1 ]; then
		mark='!'
	else
		note "$worst" "$error"
	fi
	printf ' %7.3f %+6.2f%s' "$got" "$error" "$mark"
}

# least OPTION...: the least that stdin can take, to LEAST.
least() {
	"$HVQZ" -q --bpp 0.1 "$@" >"$tmp/model.hvqz" || [ $? = 2 ]
	"$HVQZ" -l --json "$tmp/model.hvqz" >"$tmp/listing"
	LEAST=$(field bpp "$tmp/listing")
}

# sidecar FILE: its options to $option.
sidecar() {
	option=()
	[ "$1" = - ] || option=(--sidecar "$1")
}

printf '%-40s' '--bpp: got, error in %'
for rate in $RATES; do
	printf ' %15s ' "$rate"
done
echo
while read -r model from; do
	sidecar "$from"
	least "${option[@]}" <"$model"
	printf '%-40s' "$(name "$model" "$from")"
	for rate in $RATES; do
		land worst_file "$rate" "${option[@]}" <"$model"
	done
	printf '\n%40s' 'from a pipe'
	for rate in $RATES; do
		# The right side must run here: it keeps the worst.
		land worst_pipe "$rate" "${option[@]}" < <(cat "$model")
	done
	echo
done <"$tmp/cases"
echo "!: less than the least this model can take, by --bpp 0.1; not counted"

printf '\n%-40s' '--quality: real bytes, -n in %'
for quality in $QUALITIES; do
	printf ' %17s' "$quality"
done
echo
while read -r model from; do
	sidecar "$from"
	printf '%-40s' "$(name "$model" "$from")"
	for quality in $QUALITIES; do
		predicted=$("$HVQZ" -q -n --quality "$quality" \
			"${option[@]}" "$model" |
			sed -n 's/.* about \([0-9,]*\) bytes.*/\1/p' |
			tr -d ,)
		real=$("$HVQZ" -q --quality "$quality" "${option[@]}" \
			<"$model" | wc -c)
		error=$(calc "100 * ($predicted / $real - 1)" %.6g)
		note worst_predicted "$error"
		printf ' %10d %+6.2f' "$real" "$error"
	done
	echo
done <"$tmp/cases"

echo
form='%-40s %6.2f %%  (target %s %%)\n'
# shellcheck disable=SC2059 # the form is ours
{
	printf "$form" "worst of --bpp from a file" "$worst_file" 1
	printf "$form" "worst of --bpp from a pipe" "$worst_pipe" 3
	printf "$form" "worst of -n" "$worst_predicted" 3
}
over="$worst_file > 1 || $worst_pipe > 3 || $worst_predicted > 3"
if [ "$(calc "$over" %d)" != 0 ]; then
	echo "FAIL: over the target"
	exit 1
fi
