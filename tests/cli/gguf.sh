#!/bin/sh
# gguf.sh - GGUF in and out: restored byte for byte, listed, made from a Hugging
# Face folder and taken apart again.
. "$(dirname "$0")/common.inc"

mkdir kjv
cp "$DATA/kjv-1m/config.json" "$DATA/kjv-1m/tokenizer.json" kjv
cp "$MODEL" kjv/model.safetensors

# A GGUF of our own, and back: the very file.
status 0 hvqz --to gguf kjv/model.safetensors
silent
present kjv/model.gguf
status 0 hvqz --to safetensors -o back.safetensors kjv/model.gguf
same back.safetensors kjv/model.safetensors
# shellcheck disable=SC2002 # pipes are the point
cat kjv/model.gguf | hvqz --to safetensors | cmp -s - kjv/model.safetensors ||
	fail "--to safetensors through a pipe"

# An archive has the same file in it, whether of the GGUF or a .hvqz of it.
member() {
	tar xOf "$1" model.safetensors | cmp -s - kjv/model.safetensors ||
		fail "$1 has another model.safetensors"
}
status 0 hvqz --to tar -o g.tar kjv/model.gguf
member g.tar
status 0 hvqz --to zip -o g.zip kjv/model.gguf
status 0 hvqz --to tar -fo g.tar g.zip
member g.tar
status 0 hvqz --lossless -o g.hvqz kjv/model.gguf
status 0 hvqz -d --to tar -fo g.tar g.hvqz
member g.tar
status 0 hvqz --to tar --dtype f32 -fo g.tar kjv/model.gguf
status 0 hvqz --to safetensors --dtype f32 -o f32.safetensors kjv/model.gguf
tar xOf g.tar model.safetensors | cmp -s - f32.safetensors ||
	fail "--dtype f32 in a tar"
rm g.tar g.zip g.hvqz f32.safetensors

# Its words are llama.cpp's.
for word in general.architecture llama.block_count llama.attention.head_count \
	llama.attention.head_count_kv llama.rope.freq_base \
	tokenizer.ggml.merges tokenizer.ggml.token_type \
	tokenizer.ggml.bos_token_id blk.5.ffn_down.weight output_norm.weight
do
	grep -qaF "$word" kjv/model.gguf || fail "no $word"
done

# Lossless, by files and by pipes, with the last padding and without.
mkdir plain
cp kjv/model.gguf plain/m.gguf
status 0 hvqz --lossless plain/m.gguf
silent
status 0 hvqz -t plain/m.gguf.hvqz
status 0 hvqz -d -o plain/back.gguf plain/m.gguf.hvqz
same plain/back.gguf plain/m.gguf
# shellcheck disable=SC2002
cat plain/m.gguf | hvqz --lossless | hvqz -d | cmp -s - plain/m.gguf ||
	fail "a GGUF through pipes"
# 32 bytes of padding at most; a few more cut into data.
printf '\000\000\000\000' | cat plain/m.gguf - >long.gguf
status 1 hvqz --lossless long.gguf
says "after the data"
absent long.gguf.hvqz
head -c $(($(wc -c <plain/m.gguf) - 100)) plain/m.gguf >short.gguf
status 1 hvqz --lossless short.gguf
says "output_norm.weight"
says truncated

# Quantized: the GGUF and the safetensors have the same weights.
status 0 hvqz -o q.hvqz kjv/model.gguf
status 0 hvqz -d -o q.gguf q.hvqz
[ "$(wc -c <q.gguf)" -eq "$(wc -c <kjv/model.gguf)" ] || fail "another size"
status 0 hvqz -d --to safetensors -o q.safetensors q.hvqz
status 0 hvqz --to safetensors -c q.gguf >q2.safetensors
same q.safetensors q2.safetensors
cmp -s q.safetensors kjv/model.safetensors && fail "nothing was quantized"
status 0 hvqz_eval --json -n 4 --tokens "$DATA/kjv-1m/eval.u16" kjv \
	--weights q.gguf --weights q.hvqz --weights q.safetensors >scores
silent
kls=$(tail -n +2 scores | grep -o '"kl":[0-9.e-]*' | sort -u | wc -l)
[ "$kls" -eq 1 ] || fail "the same weights score $kls ways: $(cat scores)"

# From a .hvqz of safetensors.
status 0 hvqz --lossless -o kjv/s.hvqz kjv/model.safetensors
status 0 hvqz -d --to gguf -c kjv/s.hvqz >s.gguf
same s.gguf kjv/model.gguf
rm kjv/model.gguf
status 0 hvqz --to gguf kjv/s.hvqz
present kjv/s.gguf
same s.gguf kjv/s.gguf

# A chat's template comes along, wherever it is kept.
mkdir chat
cp kjv/config.json kjv/tokenizer.json kjv/model.safetensors chat
has_template() {
	status 0 hvqz --to gguf -fo chat.gguf "$1"
	grep -qa "tokenizer.chat_template" chat.gguf || fail "no template: $2"
	grep -qaF "$2" chat.gguf || fail "another template than $2"
}
status 0 hvqz --to gguf -o chat.gguf chat
grep -qa "tokenizer.chat_template" chat.gguf && fail "a template of nothing"
echo '{"chat_template": "{{ three }}"}' >chat/chat_template.json
has_template chat '{{ three }}'
printf '{%% two %%}' >chat/chat_template.jinja
has_template chat/model.safetensors '{% two %}'
echo '{"chat_template": [{"name": "tools", "template": "{{ no }}"},
{"name": "default", "template": "{{ one }}"}]}' >chat/tokenizer_config.json
has_template chat '{{ one }}'
grep -qaF '{{ no }}' chat.gguf && fail "two templates"
status 0 hvqz --lossless chat
has_template chat.hvqz '{{ one }}'
echo '{"chat_template": "{{ only }}"}' >chat/tokenizer_config.json
has_template chat/model.safetensors '{{ only }}'
echo '{' >chat/tokenizer_config.json
status 1 hvqz --to gguf -o bad.gguf chat
says "tokenizer_config.json: "
absent bad.gguf

# From a folder, tar and zip of it, and .hvqz of these, with its files in it;
# what else is in the folder stays out.
rm kjv/s.hvqz kjv/s.gguf
cp "$SIDECAR" kjv/tokenizer.model
head -c 9000000 /dev/zero >kjv/other.bin
mkdir kjv/more
cp "$SIDECAR" kjv/more/x.safetensors
tar cf kjv.tar kjv
rm -r kjv/more
status 0 hvqz --to gguf kjv
silent
same kjv.gguf s.gguf
status 0 hvqz --to gguf -o t.gguf kjv.tar
same t.gguf s.gguf
status 0 hvqz --lossless kjv
rm kjv.gguf
status 0 hvqz -d --to gguf kjv.hvqz
same kjv.gguf s.gguf
status 0 hvqz --to gguf -f kjv.hvqz
same kjv.gguf s.gguf
status 0 hvqz -d --to gguf --dtype f32 -o f.gguf kjv.hvqz
status 0 hvqz --to gguf --dtype f32 -o f2.gguf kjv/model.safetensors
same f.gguf f2.gguf
status 2 hvqz -1 -o lossy.hvqz kjv
status 0 hvqz -d --to gguf --dtype f32 -o lossy.gguf lossy.hvqz
[ "$(wc -c <lossy.gguf)" -eq "$(wc -c <f.gguf)" ] || fail "--dtype f32, lossy"
status 0 hvqz --lossless kjv.tar
mv kjv.tar.hvqz kjv.hvqz
# A name is all that a pipe lacks.
hvqz -d --to gguf <kjv.hvqz >pipe.gguf || fail "a folder from a pipe"
status 0 hvqz --to safetensors -o pipe.safetensors pipe.gguf
same pipe.safetensors kjv/model.safetensors
hvqz --to gguf <kjv.tar | cmp -s - pipe.gguf || fail "a tar from a pipe"
rm kjv/other.bin kjv/tokenizer.model

# One file of several, here of an embedding and a layer.
status 0 hvqz -x 'model.embed*' -x 'model.*.0.*' -o kjv/first.safetensors \
	kjv.hvqz
status 1 hvqz --to gguf kjv/first.safetensors
says "no tensor of layer 1, and config.json gives it 6 layers"
absent kjv/first.gguf
rm kjv/first.safetensors

# Other types on the way: of matrices, and only of those.
status 0 hvqz --to gguf --dtype f32 -o f32.gguf kjv/model.safetensors
status 0 hvqz --to safetensors -o f32.safetensors f32.gguf
status 0 hvqz -lv f32.safetensors >page
grep -q 'embed_tokens.weight .*F32' page || fail "--dtype f32 made no F32"
grep -q 'model.norm.weight .*F16' page || fail "the norms are not as they were"
status 0 hvqz --to gguf --dtype f16 -o f16.gguf f32.gguf
same f16.gguf s.gguf
# In a GGUF that is of no family of ours too.
LC_ALL=C sed 's/llama/other/g' f16.gguf >other.gguf
status 0 hvqz --to safetensors --dtype bf16 -o other.safetensors other.gguf
status 0 hvqz -lv other.safetensors >page
grep -q 'token_embd.weight .*BF16' page || fail "of other families: no BF16"
grep -q 'output_norm.weight .*F32' page || fail "of other families: a norm"
status 0 hvqz -d --dtype bf16 -o bf16.gguf q.hvqz
status 0 hvqz -lv bf16.gguf >page
grep -q 'token_embd.weight .*BF16' page || fail "-d --dtype bf16 made no BF16"

# Listings: of a GGUF, and of a .hvqz of one.
status 0 hvqz -l q.gguf q.hvqz >/dev/null
silent
status 0 hvqz -lv q.gguf >page
grep -q '^  blk.0.attn_q.weight  *F16  *\[128, 128\]' page ||
	fail "-lv does not show rows and columns"
status 0 hvqz -l --json q.gguf >json
grep -q '"format": *"gguf"' json || fail "no format in JSON"
# A sidecar has Hugging Face's names.
status 0 hvqz -n --sidecar "$SIDECAR" q.gguf >/dev/null
silent

# What cannot be: no config, a pipe, a family that is not known.
mkdir alone
cp "$MODEL" alone/m.safetensors
status 1 hvqz --to gguf alone/m.safetensors
says "alone/config.json"
absent alone/m.gguf
status 1 hvqz --to gguf <"$MODEL" >out
says config.json
[ ! -s out ] || fail "something was written"
tar cf alone.tar alone
status 1 hvqz --to gguf <alone.tar >out
says "there is no config.json in it"
status 1 hvqz --to gguf -o alone.gguf alone.tar
says "config.json"
absent alone.gguf
cp kjv/* alone
sed 's/"llama"/"gpt2"/' kjv/config.json >alone/config.json
status 1 hvqz --to gguf -f alone/model.safetensors
says "gpt2"
sed 's/"ByteLevel", "add/"Whitespace", "add/' kjv/tokenizer.json \
	>alone/tokenizer.json
cp kjv/config.json alone
status 1 hvqz --to gguf -f alone/model.safetensors
says "pre_tokenizer"
sed 's/"num_key_value_heads": 2/"num_key_value_heads": 4/' kjv/config.json \
	>alone/config.json
cp kjv/tokenizer.json alone
status 1 hvqz --to gguf -f alone/model.safetensors
says "k_proj.weight"
no_traces
