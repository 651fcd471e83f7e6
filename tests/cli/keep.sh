#!/bin/sh
# keep.sh - no model is lost: what may not be replaced or removed is not.
. "$(dirname "$0")/common.inc"

# Is there what makes calls fail? Not in a sanitizer's build.
shim=${FAULTS-}/shim.so
LD_PRELOAD=$shim "$HVQZ" -V >version 2>err && [ ! -s err ] || shim=
# with_fault NAME=VALUE ARGS...
with_fault() {
	fault=$1
	shift
	# A second exec() for BLAS is no part of this.
	env OPENBLAS_CORETYPE=Nehalem LD_PRELOAD="$shim" "$fault" "$HVQZ" "$@"
}

# --rm: the source is edited while the result goes to the disk.
if [ -n "$shim" ]; then
	cp "$MODEL" m.safetensors
	status 2 with_fault HVQZ_FAULT_EDIT=m.safetensors \
		--lossless --rm m.safetensors
	says "not removed: it changed after it was read"
	present m.safetensors
	status 0 hvqz -d -o was m.safetensors.hvqz
	same was "$MODEL"
	rm m.safetensors was

	status 2 with_fault HVQZ_FAULT_EDIT=m.safetensors.hvqz \
		-d --rm m.safetensors.hvqz
	says "not removed: it changed after it was read"
	present m.safetensors.hvqz
	same m.safetensors "$MODEL"
fi

# A folder's own files as the output: a shard, and an older .hvqz among them.
mkdir f
cp "$MODEL" f/model.safetensors
for name in f/model.safetensors f/../f/model.safetensors; do
	status 1 hvqz -f --lossless -o $name f
	says "is the input"
	same f/model.safetensors "$MODEL"
done
status 0 hvqz -f --lossless -o f/x.hvqz f
cp f/x.hvqz x.hvqz
status 1 hvqz -f --lossless -o f/x.hvqz f
says "is the input"
same f/x.hvqz x.hvqz
# shellcheck disable=SC2094 # that is the mistake
status 1 hvqz -f --lossless -c f >>f/model.safetensors
says "is the input"
same f/model.safetensors "$MODEL"

# A name that is too long is told before the work, not behind it: there is no
# work to be told of.
long=$(printf '%0251d' 0)
cp "$MODEL" "$long"
status 1 hvqz -vv --lossless "$long"
says "cannot write $long.hvqz: File name too long"
! grep -q 'sandbox\|threads' err || fail "it was begun"
rm "$long"
no_traces
mkdir t
cp "$MODEL" t/model.safetensors
echo notes >t/notes
if tar cf t.tar -C t --transform "s/notes/$long$long/" model.safetensors \
	notes 2>err; then
	status 0 hvqz --lossless t.tar
	status 1 hvqz -vvd --output-dir d t.tar.hvqz
	says "File name too long"
	absent d
	! grep -q "MB/s" err || fail "it was done before"
fi

# Two results with one name: the second is not begun, and its source stays.
mkdir a b
cp "$MODEL" a/model.safetensors
sed 's/model\./medel./g' <"$MODEL" >b/model.safetensors
for force in '' -f; do
	# shellcheck disable=SC2086 # none or one word
	status 1 hvqz $force --rm --lossless --output-dir out \
		a/model.safetensors b/model.safetensors
	says "b/model.safetensors: the output out/model.safetensors.hvqz was"
	says "made of a/model.safetensors a moment ago"
	absent a/model.safetensors
	present b/model.safetensors
	status 0 hvqz -d -o a/model.safetensors out/model.safetensors.hvqz
	same a/model.safetensors "$MODEL"
	rm -r out
done
cp a/model.safetensors m.safetensors
gzip -c b/model.safetensors >m.safetensors.gz
status 1 hvqz -f --rm --lossless m.safetensors m.safetensors.gz
says "m.safetensors.gz: the output m.safetensors.hvqz was made of"
absent m.safetensors
present m.safetensors.gz
# A result of an earlier run is replaced, as -f says.
status 0 hvqz -f --rm --lossless m.safetensors.gz
absent m.safetensors.gz

# The files of folders, too: all of the second or none.
for x in a b; do
	echo "of $x" >$x/notes
	echo "only in $x" >$x/$x
	status 0 hvqz --lossless -o $x.hvqz $x
done
status 1 hvqz -d -f --rm --output-dir out a.hvqz b.hvqz
says "b.hvqz: the output out/model.safetensors was made of a.hvqz"
absent a.hvqz
present b.hvqz
same out/model.safetensors "$MODEL"
same out/notes a/notes
absent out/b
status 0 hvqz -d -f --rm --output-dir out b.hvqz
same out/model.safetensors b/model.safetensors
same out/notes b/notes

# Nor is the source replaced by what is in it.
cp "$MODEL" a/a.hvqz
status 0 hvqz -f --lossless -o x.hvqz a
rm -r out
mkdir out
cp x.hvqz out/a.hvqz
status 1 hvqz -df --output-dir out out/a.hvqz
says "the output out/a.hvqz is the input"
same out/a.hvqz x.hvqz
rm -r out a/a.hvqz

# A base model is not replaced, nor is a sidecar.
mkdir orig
cp "$MODEL" orig/model.safetensors
status 0 hvqz --lossless --base orig/model.safetensors -o child.hvqz a
status 1 hvqz -df --base orig/model.safetensors --output-dir orig child.hvqz
says "the output orig/model.safetensors is the base model"
same orig/model.safetensors "$MODEL"
absent orig/notes
no_traces
status 0 hvqz -t --base orig/model.safetensors child.hvqz
status 0 hvqz --lossless --base orig/model.safetensors \
	-o model.safetensors.hvqz "$MODEL"
status 1 hvqz -df --base orig/model.safetensors --output-dir orig \
	model.safetensors.hvqz
says "the output orig/model.safetensors is the base model"
same orig/model.safetensors "$MODEL"
cp "$SIDECAR" side
ln side link
for name in side ./side link; do
	status 1 hvqz -f --quality 3 --sidecar side -o $name a
	says "is the sidecar"
	same side "$SIDECAR"
done

# --rm: a new folder's own name, and those in it, are on disk before.
if [ -n "$shim" ]; then
	rm -rf out a b
	mkdir -p a up
	cp "$MODEL" a/model.safetensors
	tar cf a.tar -C a --transform 's,^,in/deep/,' model.safetensors 2>err ||
		shim=
	hvqz -f --lossless a.tar || fail "a.tar"
fi
if [ -n "$shim" ]; then
	for bad in up up/new up/new/in up/new/in/deep; do
		cp a.tar.hvqz t.hvqz
		status 1 with_fault HVQZ_FAULT_SYNC=$bad \
			-d --rm --output-dir up/new t.hvqz
		says "Input/output error"
		present t.hvqz
		case $bad in up) absent up/new ;; *) says "may not survive" ;; esac
		rm -rf up/new
		cp "$MODEL" m.safetensors
		case $bad in up|up/new) ;; *) continue ;; esac
		status 1 with_fault HVQZ_FAULT_SYNC=$bad \
			--lossless --rm --output-dir up/new m.safetensors
		says "Input/output error"
		present m.safetensors
		rm -rf up/new
	done
	status 1 with_fault HVQZ_FAULT_SYNC=up \
		-d --no-sync --rm --output-dir up/new t.hvqz
	status 0 with_fault HVQZ_FAULT_SYNC=up \
		-d --no-sync --output-dir up/new t.hvqz
	silent
fi

# What stands behind compressed data would be lost: refused. More of the same
# and the zeros of a tape are not.
cp "$MODEL" m
half=$(($(wc -c <m) / 2))
for p in gzip bzip2 lz4 xz; do
	command -v $p >/dev/null || continue
	$p -c <m >m.z
	for n in 1 4 5 100000; do
		{ cat m.z; tail -c $n m; } >behind
		status 1 hvqz --lossless --rm behind
		says "behind: the "
		present behind
		status 1 hvqz --lossless -o x <behind
		absent x
	done
	{ cat m.z; head -c 512 /dev/zero; echo notes; } >behind
	status 1 hvqz --lossless --rm behind
	present behind
	absent behind.hvqz
	{ head -c $half m | $p -c; tail -c +$((half + 1)) m | $p -c; } >two
	{ cat two; head -c 100000 /dev/zero; } >zeros
	for f in two zeros; do
		hvqz --lossless <$f | hvqz -dc | cmp -s - m || fail "$f by $p"
	done
done
{ tar c m | gzip -c; echo notes; } >behind
for to in '' '--to safetensors'; do
	# shellcheck disable=SC2086 # none or two words
	status 1 hvqz -f $to -o x behind
	says "the gzip data ends at byte"
	absent x
done
