#!/usr/bin/env bash
# scale.sh - time and peak memory against the size of the model.
#
# Models are made on the fly and go through a pipe, into the encoder and, by a
# file, out of the decoder again. For every way to code one, over all SIZES:
# peak RSS is within 10 % of the plan that -vv announces, within 5 % of the
# other sizes', and within LIMIT MiB; the time of all cores per byte of the
# largest, which others on the machine change less, is within SLACK % of the
# smallest's. Whatever is not: exit 1.
#
#	SIZES="1G 2G 4G 8G"	THREADS=2	LIMIT=300	SLACK=25
#	WAYS="lossless trellis full"	SMALL="256M 512M" (for the last two)
#	DTYPE=bf16  SHAPE=4096x4096  FULL_SHAPE=4096x2048 (2048 channels)
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

SIZES=${SIZES:-1G 2G 4G 8G}
SMALL=${SMALL:-256M 512M}
WAYS=${WAYS:-lossless trellis full}
THREADS=${THREADS:-2}
LIMIT=${LIMIT:-300}
SLACK=${SLACK:-25}
DTYPE=${DTYPE:-bf16}
need_tools
need_space 8

bad=0
# must CONDITION TEXT: awk's condition holds, or it is told and counted.
must() {
	[ "$(calc "($1) ? 1 : 0" %d)" = 1 ] && return
	echo "FAIL: $2"
	bad=1
}

# planned FILE: the MiB that -vv announced there.
planned() {
	sed -n 's/.*planned memory \([0-9.,]*\) \([KMG]iB\).*/\1 \2/p' "$1" |
		tr -d , | awk '{ f["KiB"] = 1 / 1024; f["MiB"] = 1
			f["GiB"] = 1024; print $1 * f[$2] }'
}

# note WAY: what the last run took.
note() {
	local kib s cpu mib plan
	read -r kib _ s cpu <"$tmp/report"
	mib=$(calc "$kib / 1024" %.1f)
	plan=$(planned "$tmp/says")
	printf '%-18s %6s %9s MiB %9s MiB %6s %8s s %8s s %6s MB/s\n' "$1" "$size" \
		"$plan" "$mib" "$(calc "$mib / $plan" %.2f)" "$s" "$cpu" \
		"$(calc "$bytes / 1e6 / ($s + 0.001)" %.0f)"
	must "$mib <= 1.1 * $plan && $mib >= 0.9 * $plan" \
		"$1 of $size took $mib MiB, $plan were planned"
	must "$mib <= $LIMIT" "$1 of $size took $mib MiB of $LIMIT"
	echo "$1 $bytes $mib $cpu" >>"$tmp/all"
}

# sidecar HEAD FILE: a full Hessian for every matrix of the model.
sidecar() {
	/usr/bin/env python3 "$top/tests/bench/made_sidecar.py" "$1" "$2"
}

# way NAME SHAPE "SIZES" OPTION...
way() {
	local name=$1 shape=$2 sizes=$3 size bytes options
	shift 3
	for size in $sizes; do
		bytes=$(numfmt --from=iec "$size")
		options=("$@")
		if [ "$name" = full ]; then
			"$BENCH/gen_model" --size "$size" --dtype "$DTYPE" \
				--shape "$shape" 2>/dev/null |
				head -c 1M >"$tmp/head" || true
			sidecar "$tmp/head" "$tmp/sidecar"
			options+=(--sidecar "$tmp/sidecar")
		fi
		"$BENCH/gen_model" --size "$size" --dtype "$DTYPE" \
			--shape "$shape" |
			"$BENCH/peak_rss" "$tmp/report" "$HVQZ" -vv \
				-T "$THREADS" "${options[@]}" \
				>"$tmp/packed" 2>"$tmp/says"
		note "$name encode"
		"$BENCH/peak_rss" "$tmp/report" "$HVQZ" -vv -d -T "$THREADS" \
			<"$tmp/packed" 2>"$tmp/says" >/dev/null
		note "$name decode"
		rm -f "$tmp/packed" "$tmp/sidecar"
	done
}

# flat WAY: the sizes of one way beside each other.
flat() {
	awk -v way="$1" -v slack="$SLACK" '
	$1 " " $2 == way {
		n++
		if (n == 1 || $4 < low) low = $4
		if (n == 1 || $4 > high) high = $4
		if (n == 1) first = $5 / $3
		last = $5 / $3
	}
	END {
		if (n < 2) exit 0
		printf "%s: memory %.1f … %.1f MiB, time per byte of the " \
			"largest is %.2f of the smallest'\''s\n", way, low,
			high, last / first
		exit !(high <= 1.05 * low && last <= first * (1 + slack / 100))
	}' "$tmp/all"
}

printf '%-18s %6s %13s %13s %6s %10s %10s %11s\n' "-T$THREADS" size planned \
	peak ratio time 'all cores' speed
: >"$tmp/all"
for name in $WAYS; do
	case $name in
	lossless) way lossless "${SHAPE:-4096x4096}" "$SIZES" --lossless ;;
	trellis) way trellis "${SHAPE:-4096x4096}" "$SMALL" -1 ;;
	full) way full "${FULL_SHAPE:-4096x2048}" "$SMALL" -1 ;;
	*) die "no way '$name'" ;;
	esac
	for direction in encode decode; do
		flat "$name $direction" || {
			echo "FAIL: $name $direction is not flat and linear"
			bad=1
		}
	done
done
[ "$bad" = 0 ] || exit 1
echo "good: as planned, flat, linear and within $LIMIT MiB"
