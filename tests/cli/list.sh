#!/bin/sh
# list.sh - what -l shows, for people and for programs.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
status 0 hvqz -1 --centroids 64 m.safetensors
status 0 hvqz --lossless -o exact.hvqz m.safetensors
status 0 hvqz -1 --sidecar "$DATA/kjv-1m/sidecar/full.safetensors" \
	-o sens.hvqz m.safetensors
size=$(wc -c <m.safetensors.hvqz)
raw=$(wc -c <m.safetensors)

# Plain: a head and a line a file, a total below several.
status 0 hvqz -l m.safetensors.hvqz >out
silent
[ "$(wc -l <out)" -eq 2 ] || fail "-l of one file is not two lines"
status 0 hvqz -l m.safetensors.hvqz exact.hvqz m.safetensors >out
[ "$(wc -l <out)" -eq 6 ] || fail "-l of three files is not six lines"
grep -q 'exact .*exact.hvqz' out || fail "lossless is not shown as exact"
grep -q ' 3 files$' out || fail "no total"
status 1 hvqz -l m.safetensors.hvqz nowhere >out
[ "$(wc -l <out)" -eq 2 ] || fail "the good file is not listed"

# Without an index to seek to: the same.
hvqz -l <m.safetensors.hvqz >file || fail "-l of standard input"
# shellcheck disable=SC2002 # a pipe is the point
cat m.safetensors.hvqz | hvqz -l >pipe || fail "-l of a pipe"
same file pipe

# Per tensor: aligned, nothing at line ends, bytes that add up.
status 0 hvqz -lv m.safetensors.hvqz >page
grep -q 'model.embed_tokens.weight .*F16 .*hasvq' page ||
	fail "-lv does not show the embedding"
grep -q '^  model     1,312,384 parameters in 56 tensors, .* quantized$' page ||
	fail "-lv has no line of the whole model"
grep -q ' $' page && fail "white space at the end of a line"
commas() {
	echo "$1" | sed -e :a -e 's/^\([0-9]*[0-9]\)\([0-9]\{3\}\)/\1,\2/;ta'
}
grep -q "tensors .*$(commas "$size") " page || fail "no total of $size bytes"
status 0 hvqz -lv exact.hvqz m.safetensors >/dev/null
silent

# Odd tensors: control characters, a name beyond reason, nothing in it.
long=$(printf '%0200d' 0)
head='{"ctl\u001b[2J":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},'
head=$head'"'$long'":{"dtype":"F16","shape":[],"data_offsets":[4,6]},'
head=$head'"none":{"dtype":"F16","shape":[0,3],"data_offsets":[6,6]}}'
{
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$(printf '\\%03o\\%03o\\0\\0\\0\\0\\0\\0' \
		$((${#head} % 256)) $((${#head} / 256)))"
	printf '%s' "$head"
	printf '123456'
} >odd.safetensors
status 0 hvqz odd.safetensors
silent
status 0 hvqz -lv odd.safetensors.hvqz >page
grep -q '^  ctl?\[2J  *F16    \[2\] ' page || fail "a name is not masked"
grep -q "^  $long  F16    \[\] " page || fail "a long name is not whole"
grep -q '^  none  *F16    \[0, 3\]  -  *0  *-  *exact  *-$' page ||
	fail "an empty tensor is not shown as one"
[ "$(awk 'length($0) > 90' page | wc -l)" -eq 1 ] ||
	fail "a long name makes other lines long"
status 0 hvqz -d -o odd.back odd.safetensors.hvqz
same odd.back odd.safetensors
status 0 hvqz -x none -o one odd.safetensors.hvqz
hvqz -lv one | grep -q '^  1 tensor  ' || fail "one tensor is not '1 tensor'"

# On a narrow terminal a long name has its own line, and none is cut.
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	show="stty cols 80; '$HVQZ' -lv m.safetensors.hvqz sens.hvqz"
	script -qec "$show" /dev/null </dev/null | tr -d '\r' >narrow
	[ -z "$(awk 'length($0) > 80' narrow)" ] || fail "wider than 80 columns"
	grep -qx '  model.layers.3.post_attention_layernorm.weight' narrow ||
		fail "a long name is cut"
fi

# JSON: one object a line.
status 0 hvqz -l --json m.safetensors.hvqz m.safetensors >json
[ "$(wc -l <json)" -eq 2 ] || fail "--json is not a line a file"
grep -q "^{\"type\":\"file\",.*\"bytes\":$size," json || fail "no size in JSON"
grep -q "\"original_bytes\":$raw," json || fail "no original size in JSON"
status 0 hvqz -lv --json m.safetensors.hvqz >json
n=$(grep -c '"type":"tensor"' json)
[ "$(wc -l <json)" -eq $((n + 1)) ] || fail "--json -v is not a line a tensor"
grep -v '^{.*}$' json && fail "a line is no object"
sum=$(sed -n '/"tensor"/s/.*"parameters":\([0-9]*\).*/\1/p' json |
	awk '{ n += $1 } END { print n }')
grep -q "\"type\":\"file\".*\"parameters\":$sum," json ||
	fail "parameters do not add up to $sum"

# What the quantization does to the model: known from row sensitivities only.
kl='"kl_estimate":[0-9.e-]*[0-9]'
status 0 hvqz -lv --json sens.hvqz >json
grep -q "^{\"type\":\"file\",.*${kl}[,}]" json || fail "no estimate in JSON"
sed -n 's/.*"type":"\([a-z]*\)".*"kl_estimate":\([0-9.e-]*\).*/\1 \2/p' json |
	awk '$1 == "file" { all = $2 }
	     $1 == "tensor" { n += $2 }
	     END { exit !(all > 0 && n > 0.999 * all && n < 1.001 * all) }' ||
	fail "the tensors' estimates do not add up to the file's"
grep '"model.norm.weight"' json | grep -q '"kl_estimate":null[,}]' ||
	fail "an exact tensor has an estimate"
status 0 hvqz -l sens.hvqz >out
grep -q '  KL est\.  File$' out || fail "-l has no column of the estimate"
grep -q '  0\.[0-9]*  sens.hvqz$' out || fail "-l shows no estimate"
hvqz -l <sens.hvqz >file || fail "-l of standard input"
# shellcheck disable=SC2002 # a pipe is the point
cat sens.hvqz | hvqz -l >pipe || fail "-l of a pipe"
same file pipe
status 0 hvqz -l m.safetensors.hvqz >out
grep -q '  -  m.safetensors.hvqz$' out || fail "an estimate out of nothing"
status 0 hvqz -l --json exact.hvqz m.safetensors.hvqz m.safetensors >json
[ "$(grep -c '"kl_estimate":null[,}]' json)" -eq 3 ] ||
	fail "an unknown estimate is not null in JSON"
status 0 hvqz -lv sens.hvqz >page
grep -q '^  KL est\.  *0\.[0-9]* nats per token$' page ||
	fail "-lv has no estimate of the whole model"
grep -q '^  model.embed_tokens.weight .*  [0-9]\.[0-9]*e-0[0-9]$' page ||
	fail "-lv has no estimate of a tensor"
grep -q ' $' page && fail "white space at the end of a line"

# Not a model at all; a full disk.
echo hello >text
status 1 hvqz -l text
says "hvqz: text: "
if [ -c /dev/full ]; then
	status 1 hvqz -lv m.safetensors.hvqz >/dev/full
	says "(stdout): cannot write"
fi
