#!/bin/sh
# sandbox.sh - the program as it locks itself in, and that nothing it does
# misses what it has given up.
. "$(dirname "$0")/common.inc"

# What lies in TMPDIR may be written: not here, or nothing could be missed.
mkdir scratch
TMPDIR=$tmp/scratch
export TMPDIR

cp "$MODEL" m.safetensors
status 0 hvqz -vv --lossless --rm m.safetensors
says "hvqz: sandbox: "
absent m.safetensors
if grep -q "sandbox: none" err; then
	exit 77
fi
says "sandbox: no file can be opened any more"

# While it reads, by what the kernel says of it.
mkfifo fifo
"$HVQZ" -d -T3 -o out fifo 2>err &
pid=$!
exec 3>fifo
head -c 100000 m.safetensors.hvqz >&3
n=0
while ! grep -q '^NoNewPrivs:.*1' /proc/$pid/status; do
	n=$((n + 1))
	[ $n -lt 100 ] || fail "it never gave up its rights"
	sleep 0.1
done
# All of its threads, those that a library has started too.
sleep 0.3
grep -h '^NoNewPrivs:' /proc/$pid/task/*/status >threads
grep -q '0$' threads && fail "a thread has kept its rights"
[ "$(wc -l <threads)" -gt 3 ] || fail "no threads to look at"
tail -c +100001 m.safetensors.hvqz >&3
exec 3>&-
wait $pid || fail "decoding in the sandbox"
same out "$MODEL"

# Every mode and kind of output, one file or several, here or elsewhere.
mkdir a b
cp "$MODEL" a/x
cp "$MODEL" b/y
status 0 hvqz --lossless a/x b/y
present a/x.hvqz
present b/y.hvqz
rm a/x
status 1 hvqz -vv -d a/x.hvqz b/y
says "sandbox: files can be written only beside those given"
same a/x "$MODEL"
status 0 hvqz -t a/x.hvqz b/y.hvqz
silent
status 0 hvqz -l a/x.hvqz b/y.hvqz >list
status 0 hvqz -x '*norm*' -o b/norm a/x.hvqz
present b/norm
(cd a && status 0 hvqz -df -o ../b/y x.hvqz) || exit 1
same b/y "$MODEL"
ln -s ../b/y a/link
status 0 hvqz -df -o a/link a/x.hvqz
[ -L a/link ] || fail "the link was replaced"

# A folder's files are opened one by one: it alone stays readable, or writable.
mkdir m
cp "$MODEL" m/model.safetensors
echo '{}' >m/config.json
status 0 hvqz -vv --lossless m
says "sandbox: only files beside the input can be opened"
status 0 hvqz -l m m.hvqz >list
status 0 hvqz -vv --to tar m
present m.tar
status 0 hvqz -vv -d --output-dir out.d m.hvqz
says "sandbox: files can be written only in the output's folder"
diff -r m out.d || fail "the folder came back otherwise"
head -c 100000 m.hvqz >cut.hvqz
status 1 hvqz -d cut.hvqz
absent cut
mkdir keep
mv m keep/m
cp m.hvqz n.hvqz
status 0 hvqz -d m.hvqz n.hvqz
diff -r m keep/m || fail "the first of two folders came back otherwise"
diff -r n m || fail "the second of two folders came back otherwise"
status 0 hvqz -f --lossless m n
mv m.tar keep/
status 0 hvqz --to tar n m.hvqz
same m.tar keep/m.tar
present n.tar

# Several folders, named as a shell completes them, or by their indexes: what
# is made of each lies beside it.
mkdir -p in/x in/y
for f in in/x in/y; do
	cp "$MODEL" $f/model.safetensors
	echo '{"weight_map":{"model.norm.weight":"model.safetensors"}}' \
		>$f/model.safetensors.index.json
done
status 0 hvqz --lossless in/x/ in/y//
present in/x.hvqz
present in/y.hvqz
rm in/*.hvqz
status 0 hvqz --lossless in/x/model.safetensors.index.json \
	in/y/model.safetensors.index.json
present in/x.hvqz
present in/y.hvqz
rm in/*.hvqz
(
	cd in || exit 1
	status 0 hvqz --lossless x/ y/model.safetensors.index.json \
		x/model.safetensors
) || exit 1

# A cache of downloads, where all files are links to another folder.
mkdir -p hub/blobs hub/snapshots/abc
for f in config.json tokenizer.json model.safetensors; do
	cp "$DATA/kjv-1m/$f" hub/blobs/blob-$f
	ln -s ../../blobs/blob-$f hub/snapshots/abc/$f
	mkdir -p plain/abc
	cp "$DATA/kjv-1m/$f" plain/abc/
done
status 0 hvqz -vv --to gguf -o hub.gguf hub/snapshots/abc/model.safetensors
says "sandbox: only files beside the input can be opened"
status 0 hvqz --to gguf -o plain.gguf plain/abc/model.safetensors
same hub.gguf plain.gguf
status 0 hvqz --lossless hub/snapshots/abc/model.safetensors
status 0 hvqz -d --to gguf hub/snapshots/abc/model.safetensors.hvqz
same hub/snapshots/abc/model.gguf plain.gguf

# An archive that is packed, and one that is copied from a pipe.
gzip -k m.tar
status 0 hvqz -vv --to npz -o m.npz m.tar.gz
says "sandbox: "
status 0 hvqz --lossless -o z.hvqz - <m.npz
mkfifo zip
cat m.npz >zip &
status 0 hvqz --lossless -o piped.hvqz zip
same piped.hvqz z.hvqz
status 0 hvqz -d -o back.npz piped.hvqz
same back.npz m.npz

FULL=$DATA/kjv-1m/sidecar/full.safetensors
status 0 hvqz --bpp 4 --sidecar "$FULL" -T3 -o q.hvqz "$MODEL"
status 0 hvqz -df -o back q.hvqz

# The other two programs read models as well.
mkdir kjv
cp "$DATA/kjv-1m/config.json" "$DATA/kjv-1m/tokenizer.json" kjv
cp "$MODEL" kjv/model.safetensors
status 0 hvqz_eval -vv -n 1 --tokens "$DATA/kjv-1m/eval.u16" kjv \
	--weights q.hvqz >page
says "sandbox: files can be written only"
status 0 hvqz_sense -vv -n 1 --tokens "$DATA/kjv-1m/calib.u16" -o side kjv
says "sandbox: files can be written only"
present side
status 0 hvqz_sense -n 1 --tokens "$DATA/kjv-1m/calib.u16" -o - kjv >side2
same side side2
: >a/side3
ln -s a/side3 link3
status 0 hvqz_sense -f -n 1 --tokens "$DATA/kjv-1m/calib.u16" -o link3 kjv
same a/side3 side
no_traces

# A scratch file goes where TMPDIR says; that it cannot is told when it must.
status 0 env TMPDIR="$tmp/nowhere" "$HVQZ" -dc q.hvqz >back
silent
