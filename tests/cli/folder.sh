#!/bin/sh
# folder.sh - a model's folder in one file and back: names, refusals, nothing
# half-written, tar on the pipe.
. "$(dirname "$0")/common.inc"

mkdir m
cp "$MODEL" m/model.safetensors
cp "$DATA/kjv-1m/config.json" "$DATA/kjv-1m/tokenizer.json" m/
: >m/empty
echo hidden >m/.gitattributes
chmod u+w m/*

# folder -> .hvqz -> folder, byte for byte, both ways to say it.
status 0 hvqz --lossless m
silent
present m.hvqz
status 0 hvqz --lossless -o slash.hvqz m/
same m.hvqz slash.hvqz
status 0 hvqz -d --output-dir out m.hvqz
silent
diff -r m out || fail "the folder came back otherwise"
status 0 hvqz -d --output-dir piped <m.hvqz
diff -r m piped || fail "the folder came back otherwise from a pipe"
cp m.hvqz again.hvqz
status 0 hvqz -d again.hvqz
diff -r m again || fail "the folder came back otherwise under its own name"
status 0 hvqz -t m.hvqz
status 0 hvqz -l m.hvqz >/dev/null
status 0 hvqz -l m >/dev/null
hvqz -l --json m | grep -q '"format":"folder"' || fail "-l --json m"

# What is there stays, unless -f; a failure leaves nothing.
status 1 hvqz -d --output-dir out m.hvqz
says "exists already"
rm out/config.json
echo old >out/tokenizer.json
status 1 hvqz -d --output-dir out m.hvqz
absent out/config.json
[ "$(cat out/tokenizer.json)" = old ] || fail "a file was replaced"
status 0 hvqz -df --output-dir out m.hvqz
diff -r m out || fail "-f did not restore the folder"
head -c 900000 m.hvqz >cut.hvqz
status 1 hvqz -d --output-dir cut <cut.hvqz
says "truncated"
absent cut
mkdir there
status 1 hvqz -d --output-dir there <cut.hvqz
[ -z "$(ls -A there)" ] || fail "something was left in a folder"
ln -s /etc there/config.json
status 1 hvqz -df --output-dir there m.hvqz
says "is no file"

# A temporary name that somebody's death has left: another one is taken. The
# process keeps its number, as all first ones in a container have the same.
mkdir left
# shellcheck disable=SC2016 # that shell's number
status 0 sh -c 'for i in 0 1 2 3 4 5; do : >"left/.hvqz-$$-$i"; done
	exec "$0" -d --output-dir left m.hvqz' "$HVQZ"
rm left/.hvqz-*
diff -r m left || fail "the folder came back otherwise beside leavings"

# Nobody can read what he could not read before, here or there.
# modes WANT FILE...: each of them must have the mode.
modes() {
	want=$1
	shift
	for f; do
		[ "$(stat -c %a "$f")" = "$want" ] ||
			fail "$f has mode $(stat -c %a "$f"), not $want"
	done
}
mkdir -p tree/m
cp m/* tree/m
tar cf tree.tar tree
umask 022
chmod 700 m
chmod 644 m/*
status 0 hvqz --lossless -o private.hvqz m
modes 600 private.hvqz
status 0 hvqz -d private.hvqz
modes 700 private
modes 600 private/*
chmod 755 m
status 0 hvqz --lossless -o public.hvqz m
modes 644 public.hvqz
chmod 600 m/config.json
status 0 hvqz --lossless -o one.private.hvqz m
modes 600 one.private.hvqz
status 0 hvqz --to tar -o private.tar m
modes 600 private.tar
chmod 644 m/*
status 0 hvqz --lossless -o tree.hvqz tree.tar
chmod 440 tree.hvqz
status 0 hvqz -d --output-dir deep/ tree.hvqz
modes 750 deep deep/tree deep/tree/m
modes 440 deep/tree/m/*
(
	umask 027
	status 0 hvqz -d --output-dir umask <tree.hvqz
) || exit 1
modes 750 umask umask/tree/m
modes 640 umask/tree/m/*

# A folder does not go to a pipe; as a tar it does.
status 1 hvqz -dc m.hvqz
says "--output-dir"
status 1 hvqz -d -o x m.hvqz
says "--to tar"
hvqz -d --to tar <m.hvqz | tar x -C there --overwrite || fail "tar x"
diff -r m there || fail "the tar has other files"
status 0 hvqz -d --to tar m.hvqz
present m.tar

# Lossy: the small files are what they were, the tensors are not.
status 0 hvqz -o lossy.hvqz m
status 0 hvqz -d --output-dir lossy lossy.hvqz
same lossy/config.json m/config.json
cmp -s lossy/model.safetensors "$MODEL" && fail "nothing was lost"
status 0 hvqz --quality 5 -o one.hvqz m/model.safetensors
status 0 hvqz -d -o one one.hvqz
same lossy/model.safetensors one
status 1 hvqz -d --dtype f32 --output-dir f32 lossy.hvqz
says "--to safetensors"

# Shards: each once, all there, all listed.
mkdir s
hvqz -x 'model.layers.[0-2].*' m.hvqz >s/model-00001-of-00002.safetensors ||
	fail "-x"
hvqz -x 'model.layers.[3-9].*' m.hvqz >s/model-00002-of-00002.safetensors ||
	fail "-x"
cat >s/model.safetensors.index.json <<'EOF'
{"weight_map":{
"model.layers.0.input_layernorm.weight":"model-00001-of-00002.safetensors",
"model.layers.3.input_layernorm.weight":"model-00002-of-00002.safetensors"}}
EOF
status 0 hvqz --lossless s/model.safetensors.index.json
silent
status 0 hvqz -d --output-dir s2 s.hvqz
diff -r s s2 || fail "the shards came back otherwise"
cp s/model-00002-of-00002.safetensors s/model-00003-of-00002.safetensors
status 1 hvqz -f s
says "does not list it"
sed 's/map":{/&"c":"model-00003-of-00002.safetensors",/' \
	<s2/model.safetensors.index.json >s/model.safetensors.index.json
status 1 hvqz -f s
says "is there twice"
rm s/model-0000[23]*
status 1 hvqz -f s
says "not there"
echo '{"weight_map":{"a":"../m/model.safetensors"}}' \
	>s/model.safetensors.index.json
status 1 hvqz -f s
says "plain name"

# Only files that are in the folder itself.
ln -s ../config.json m/link
status 1 hvqz -f m
says "symbolic link"
rm m/link
mkfifo m/fifo
status 1 hvqz -f m
says "not a regular file"
rm m/fifo
mkdir m/sub
status 2 hvqz -f --lossless m
says "left out"
same m.hvqz slash.hvqz
rmdir m/sub
status 1 hvqz -f --rm m
says "--rm"
mkdir empty
status 1 hvqz empty
says "no model in it"
echo PK >empty/pytorch_model.bin
status 1 hvqz empty
says "pytorch_model.bin may be a PyTorch file"

# Most of it is a file that stays as it is: told, if anything is to be gained.
cp -r m big
head -c 9000000 /dev/zero >big/optimizer.pt
status 2 hvqz big
says "9000000 of 11624768 bytes are in files that are kept as they are"
says "'optimizer.pt' is the largest"
status 0 hvqz -f --lossless big
silent
for to in "" "--to safetensors"; do
	# shellcheck disable=SC2086
	status 1 hvqz $to .
	says "with -o"
done

# tar on the pipe, there and back; nothing of it is left in TMPDIR.
mkdir tmp
TMPDIR=$PWD/tmp
export TMPDIR
tar c m >m.tar
tar c m | hvqz --lossless >t.hvqz || fail "tar c | hvqz"
hvqz -d <t.hvqz >back.tar || fail "hvqz -d"
same back.tar m.tar
status 0 hvqz --lossless -o t2.hvqz m.tar
same t.hvqz t2.hvqz
status 0 hvqz -d --output-dir fromtar t.hvqz
diff -r m fromtar/m || fail "files of a tar"
[ -z "$(ls -A tmp)" ] || fail "something was left in TMPDIR"
TMPDIR=$PWD/nosuch
tar c m | hvqz >x 2>err && fail "no TMPDIR, and yet it went well"
says "TMPDIR"
no_traces
unset TMPDIR

# An index that promises more than its files have: it is kept with a warning,
# and no model is made of it. An empty file is none of its files.
cp -r m short
mv short/model.safetensors short/model-00001-of-00001.safetensors
cat >short/model.safetensors.index.json <<'EOF'
{"weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors",
 "model.layers.77.weight": "model-00001-of-00001.safetensors"}}
EOF
tar c short >short.tar
status 2 hvqz --lossless short.tar
says "'model.layers.77.weight' is in none of the files"
says "1 of its 2 tensors are missing"
for to in safetensors gguf npz; do
	status 1 hvqz --to $to short.tar
	says "tensor 'model.layers.77.weight': is in none of the files"
	status 1 hvqz -d --to $to -o new short.tar.hvqz
	says "tensor 'model.layers.77.weight': is in none of the files"
done
status 0 hvqz -d --to zip -o short.zip short.tar.hvqz
status 0 hvqz -d -o short2.tar short.tar.hvqz
same short.tar short2.tar
: >short/model-00001-of-00001.safetensors
status 1 hvqz -f --lossless short
says "in model-00001-of-00001.safetensors: truncated: the file is empty"
no_traces
