#!/usr/bin/env bash
# rates.sh - rate and quality of the trellis with every kind of sidecar.
#
# Each row is one file, encoded and restored by the program and scored with
# ppl.py: bits per parameter of the whole file, KL divergence in nats per
# token, KL*4^bpp (which compares across sizes: a factor of 4 is one bit),
# the prototype's figure at about that size (models/README.md), the estimate
# -l prints, and how many times the measured KL it is. Below, what the KL of
# other quantizers costs us in bits. Their sizes leave out the file's header.
#
#	RATES="2 3 4 5"
#	SEQUENCES=	how much text, for a quick run; default 96 for docs-5m, 64
#			for kjv-1m
#	NAMES="docs-5m kjv-1m kjv-1m-sharp"
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

RATES=${RATES:-2 3 4 5}
NAMES=${NAMES:-docs-5m kjv-1m kjv-1m-sharp}
# shellcheck disable=SC2086 # words
need_models $NAMES
tensors=$(dirname "$0")/tensors.py

# The prototype: model, sidecar, rate asked for, KL*4^bpp.
cat >"$tmp/prototype" <<'END'
docs-5m none 3 2.00
docs-5m diag 3 1.75
docs-5m diag+rows 3 0.98
docs-5m full 3 1.04
docs-5m full+rows 2 0.73
docs-5m full+rows 3 0.43
docs-5m full+rows 4 0.35
kjv-1m none 3 3.36
kjv-1m diag 3 3.29
kjv-1m diag+rows 3 1.70
kjv-1m full 3 2.35
kjv-1m full+rows 2 1.70
kjv-1m full+rows 3 1.03
kjv-1m full+rows 4 0.88
kjv-1m-sharp full+rows 2 1.70
kjv-1m-sharp full+rows 3 1.03
kjv-1m-sharp full+rows 4 0.88
END

# The peers: model, bpp, KL, name.
cat >"$tmp/peers" <<'END'
docs-5m 8.515 0.000049 Q8_0
docs-5m 6.579 0.000519 Q6_K, imatrix
docs-5m 5.716 0.001186 Q5_K_M, imatrix
docs-5m 4.904 0.003773 Q4_K_M, imatrix
docs-5m 4.724 0.006173 Q4_0
docs-5m 4.499 0.004616 IQ4_XS, imatrix
docs-5m 4.139 0.010283 Q3_K_M, imatrix
docs-5m 3.768 0.014814 IQ3_S, imatrix
docs-5m 3.296 0.028179 IQ3_XXS, imatrix
docs-5m 3.311 0.040983 Q2_K, imatrix
docs-5m 2.662 0.074631 IQ2_XS, imatrix
docs-5m 4.761 0.003006 IQ4_K, imatrix
docs-5m 4.382 0.006407 IQ4_KT, imatrix
docs-5m 3.382 0.021785 IQ3_KT, imatrix
docs-5m 4.605 0.0518 HAS-VQ Mid
docs-5m 7.056 0.00177 HAS-VQ High
docs-5m 4.053 0.0277 INT4 a row
kjv-1m 4.106 0.0355 INT4 a row
END

# sidecar MODEL KIND: the file, made in $tmp where there is none; "-" is none.
sidecar() {
	local from=$MODELS/$1/sidecar
	case $2 in
	none) echo - ;;
	diag) echo "$from/diag.safetensors" ;;
	full+rows) echo "$from/full.safetensors" ;;
	full)
		"$tensors" no-rows "$from/full.safetensors" "$tmp/full"
		echo "$tmp/full"
		;;
	diag+rows)
		"$tensors" diag-rows "$from/full.safetensors" "$tmp/diag"
		echo "$tmp/diag"
		;;
	imatrix*) echo "$from/$2" ;;
	esac
}

kinds() {
	case $1 in
	docs-5m) echo none diag diag+rows full full+rows imatrix.dat \
		imatrix.gguf ;;
	kjv-1m) echo none diag diag+rows full full+rows ;;
	*) echo full+rows ;;
	esac
}

# known NUMBER EXPRESSION [FORMAT]: calc, or "-" where the number is not known.
known() {
	if [ -z "$1" ]; then
		echo -
	else
		calc "${@:2}"
	fi
}

form='%-13s %5s %7s %9s %9s %9s %9s %8s\n'
# row MODEL KIND SIDECAR RATE SEQUENCES
row() {
	local bpp kl estimate prototype option=()
	[ "$3" = - ] || option=(--sidecar "$3")
	"$HVQZ" -q --bpp "$4" "${option[@]}" \
		<"$MODELS/$1/model.safetensors" >"$tmp/model.hvqz" || [ $? = 2 ]
	score "$MODELS/$1" "$tmp/model.hvqz" "$5"
	bpp=$(field bpp "$tmp/listing")
	kl=$(field kl "$tmp/score")
	estimate=$(field kl_estimate "$tmp/listing")
	prototype=$(sed -n "s/^$1 $2 $4 //p" "$tmp/prototype")
	echo "$1 $2 $4 $bpp $kl ${estimate:--}" >>"$tmp/rows"
	# shellcheck disable=SC2059 # the form is ours
	printf "$form" "$2" "$4" "$(calc "$bpp")" "$(calc "$kl" %.6f)" \
		"$(calc "$kl * 4 ^ $bpp")" "${prototype:--}" \
		"$(known "$estimate" "$estimate" %.6f)" \
		"$(known "$estimate" "$estimate / $kl")"
}

table() {
	local n=$2 kind file rate
	printf '\n%s, %s sequences\n' "$1" "$n"
	# shellcheck disable=SC2059
	printf "$form" sidecar asked bpp KL 'KL*4^bpp' prototype estimate '/ KL'
	for kind in $(kinds "$1"); do
		file=$(sidecar "$1" "$kind")
		for rate in $RATES; do
			row "$1" "$kind" "$file" "$rate" "$n"
		done
	done
}

# What a peer's KL costs us: between our rows, straight in log KL; beyond them
# (~) the last two rows' line goes on. What it saves to $tmp/saved.
peers() {
	[ "$(wc -w <<<"$RATES")" -gt 1 ] || return 0
	printf "\n%s: bits that a peer's KL costs us, and how many fewer\n" "$1"
	awk -v model="$1" -v saved="$tmp/saved" -v kinds="$(kinds "$1")" '
	BEGIN {
		sub(/ diag /, " ", kinds)
		sub(/ imatrix.gguf/, "", kinds)
		n_kinds = split(kinds, kind, " ")
	}
	FNR == NR {
		if ($1 == model) {
			n[$2]++
			bpp[$2, n[$2]] = $4
			kl[$2, n[$2]] = log($5)
		}
		next
	}
	# The n rows of a kind are in the order of their rates.
	function cost(kind, want,  i, mark) {
		for (i = 2; i < n[kind] && kl[kind, i] > want; i++)
			;
		mark = want > kl[kind, 1] || want < kl[kind, n[kind]]
		return (mark ? "~" : "") sprintf("%.2f", bpp[kind, i - 1] + \
			(bpp[kind, i] - bpp[kind, i - 1]) * \
			(kl[kind, i - 1] - want) / \
			(kl[kind, i - 1] - kl[kind, i]))
	}
	$1 == model {
		if (!told++) {
			printf "%-16s %6s %9s", "peer", "bpp", "KL"
			for (j = 1; j <= n_kinds; j++)
				printf " %14s", kind[j]
			print ""
		}
		name = $4
		for (j = 5; j <= NF; j++)
			name = name " " $j
		printf "%-16s %6.3f %9.6f", name, $2, $3
		for (j = 1; j <= n_kinds; j++) {
			c = cost(kind[j], log($3))
			plain = c
			sub(/~/, "", plain)
			printf " %7s %+6.2f", c, plain - $2
			print model, kind[j], $4, $5, $2 - plain >saved
		}
		print ""
	}' "$tmp/rows" "$tmp/peers"
}

# targets: what part 2 of the plan asks of these figures.
targets() {
	printf '\ntargets\n'
	touch "$tmp/saved"
	awk -v saved="$tmp/saved" '
	FILENAME == saved {
		if ($1 != "docs-5m")
			next
		if ($2 == "full+rows" && $3 ~ /^IQ/ &&
		    (iq == "" || $NF < iq))
			iq = $NF
		if ($3 == "Q4_K_M," && $2 ~ /full.rows|imatrix/)
			q4[$2] = $NF
		if ($2 == "full+rows" && $4 == "High")
			high_saved = $NF
		next
	}
	{ kl[$1, $2, $3] = $5; all[$1, $2, $3] = $5 * 4 ^ $4 }
	$6 != "-" {
		r = $6 / $5
		if (!low || r < low)
			low = r
		if (r > high)
			high = r
	}
	END {
		f = "full+rows"
		form = "%-46s %8.3f  %s\n"
		if (("docs-5m", f, 3) in kl)
			printf form, "docs-5m, full+rows at 3 bpp: KL*4^bpp",
				all["docs-5m", f, 3], "<= 0.55"
		if (("kjv-1m", f, 3) in kl)
			printf form, "kjv-1m, full+rows at 3 bpp: KL*4^bpp",
				all["kjv-1m", f, 3], "<= 1.25"
		if (iq != "") {
			printf form, "docs-5m, full+rows: bpp saved on Q4_K_M",
				q4[f], ">= 1.3"
			printf form, "... on the i-quant where it is least",
				iq, ">= 1.0"
			printf form, "... on HAS-VQ High", high_saved, ">= 2.5"
			printf form, "docs-5m, imatrix.dat: saved on Q4_K_M",
				q4["imatrix.dat"], ">= 0.4"
		}
		for (rate = 2; rate <= 5; rate++)
			if (("kjv-1m", f, rate) in kl &&
			    ("kjv-1m-sharp", f, rate) in kl)
				printf form, "kjv-1m-sharp / kjv-1m, KL at " \
					rate " bpp", kl["kjv-1m-sharp", f, rate] \
					/ kl["kjv-1m", f, rate],
					rate == 3 || rate == 4 ? \
					"0.9 to 1.1" : ""
		if (high) {
			printf form, "estimate / KL, smallest", low,
				">= 0.667"
			printf form, "estimate / KL, largest", high, "<= 1.5"
		}
	}' "$tmp/saved" "$tmp/rows"
}

for name in $NAMES; do
	case $name in
	docs-5m) table "$name" "${SEQUENCES:-96}" ;;
	*) table "$name" "${SEQUENCES:-64}" ;;
	esac
done
for name in $NAMES; do
	[ "$name" = kjv-1m-sharp ] || peers "$name"
done
targets
