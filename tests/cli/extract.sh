#!/bin/sh
# extract.sh - -x: some tensors, some rows.
. "$(dirname "$0")/common.inc"

status 0 hvqz --lossless --chunk 8K -o m.hvqz "$MODEL"

# All of it is the model again, as far as tensors go.
status 0 hvqz -x '*' -o all.safetensors m.hvqz
silent
hvqz -lv --json "$MODEL" | grep '"tensor"' | sed 's/"file":"[^"]*",//' >want
hvqz -lv --json all.safetensors | grep '"tensor"' |
	sed 's/"file":"[^"]*",//' >got
same want got

# Some of it, by file and by pipe, to a file and to standard output.
status 0 hvqz -x 'model.layers.0.*' -x model.norm.weight -o some m.hvqz
hvqz -x 'model.layers.0.*' -x model.norm.weight m.hvqz >some2 ||
	fail "-x to standard output"
same some some2
# shellcheck disable=SC2002 # a pipe is the point
cat m.hvqz | hvqz -x 'model.layers.0.*' -x model.norm.weight >some3 ||
	fail "-x from a pipe"
same some some3
hvqz -lv --json some | grep '"tensor"' | grep -v 'model.layers.0\.' >rest
[ "$(wc -l <rest)" -eq 1 ] || fail "other tensors than asked for"

# Rows: their bytes are those of the whole tensor.
w=model.embed_tokens.weight
status 0 hvqz -x $w -o whole m.hvqz
status 0 hvqz -x $w --rows 100:164 -o rows m.hvqz
row=$(hvqz -lv --json whole | grep -F $w |
	sed 's/.*"shape":\[[0-9]*,\([0-9]*\)\].*/\1/')
n=$((64 * row * 2))
# (F16: two bytes a weight.) The data is what stands at the end.
end=$(hvqz -lv --json whole | grep -F $w |
	sed 's/.*"original_bytes":\([0-9]*\).*/\1/')
tail -c "$end" whole | tail -c +$((100 * row * 2 + 1)) | head -c $n >want
tail -c $n rows >got
same want got

# -v says what was taken, not how far into the file that was.
status 0 hvqz -v -x model.norm.weight -o norm m.hvqz
says "hvqz: m.hvqz: 128 parameters, $(wc -c <norm) bytes, "

# What cannot be had.
status 1 hvqz -x 'no.such.*' -o none m.hvqz
says "no.such.*"
absent none
status 1 hvqz -x $w --rows 0:1000000 -o none m.hvqz
says "tensor '$w': rows 0:1000000 are not all among its 1024 rows"
absent none
status 1 hvqz -x '*' "$MODEL"
says "not a .hvqz file"
status 1 hvqz -x '*' m.hvqz m.hvqz
says "2 files"
no_traces
