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
	show="stty cols 80; '$HVQZ' -lvv m.safetensors.hvqz sens.hvqz"
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

# What conditioning did, by layer type. An alpha that is asked for is taken.
hero="--body rtn --bits 3 --condition hero --alpha 0.5"
full="$DATA/kjv-1m/sidecar/full.safetensors"
# shellcheck disable=SC2086 # several options
status 0 hvqz $hero --sidecar "$full" --chunk 16K \
	--tensor 'model.layers.[0-1].mlp.up*=lossless' \
	-o cond.hvqz m.safetensors
status 0 hvqz -lv cond.hvqz >short
status 0 hvqz -lvv cond.hvqz >page
silent
# row TYPE: its line, a star being one.
row() {
	sed -n '/^  Layer type /,$p' page | awk -v t="$1" '$1 == t'
}
head -n "$(wc -l <short)" page >begin
same begin short
grep -q ' $' page && fail "white space at the end of a line"
row model.layers.'*'.self_attn.q_proj.weight |
	awk '{ exit !($3 < $2 && $5 < $4 && $6 == "0.5" && $7 == "6/6" &&
		      $8 == "rtn" && $9 == 6 && $10 > 0) }' ||
	fail "-lvv does not show what conditioning did to queries"
row model.layers.'*'.mlp.up_proj.weight | grep -q ' 4/6  rtn  *4 ' ||
	fail "-lvv does not count two layers left as they were"
row model.norm.weight | grep -Eq '^  [^ ]*( *-){5} *0/1 ( *-){3}$' ||
	fail "-lvv does not show what has no condition"
[ "$(sed -n '/^  Layer type /,$p' page | wc -l)" -eq 13 ] ||
	fail "-lvv has not one line for each of 11 layer types"

# The payloads as they pass by: the same.
hvqz -lvv <cond.hvqz >file || fail "-lvv of standard input"
# shellcheck disable=SC2002 # a pipe is the point
cat cond.hvqz | hvqz -lvv >pipe || fail "-lvv of a pipe"
same file pipe
tail -n 13 page >want
tail -n 13 pipe >got
same want got

# For programs, at tensors that have one; and only when asked.
status 0 hvqz -lv --json cond.hvqz >short
grep -q '"condition"' short && fail "-lv --json has conditions"
status 0 hvqz -lvv --json cond.hvqz >json
sed 's/,"condition":{.*}}$/}/' json >without
same without short
two='\[[0-9.e+-]*,[0-9.e+-]*\]'
c='"condition":{"body":"rtn","chunks":8,"alpha":0.5,"rotated":true,'
c=$c'"angles":[0-9]*,"lambda_max":'$two',"condition_number":'$two'}}$'
grep '"model.embed_tokens.weight"' json | grep -q ",$c" ||
	fail "--json does not show the condition of the embedding"
[ "$(grep -c '"condition":' json)" -eq 41 ] ||
	fail "--json has not the conditions of 41 tensors"

# Without rotations, without a sidecar; nothing conditioned; no .hvqz.
status 0 hvqz --body rtn --condition smooth --alpha 0.5 -o s.hvqz m.safetensors
status 0 hvqz -lvv s.hvqz >page
row model.embed_tokens.weight |
	grep -Eq ' 1 +1 +1 +1 +0.5 +1/1 +rtn +0 +0$' ||
	fail "-lvv invents a spectrum or a rotation"
status 0 hvqz -lvv sens.hvqz >page
[ "$(tail -n 1 page)" = \
  '  No tensor was quantized in conditioned coordinates.' ] ||
	fail "-lvv does not say that there is no condition"
status 0 hvqz -lv sens.hvqz m.safetensors >short
status 0 hvqz -lvv sens.hvqz m.safetensors | grep -v ' conditioned ' |
	cat -s >page
cat -s short | cmp -s - page || fail "-lvv of a model is not its -lv"

# A payload that is not what its hash says.
size=$(wc -c <cond.hvqz)
cp cond.hvqz bad.hvqz
printf '\125\252\125\252' |
	dd of=bad.hvqz bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
status 0 hvqz -lv bad.hvqz >page
status 1 hvqz -lvv bad.hvqz >page
says "hvqz: bad.hvqz: tensor 'model.layers."
says "the stored bytes do not match their hash"
# shellcheck disable=SC2002 # a pipe is the point
cat bad.hvqz | hvqz -lvv >page 2>err && fail "-lvv of a damaged pipe"
says "the stored bytes do not match their hash"

# One of anything is one.
status 0 hvqz -x model.norm.weight -o one.safetensors m.safetensors.hvqz
status 0 hvqz -vv -T1 --lossless -o one.hvqz one.safetensors
says " 1 tensor in 1 chunk, 1 thread, "
status 0 hvqz -tv one.hvqz
says " 1 chunk, "
status 0 hvqz -n -T1 one.safetensors >out
grep -q ', 1 tensor (.*), 1 chunk; 1 thread, ' out || fail "-n counts wrongly"

# Not a model at all; a full disk.
echo hello >text
status 1 hvqz -l text
says "hvqz: text: "
if [ -c /dev/full ]; then
	status 1 hvqz -lv m.safetensors.hvqz >/dev/full
	says "(stdout): cannot write"
	status 1 hvqz -lvv cond.hvqz >/dev/full
	says "(stdout): cannot write"
	status 1 hvqz -lvv --json cond.hvqz >/dev/full
	says "(stdout): cannot write"
fi
