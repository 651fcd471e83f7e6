#!/usr/bin/env bash
# identical.sh - the same bytes from every compiler and optimisation level.
#
# Builds hvqz with gcc and clang, -O0 and -O3, each in a directory of its own,
# and compares the SHA-256 of what each encodes and of what each decodes from
# the first one's files (DESIGN, law 4). Any difference: exit 1.
#
#	MODEL=DIR	model.safetensors and sidecar/ (default: tests/data/kjv-1m)
#	BUILDS="gcc:-O0 …"
HVQZ=/bin/true	# we build our own
# shellcheck source=tests/bench/common.sh
. "$(dirname "$0")/common.sh"

MODEL=${MODEL:-$top/tests/data/kjv-1m}
BUILDS=${BUILDS:-gcc:-O0 gcc:-O3 clang:-O0 clang:-O3}
[ -x "$top/configure" ] || die "no configure in $top: run ./bootstrap first"

names=(lossless default faithful)
options() {
	case $1 in
	lossless) echo --lossless ;;
	default) echo --sidecar "$MODEL/sidecar/diag.safetensors" ;;
	faithful) echo --sidecar "$MODEL/sidecar/diag.safetensors" \
		--faithful --preset mid ;;
	esac
}

sum() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

first=
differ=0
printf '%-10s %-9s %-18s %s\n' build mode 'encoded' 'decoded'
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
		printf '%-10s %-9s %-18s %s\n' "$cc $flags" "$name" \
			"${encoded:0:16}" "${decoded:0:16}"
		[ -n "$first" ] || continue
		cmp "$tmp/$first/$name.hvqz" "$dir/$name.hvqz" || differ=1
		cmp "$tmp/$first/$name.out" "$dir/$name.out" || differ=1
	done
	first=${first:-$cc$flags}
done
cmp "$MODEL/model.safetensors" "$tmp/$first/lossless.out" || differ=1
if [ "$differ" -ne 0 ]; then
	echo "FAIL: the builds differ"
	exit 1
fi
echo "good: all equal"
