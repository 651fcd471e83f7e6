#!/bin/sh
# keep.sh - no model is lost: what may not be replaced or removed is not.
. "$(dirname "$0")/common.inc"

# Is there what makes calls fail? Not in a sanitizer's build.
shim=${FAULTS-}/shim.so
LD_PRELOAD=$shim "$HVQZ" -V >out 2>err && [ ! -s err ] || shim=
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
