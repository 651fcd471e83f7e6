#!/bin/sh
# damage.sh - damaged files: an error with a sentence, and no output.
. "$(dirname "$0")/common.inc"

status 0 hvqz --lossless --chunk 64K -c "$MODEL" >good.hvqz
size=$(wc -c <good.hvqz)

# flip FILE OFFSET: invert a byte.
flip() {
	old=$(od -An -tu1 -j "$2" -N1 "$1" | tr -d ' ')
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf '%03o' $((255 - old)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# Truncation anywhere, by file and by pipe.
for at in 0 1 7 8 63 64 100 5000 $((size / 2)) $((size - 65)) $((size - 1)); do
	head -c "$at" good.hvqz >cut.hvqz
	status 1 hvqz -d cut.hvqz
	says "hvqz: cut.hvqz: "
	absent cut
	# shellcheck disable=SC2002 # a pipe is the point
	cat cut.hvqz | hvqz -d >out 2>err && fail "cut at $at passes"
	grep -q "hvqz: (stdin): " err || fail "cut at $at: no message"
	hvqz -t cut.hvqz 2>/dev/null && fail "cut at $at tests well"
done
no_traces

# A byte more.
{ cat good.hvqz; printf x; } >long.hvqz
status 1 hvqz -d long.hvqz
absent long

# One byte flipped, in many places.
i=0
while [ $i -lt 40 ]; do
	cp good.hvqz bad.hvqz
	flip bad.hvqz $((i * (size - 1) / 39))
	status 1 hvqz -d bad.hvqz
	says "hvqz: bad.hvqz: "
	absent bad
	status 1 hvqz -qt bad.hvqz
	i=$((i + 1))
done
no_traces

# -t goes on and names each damaged chunk; the rest can still be had.
cp good.hvqz bad.hvqz
flip bad.hvqz $((size / 4))
flip bad.hvqz $((size * 3 / 4))
status 1 hvqz -t bad.hvqz
[ "$(grep -c "tensor '.*rows" err)" -eq 2 ] || fail "not two chunks named"
says "2 of "
grep -v "^hvqz: bad.hvqz: " err && fail "a message without its file"

# An old target survives a failure with -f.
echo old >bad
status 1 hvqz -df bad.hvqz
[ "$(cat bad)" = old ] || fail "the old target is gone"

# Damaged models, and their sidecars.
head -c 100000 "$MODEL" >cut.safetensors
status 1 hvqz cut.safetensors
says "truncated"
absent cut.safetensors.hvqz
status 1 hvqz --sidecar cut.safetensors -c "$MODEL" >out
says "cut.safetensors: "
[ ! -s out ] || fail "output in spite of a bad sidecar"
