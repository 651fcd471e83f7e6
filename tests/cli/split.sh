#!/bin/sh
# split.sh - split GGUF models: a set by one of its names, in a folder, a tar
# and a zip, byte for byte and back; joined to one file; refused where a part is
# missing or wrong. GGUF files beside other models.
. "$(dirname "$0")/common.inc"

split_gguf() {
	"${HVQZ%/*}/tests/split_gguf" "$@" || fail "split_gguf $*"
}

mkdir kjv s
cp "$DATA/kjv-1m/config.json" "$DATA/kjv-1m/tokenizer.json" kjv
cp "$MODEL" kjv/model.safetensors
status 0 hvqz --to gguf -o whole.gguf kjv/model.safetensors
status 0 hvqz --lossless -o whole.hvqz whole.gguf
split_gguf whole.gguf s/m 3
one=s/m-00001-of-00003.gguf
two=s/m-00002-of-00003.gguf
three=s/m-00003-of-00003.gguf
mkdir kept
cp s/* kept
echo other >s/other.txt

# Any part's name takes all of them, and nothing else.
status 0 hvqz --lossless "$two"
silent
present s/m.hvqz
status 0 hvqz -t s/m.hvqz
status 0 hvqz -d --output-dir out s/m.hvqz
silent
diff -r kept out || fail "the parts came back otherwise"
status 0 hvqz --lossless -o again.hvqz "$three"
same again.hvqz s/m.hvqz
(cd s && hvqz --lossless -c m-00003-of-00003.gguf) >again.hvqz ||
	fail "in its own folder"
same again.hvqz s/m.hvqz
hvqz -d --output-dir piped <s/m.hvqz || fail "hvqz -d < s/m.hvqz"
diff -r kept piped || fail "the parts came back otherwise from a pipe"
mv s/m.hvqz .
status 0 hvqz -d m.hvqz
diff -r kept m || fail "the parts came back otherwise under their name"

# All of them named are one model, once.
status 0 hvqz --lossless s/m-*.gguf
silent
same s/m.hvqz m.hvqz
rm s/m.hvqz
status 0 hvqz -l s/m-*.gguf >page
silent
[ "$(grep -c gguf page)" -eq 1 ] || fail "-l lists a set more than once"
status 0 hvqz -lv "$one" >page
grep -q '^  blk.0.attn_q.weight  *F16  *\[128, 128\]' page ||
	fail "-lv does not show the set's tensors"
grep -q '^  blk.5.ffn_down.weight ' page || fail "-lv lacks the last part's"
status 0 hvqz -lv m.hvqz >page
grep -q '^  blk.5.ffn_down.weight .*planes' page || fail "nothing was coded"

# As one file: directly, from the .hvqz, from archives.
status 0 hvqz --to gguf "$one"
silent
same s/m.gguf whole.gguf
rm s/m.gguf
status 0 hvqz --to gguf m.hvqz
same m.gguf whole.gguf
status 0 hvqz -d --to gguf -o d.gguf m.hvqz
same d.gguf whole.gguf
status 0 hvqz -l m.gguf >/dev/null
status 0 hvqz -d --to safetensors -o back.safetensors m.hvqz
same back.safetensors kjv/model.safetensors
status 0 hvqz --to safetensors -o direct.safetensors "$two"
same direct.safetensors kjv/model.safetensors
tar c s >s.tar
tar c s | hvqz --lossless >t.hvqz || fail "tar c s | hvqz"
hvqz -d <t.hvqz | cmp -s - s.tar || fail "a tar of the parts"
hvqz -d --to gguf <t.hvqz | cmp -s - whole.gguf || fail "joined from a tar"
tar c s | hvqz --to gguf | cmp -s - whole.gguf || fail "joined on the way"
tar c -C s m-00002-of-00003.gguf m-00001-of-00003.gguf \
	m-00003-of-00003.gguf | hvqz --to gguf >mixed.gguf ||
	fail "parts in another order"
status 0 hvqz -x '*blk.5.*' -o x1 whole.hvqz
status 0 hvqz --lossless mixed.gguf
status 0 hvqz -x '*blk.5.*' -o x2 mixed.gguf.hvqz
same x1 x2
status 0 hvqz --lossless s
status 0 hvqz -d --output-dir folder s.hvqz
diff -r s folder || fail "the folder came back otherwise"
hvqz -d --to zip <s.hvqz >s.zip || fail "-d --to zip"
status 0 hvqz --lossless s.zip
hvqz -d <s.zip.hvqz | cmp -s - s.zip || fail "a zip of the parts"
hvqz -d --to gguf <s.zip.hvqz | cmp -s - whole.gguf || fail "from a zip"

# Quantized: as the model in one piece would be, more or less; a sidecar's
# names fit.
status 0 hvqz --sidecar "$SIDECAR" -o q.hvqz "$one"
silent
status 0 hvqz -d --output-dir q q.hvqz
for i in 1 2 3; do
	[ "$(wc -c <q/m-0000$i-of-00003.gguf)" -eq \
		"$(wc -c <s/m-0000$i-of-00003.gguf)" ] || fail "another size"
done
status 0 hvqz --to gguf -o q1.gguf q.hvqz
status 0 hvqz --to gguf -o q2.gguf q/m-00002-of-00003.gguf
same q1.gguf q2.gguf
cmp -s q1.gguf whole.gguf && fail "nothing was quantized"
status 0 hvqz -d --dtype f32 --to gguf -o f32.gguf q.hvqz
status 0 hvqz -lv f32.gguf >page
grep -q 'token_embd.weight .*F32' page || fail "-d --dtype f32 made no F32"
status 0 hvqz --to gguf --dtype bf16 -o bf16.gguf "$one"
status 0 hvqz --to gguf --dtype bf16 -o bf16whole.gguf whole.gguf
same bf16.gguf bf16whole.gguf
status 0 hvqz_eval --json -n 2 --tokens "$DATA/kjv-1m/eval.u16" kjv \
	--weights q.hvqz --weights q1.gguf \
	--weights q/m-00002-of-00003.gguf >scores
silent
kls=$(tail -n +2 scores | grep -o '"kl":[0-9.e-]*' | sort -u | wc -l)
[ "$kls" -eq 1 ] || fail "the same weights score $kls ways: $(cat scores)"

# A part alone.
status 1 hvqz <"$one" >out.hvqz
says "part 1 of 3"
says "tar"
cp "$one" alone.gguf
status 1 hvqz alone.gguf
says "part 1 of 3"
status 1 hvqz --rm "$one"
says "--rm"
status 1 hvqz -f --to gguf -o "$two" "$two"
says "is the input"
same "$two" kept/m-00002-of-00003.gguf
status 1 hvqz -f --to gguf -o "$three" "$two"
says "is the input"
same "$three" kept/m-00003-of-00003.gguf

# Parts that do not make a whole.
refuse() {
	for in in r r/m-00001-of-00003.gguf; do
		status 1 hvqz "$in"
		says "$1"
		absent r.hvqz
		absent r/m.hvqz
		status 1 hvqz --to gguf -o r.gguf "$in"
		says "$1"
		absent r.gguf
	done
	rm -r r
	cp -r kept r
}
cp -r kept r
rm r/m-00002*
refuse "part 2 of 3 of the split GGUF model is not there: m-00002-of-00003.gguf"
cp "$one" r/m-00003-of-00003.gguf
refuse "'m-00003-of-00003.gguf' is part 1 of 3"
head -c 100000 "$three" >r/m-00003-of-00003.gguf
refuse "in m-00003-of-00003.gguf: truncated"
split_gguf whole.gguf r/x 4
mv r/x-00002-of-00004.gguf r/m-00002-of-00003.gguf
rm r/x*
refuse "'m-00002-of-00003.gguf' is part 2 of 4"
split_gguf r/m-00003-of-00003.gguf r/y 3
mv r/y-00003-of-00003.gguf r/m-00003-of-00003.gguf
rm r/y*
refuse "split.tensors.count is 56 in"
rm r/m-00003*
tar c r | hvqz >x 2>err && fail "a tar without the last part"
says "part 3 of 3"

# Several models: each under its own name; nothing of them is the model.
mkdir two
cp whole.gguf two/a.gguf
cp q1.gguf two/b.gguf
status 0 hvqz --lossless two
status 0 hvqz -d --output-dir two2 two.hvqz
diff -r two two2 || fail "two GGUF files came back otherwise"
status 0 hvqz -lv two.hvqz >page
grep -q '^  a.gguf/token_embd.weight ' page || fail "no path before a name"
for in in two two.hvqz; do
	status 1 hvqz --to gguf -o two.gguf $in
	says "no tensor in the folder is the model's own"
done
rm two/b.gguf
status 0 hvqz --to gguf -o two.gguf two
same two.gguf whole.gguf
# Beside safetensors, and a damaged one.
cp "$MODEL" two/model.safetensors
status 0 hvqz -f --lossless two
status 0 hvqz -lv two.hvqz >page
grep -q '^  a.gguf/token_embd.weight ' page || fail "no path before a name"
grep -q '^  model.embed_tokens.weight ' page || fail "a path before a name"
status 0 hvqz -d -f --output-dir two2 two.hvqz
same two2/a.gguf two/a.gguf
status 0 hvqz_eval -n 1 --tokens "$DATA/kjv-1m/eval.u16" kjv \
	--weights two.hvqz >scores
head -c 200000 whole.gguf >two/c.gguf
status 1 hvqz -f two
says "in c.gguf: truncated"
no_traces
