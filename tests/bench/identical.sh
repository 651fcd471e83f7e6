#!/usr/bin/env bash
# identical.sh - the same bytes from every compiler and optimisation level.
#
# Builds hvqz with gcc and clang, -O0 and -O3, each in a directory of its own,
# and compares the SHA-256 of what each encodes and of what each decodes from
# the first one's files (DESIGN, law 4). Any difference: exit 1. Only with a
# full sidecar the encoded file may differ, from one LAPACK to another; on one
# machine it should not either, and the table would say so.
#
#	MODEL=DIR	model.safetensors and sidecar/ (default: tests/data/kjv-1m)
#	BUILDS="gcc:-O0 …"
HVQZ=/bin/true	# we build our own
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

MODEL=${MODEL:-$top/tests/data/kjv-1m}
BUILDS=${BUILDS:-gcc:-O0 gcc:-O3 clang:-O0 clang:-O3}
[ -x "$top/configure" ] || die "no configure in $top: run ./bootstrap first"

names=(lossless trellis trellis-9 trellis-bpp trellis-diag trellis-full
	full-9 full-bpp full-kl kmeans faithful rtn rtn-8 rtn-full
	hero-rtn hero-rtn-diag hero-rtn-full hero-trellis-diag
	hero-trellis-full hero-kmeans hero-kmeans-full hero-auto smooth)
options() {
	local diag="--sidecar $MODEL/sidecar/diag.safetensors"
	local full="--sidecar $MODEL/sidecar/full.safetensors"
	local hero="--condition hero --alpha 0.5"
	case $1 in
	lossless) echo --lossless ;;
	trellis) ;;
	trellis-9) echo -9 ;;
	trellis-bpp) echo --bpp 3 ;;
	trellis-diag) echo "$diag" ;;
	trellis-full) echo "$full" ;;
	full-9) echo "$full" -9 ;;
	full-bpp) echo "$full" --bpp 3 ;;
	full-kl) echo "$full" --kl 0.01 ;;
	kmeans) echo "$diag" --preset mid ;;
	rtn) echo --body rtn ;;
	rtn-8) echo "$diag" --bits 8 --group 32 ;;
	rtn-full) echo "$full" --bits 3 ;;
	faithful) echo "$diag" --faithful --preset mid ;;
	hero-rtn) echo "$hero" --bits 3 ;;
	hero-rtn-diag) echo "$hero" "$diag" --bits 3 --group 32 ;;
	hero-rtn-full) echo "$hero" "$full" --bits 3 ;;
	hero-trellis-diag) echo "$hero" "$diag" ;;
	hero-trellis-full) echo "$hero" "$full" ;;
	hero-kmeans) echo "$hero" "$diag" --preset mid ;;
	hero-kmeans-full) echo "$hero" "$full" --faithful --preset mid ;;
	hero-auto) echo "$diag" --condition hero --bits 3 ;;
	smooth) echo "$diag" --condition smooth --alpha 0.5 --bits 4 ;;
	esac
}

sum() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

first=
differ=0
may_differ=0
printf '%-10s %-17s %-18s %s\n' build mode 'encoded' 'decoded'
for build in $BUILDS; do
	cc=${build%%:*}
	flags=${build#*:}
	command -v "$cc" >/dev/null || die "no compiler $cc here"
	dir=$tmp/$cc$flags
	mkdir "$dir"
	(cd "$dir" && "$top/configure" -q --disable-werror \
		CC="$cc" CFLAGS="$flags") \
		>"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "configure $build"; }
	make -C "$dir" -s -j"$(nproc)" hvqz >"$dir.log" 2>&1 ||
		{ cat "$dir.log" >&2; die "make $build"; }
	for name in "${names[@]}"; do
		# shellcheck disable=SC2046 # options are words
		"$dir/hvqz" -q $(options "$name") \
			<"$MODEL/model.safetensors" >"$dir/$name.hvqz"
		"$dir/hvqz" -q -d <"$tmp/${first:-$cc$flags}/$name.hvqz" \
			>"$dir/$name.out"
		encoded=$(sum "$dir/$name.hvqz")
		decoded=$(sum "$dir/$name.out")
		said=
		if [ -n "$first" ]; then
			cmp -s "$tmp/$first/$name.hvqz" "$dir/$name.hvqz" ||
				case $name in
				*full*) said='  encoded differs (it may)' ;;
				*) said='  ENCODED DIFFERS' ;;
				esac
			cmp -s "$tmp/$first/$name.out" "$dir/$name.out" ||
				said+='  DECODED DIFFERS'
		fi
		case $said in
		*DIFFERS*) differ=1 ;;
		?*) may_differ=1 ;;
		esac
		printf '%-10s %-17s %-18s %s%s\n' "$cc $flags" "$name" \
			"${encoded:0:16}" "${decoded:0:16}" "$said"
	done
	first=${first:-$cc$flags}
done
cmp "$MODEL/model.safetensors" "$tmp/$first/lossless.out" || differ=1
if [ "$differ" -ne 0 ]; then
	echo "FAIL: the builds differ"
	exit 1
fi
if [ "$may_differ" -ne 0 ]; then
	echo "good: all equal but for what a full sidecar made"
else
	echo "good: all equal"
fi
