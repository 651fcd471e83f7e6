#!/bin/sh
# cpu_off.sh - HVQZ_CPU_OFF: the same bytes from every instruction set.
#
# Needs HVQZ_HOOKS besides: the program that listens to it.
# shellcheck source=tests/cli/common.inc
. "$(dirname "$0")/common.inc"
: "${HVQZ_HOOKS:?set HVQZ_HOOKS to the program with test hooks}"

full=$DATA/kjv-1m/sidecar/full.safetensors

# with SETS OPTION...: without these instruction sets.
with() {
	off=$1
	shift
	HVQZ_CPU_OFF=$off "$HVQZ_HOOKS" "$@"
}

# What it takes, what it refuses, and who does not listen.
status 1 with avx3 -n "$MODEL"
says "HVQZ_CPU_OFF has 'avx3', which is none of avx2, avx512"
status 1 with avx2,, -n "$MODEL"
says "HVQZ_CPU_OFF has ''"
status 1 with avx512,AVX2 -n "$MODEL"
says "HVQZ_CPU_OFF has 'AVX2'"
status 0 with avx2 -vv -c "$MODEL" --lossless >lossless-avx2
says "kernels: generic"
status 0 with avx512,avx2 -vv -c "$MODEL" --lossless >x
says "kernels: generic"
same lossless-avx2 x
status 0 env HVQZ_CPU_OFF=avx3 "$HVQZ" -c "$MODEL" --lossless >x
silent
same lossless-avx2 x

# every NAME OPTION...: one way to encode, on every set, decoded on every set.
every() {
	name=$1
	shift
	status 0 hvqz -c "$@" "$MODEL" >"$name"
	status 0 hvqz -d -c "$name" >"$name.out"
	for sets in avx2 avx512; do
		status 0 with "$sets" -c "$@" "$MODEL" >x
		cmp -s "$name" x || fail "$name differs without $sets"
		status 0 with "$sets" -d -c "$name" >x
		cmp -s "$name.out" x ||
			fail "$name decodes otherwise without $sets"
	done
}

every lossless --lossless
every trellis -1
every diagonal -1 --sidecar "$SIDECAR"
every full -1 --sidecar "$full"
every kmeans --body kmeans --centroids 64 -1
every rtn --bits 4 --condition hero --alpha 0.5
