#!/bin/sh
# copies.sh - equal tensors from the command line: stored once, listed as what
# they are, and back from a file, from a pipe, one by one.
. "$(dirname "$0")/common.inc"

# u64 N: 8 bytes, lowest first; N below 65536.
u64() {
	# shellcheck disable=SC2059 # the format is the point
	printf "\\$(printf %o $(($1 % 256)))\\$(printf %o $(($1 / 256)))"
	printf '\0\0\0\0\0\0'
}

# tensor NAME DTYPE SHAPE BYTES: its part of the header; moves $at.
tensor() {
	printf '%s"%s":{"dtype":"%s","shape":[%s],"data_offsets":[%d,%d]}' \
		"$comma" "$1" "$2" "$3" "$at" $((at + $4)) >>header
	at=$((at + $4))
	comma=,
}

# Bytes of real weights: the layers' matrices.
tail -c 1000000 "$MODEL" | head -c 32768 >a
tail -c 500000 "$MODEL" | head -c 32768 >b
head -c 4094 a >s

at=0
comma=
printf '{' >header
tensor embed BF16 128,128 32768
tensor layer.0 BF16 64,256 32768
tensor small BF16 2047 4094
tensor small.again BF16 2047 4094
tensor layer.1 BF16 64,256 32768
tensor halves F16 64,256 32768
tensor layer.2 BF16 256,64 32768
tensor head BF16 128,128 32768
printf '}' >>header
{ u64 "$(wc -c <header)"; cat header a b s s b b b a; } >m.safetensors

# By the file or by a pipe, with any -T, in any chunks.
status 0 hvqz --lossless -T1 -c m.safetensors >t1
silent
status 0 hvqz --lossless -T2 -c m.safetensors >t2
same t1 t2
status 0 hvqz --lossless --chunk 1K -o cut.hvqz m.safetensors
hvqz --lossless <m.safetensors >seekable || fail "from standard input"
same seekable t1
# shellcheck disable=SC2002 # a pipe is wanted
cat m.safetensors | hvqz --lossless >piped || fail "from a pipe"
[ "$(wc -c <piped)" -gt $(($(wc -c <t1) + 50000)) ] ||
	fail "a pipe has copies, or a file has none"
[ "$(wc -c <t1)" -lt 100000 ] || fail "not stored once"
for f in t1 cut.hvqz piped; do
	status 0 hvqz -t "$f"
	silent
	hvqz -t <"$f" || fail "testing $f as standard input"
	# shellcheck disable=SC2002 # a pipe is wanted
	cat "$f" | hvqz -t || fail "testing $f from a pipe"
	for t in 1 2; do
		status 0 hvqz -d -T$t -c "$f" >back
		same back m.safetensors
		# shellcheck disable=SC2002 # a pipe is wanted
		cat "$f" | hvqz -d -T$t >back || fail "$f from a pipe"
		same back m.safetensors
	done
done

# Lists: copies are named, and nothing else is one.
hvqz -lv cut.hvqz >page
grep -q '^ *layer.1 .* copy of layer.0' page || fail "-lv: layer.1"
grep -q '^ *layer.2 .* copy of layer.0' page || fail "-lv: layer.2"
grep -q '^ *head .* copy of embed' page || fail "-lv: head"
[ "$(grep -c 'copy of' page)" -eq 3 ] || fail "-lv: other copies"
# shellcheck disable=SC2002 # a pipe is wanted
cat cut.hvqz | hvqz -lv >piped.page || fail "-lv from a pipe"
[ "$(grep -c 'copy of' piped.page)" -eq 3 ] || fail "-lv from a pipe"
hvqz -lv --json cut.hvqz >json
[ "$(grep -o '"copy_of":"layer.0"' json | wc -l)" -eq 2 ] || fail "--json"
[ "$(grep -o '"copy_of":' json | wc -l)" -eq 3 ] || fail "--json: others"
hvqz -lv --json piped >json
grep -q copy_of json && fail "--json: a copy in what was piped"

# One by one: what a file without copies gives.
for name in embed layer.0 layer.1 layer.2 head 'layer.*' small.again halves; do
	status 0 hvqz -x "$name" piped >want
	for f in t1 cut.hvqz; do
		status 0 hvqz -x "$name" "$f" >got
		same got want
		# shellcheck disable=SC2002 # a pipe is wanted
		cat "$f" | hvqz -x "$name" >got || fail "-x $name by pipe"
		same got want
	done
done
for name in layer.2 head; do
	status 0 hvqz -x "$name" --rows 7:100 piped >want
	status 0 hvqz -x "$name" --rows 7:100 cut.hvqz >got
	same got want
	hvqz -x "$name" --rows 7:100 <cut.hvqz >got || fail "rows, stdin"
	same got want
	# shellcheck disable=SC2002 # a pipe is wanted
	cat cut.hvqz | hvqz -x "$name" --rows 7:100 >got || fail "rows, pipe"
	same got want
done

# Quantized: both come back the same.
status 0 hvqz -1 -q -o q.hvqz m.safetensors
hvqz -lv q.hvqz >page
grep -q '^ *head .* copy of embed' page || fail "quantized: no copy"
status 0 hvqz -d -c q.hvqz >back
# shellcheck disable=SC2002 # a pipe is wanted
cat q.hvqz | hvqz -d >piped.back || fail "quantized, by pipe"
same back piped.back
tail -c 32768 back >head.back
tail -c $((8 * 32768 - 2 * 28674)) back | head -c 32768 >embed.back
same head.back embed.back
cmp -s head.back a && fail "nothing was lost"
status 0 hvqz -d --dtype f32 -c q.hvqz >wide
# shellcheck disable=SC2002 # a pipe is wanted
cat q.hvqz | hvqz -d --dtype f32 >wide.piped || fail "f32, by pipe"
same wide wide.piped

# A chunk damaged: it costs its original and the copies, and is told once.
cp cut.hvqz bad.hvqz
printf x | dd of=bad.hvqz bs=1 seek=1500 conv=notrunc 2>/dev/null
status 1 hvqz -t bad.hvqz
[ "$(grep -c "tensor 'embed': rows" err)" -eq 1 ] || fail "not told once"
says "tensor 'head': is a copy of 'embed', which is damaged"
status 1 hvqz -x head bad.hvqz >got
status 0 hvqz -x layer.2 bad.hvqz >got
no_traces

# hvqz-eval decodes copies to where they belong.
name=self_attn.q_proj.weight
n=$(od -An -tu4 -N4 "$MODEL" | tr -d ' ')

# start TENSOR: where its bytes are in the model's file.
start() {
	head -c $((n + 8)) "$MODEL" |
		sed "s/.*\"$1\":{[^}]*\"data_offsets\":\[\([0-9]*\),.*/\1/"
}
from=$((n + 8 + $(start "model.layers.0.$name")))
to=$((n + 8 + $(start "model.layers.1.$name")))
cp "$MODEL" twin.safetensors
tail -c +$((from + 1)) "$MODEL" | head -c 32768 |
	dd of=twin.safetensors bs=4096 seek=$to oflag=seek_bytes \
		conv=notrunc 2>/dev/null
status 0 hvqz --lossless -o twin.hvqz twin.safetensors
hvqz -lv twin.hvqz >page
grep -q "layers.1.$name .* copy of .*layers.0.$name" page || fail "no twin"
for w in twin.safetensors twin.hvqz; do
	status 0 hvqz_eval "$DATA/kjv-1m" --tokens "$DATA/kjv-1m/eval.u16" \
		-n 2 -c 64 --json --weights $w >$w.json
	grep -o '"nll":[0-9.]*' $w.json >$w.nll
done
same twin.safetensors.nll twin.hvqz.nll
[ -s twin.hvqz.nll ] || fail "hvqz-eval says no nll"

# A copy of what is a difference from a base model.
status 0 hvqz --lossless --base "$MODEL" -c twin.safetensors >both
hvqz -lv both >page
grep -q "layers.1.$name .* copy of .*layers.0.$name" page || fail "no twin"
grep -q "layers.0.$name .* delta " page || fail "no difference"
# shellcheck disable=SC2002 # a pipe is wanted
cat both | hvqz -d --base "$MODEL" >back || fail "copies and a base, by pipe"
same back twin.safetensors
status 0 hvqz -x "*layers.1.$name" --base "$MODEL" both >got
status 0 hvqz -x "*layers.1.$name" twin.hvqz >want
same got want
