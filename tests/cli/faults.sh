#!/bin/sh
# faults.sh - the N-th call of a kind fails, for every N: a sentence, status 1,
# nothing half-written and nothing leaked. Some of the N; with HVQZ_LONG set
# all of them, and more jobs. Needs FAULTS, the folder of tests/faults/drive.
. "$(dirname "$0")/common.inc"

: "${FAULTS:?set FAULTS to the folder that has drive and shim.so}"
shim=$FAULTS/shim.so
[ -f "$shim" ] || fail "there is no $shim"
LD_PRELOAD=$shim "$HVQZ" -V >out 2>&1 || exit 77	# a sanitizer's build

some=4
[ -z "${HVQZ_LONG-}" ] || some=0

# The processor's BLAS is found by a second exec(), which is no part of this.
OPENBLAS_CORETYPE=Nehalem
export OPENBLAS_CORETYPE

all="malloc read write sync name open stat thread short eintr write+ malloc+"
loop() {
	echo "$*" | sed "s|$HVQZ|hvqz|"
	kinds=$1
	shift
	before=
	while [ "$1" != -- ]; do
		before="$before $1"
		shift
	done
	# shellcheck disable=SC2086 # words
	"$FAULTS/drive" -a $some $before "$shim" $kinds "$@" || exit 1
}

# A few tensors, and a fine-tune of them.
status 0 hvqz --lossless -o whole.hvqz "$MODEL"
status 0 hvqz -x 'model.layers.0.*' -x 'model.norm*' -o m whole.hvqz
status 0 hvqz -x 'model.layers.0.self_attn.k_proj*' \
	-x 'model.layers.0.input*' -o s whole.hvqz
cp m parent
status 0 hvqz --lossless -o m.hvqz m
{ head -c 200000 m; head -c 1000 "$MODEL"; tail -c +201001 m; } >child
SIDE=$DATA/kjv-1m/sidecar
# What repeats is left to zstd, which allocates too.
{
	printf '@\0\0\0\0\0\0\0%-64s' \
		'{"w":{"dtype":"U8","shape":[40000],"data_offsets":[0,40000]}}'
	seq -w 0 2000 | head -c 5000 >some
	cat some some some some some some some some
} >again
status 0 hvqz --lossless -o again.hvqz again

loop "$all" -t out -- "$HVQZ" -T2 -dfo out m.hvqz
loop "$all" -t out -- "$HVQZ" -T2 --lossless -fo out m
loop "malloc read write short eintr" -i m.hvqz -- "$HVQZ" -T2 -dc
loop "malloc read open" -- "$HVQZ" -lvv m.hvqz
loop "malloc read thread" -- "$HVQZ" -T2 -t m.hvqz
loop "malloc" -t out -- "$HVQZ" -T1 --lossless -fo out again
loop "malloc" -t out -- "$HVQZ" -d --keep-going -T1 -fo out again.hvqz
gzip -c s >s.gz
loop "malloc read short eintr" -t out -- "$HVQZ" -T1 --lossless -fo out s.gz
loop "malloc read write name" -t out -- "$HVQZ" -x '*norm*' -fo out m.hvqz
[ -n "${HVQZ_LONG-}" ] || exit 0

# Encoders that think allocate some thousand times for one small tensor, and
# ten thousand for a layer: all of the first, some hundred of the second.
encoders() {
	loop "$all" -t out -- "$HVQZ" --bpp 4 \
		--sidecar "$SIDE/full.safetensors" -T2 -fqQo out "$1"
	loop "$all" -t out -- "$HVQZ" --preset mid -1 --centroids 64 \
		-T2 -fqQo out "$1"
	loop "$all" -t out -- "$HVQZ" --body rtn --condition hero -1 \
		--sidecar "$SIDE/diag.safetensors" -T2 -fqQo out "$1"
}
encoders s
some=${HVQZ_FAULTS-300}
encoders m
some=0

status 0 hvqz --lossless --base parent -o child.hvqz child
loop "$all" -t out -- "$HVQZ" --lossless --base parent -T2 -fqQo out child
loop "$all" -t out -- "$HVQZ" -d --base parent -T2 -fo out child.hvqz
loop "$all" -i s -- "$HVQZ" -T2
loop "$all" -i m.hvqz -- "$HVQZ" -T2 -x '*norm*'
loop "$all" -t out -- "$HVQZ" -d --keep-going -T2 -fo out m.hvqz
loop "malloc read open stat short eintr" -- "$HVQZ" -l --json m.hvqz
