#!/bin/sh
# condition.sh - conditioned coordinates through the program: the options and
# what they exclude, the same file by every way, and that all of -d, -t, -n, -l
# and -x know codec 5.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
full=$DATA/kjv-1m/sidecar/full.safetensors

# What cannot be.
refuse() {
	why=$1
	shift
	status 1 hvqz "$@" m.safetensors >out
	says "$why"
	[ ! -s out ] || fail "'$*' wrote something"
	absent m.safetensors.hvqz
}
refuse "--condition: 'rotate' is not none, smooth or hero" --condition rotate
refuse "--condition: ''" --condition ''
refuse "--condition: 'Hero'" --condition Hero
refuse "--alpha needs --condition smooth or hero" --alpha 0.5
refuse "--alpha needs --condition" --alpha auto
refuse "--alpha needs --condition" --alpha 0.5 --condition none
for a in 1.01 -1 -0 nan inf 0.5x '' ' 0.5'; do
	refuse "--alpha: '$a' is not auto or a number from 0" \
		--condition hero --alpha "$a"
done
refuse "--lossless and --condition exclude each other" \
	--lossless --condition hero
refuse "--lossless and --condition exclude" --condition none --lossless
refuse "--condition has no meaning with -d" -d --condition hero
refuse "--alpha has no meaning with -t" -t --alpha 1
refuse "a condition is none, smooth or hero" --tensor '*=condition=herd'
refuse "alpha is auto or a number from 0 to 1" --tensor '*=alpha=2'
refuse "alpha is auto or a number" --tensor '*=condition=hero,alpha='

# remark FILE: the settings it says it was made with.
remark() {
	hvqz -l --json "$1" | sed -n 's/.*"settings":"\([^"]*\)".*/\1/p'
}

# made SETTINGS OPTION...: x is encoded, and says so.
made() {
	settings=$1
	shift
	status 0 hvqz "$@" -c m.safetensors >x
	silent
	[ "$(remark x)" = "$settings" ] || fail "'$*' gives '$(remark x)'"
}

# conditioned FILE: how many of its tensors are.
conditioned() {
	hvqz -lv --json "$1" | grep -c '"codecs":\["conditioned"\]'
}

made "rtn bits=3 group=0 -1 condition=hero" --bits 3 --condition hero \
	-1 --sidecar "$SIDECAR"
cp x auto
made "rtn bits=3 group=0 -1 condition=smooth alpha=0.25" --bits 3 -1 \
	--condition none --alpha auto --condition smooth --alpha .25
[ "$(conditioned x)" -gt 5 ] || fail "--alpha did not condition"
made "rtn bits=3 group=0 -1" --bits 3 -1 --condition none
[ "$(conditioned x)" -eq 0 ] || fail "--condition none conditions"
status 0 hvqz --bits 3 -1 -c m.safetensors >none
same none x
hvqz -lv auto >page
grep -q 'condition=hero' page || fail "-lv does not say condition=hero"

# Any number of threads, file or pipe: the same file, for every body. Layers 1
# to 5 would only take time.
exact="--tensor *.1.*=lossless --tensor *.2.*=lossless --tensor *.3.*=lossless
	--tensor *.4.*=lossless --tensor *.5.*=lossless -1"
try() {
	name=$1
	shift
	# shellcheck disable=SC2086 # options are words
	set -f -- $exact "$@"
	status 0 hvqz "$@" -T1 -c m.safetensors >"$name"
	status 0 hvqz "$@" -T2 -o t2 -f m.safetensors
	same "$name" t2
	hvqz "$@" -T2 <m.safetensors >t3 || fail "$name by a pipe"
	set +f
	same "$name" t3
	[ "$(conditioned "$name")" -gt 5 ] || fail "$name is not conditioned"
	status 0 hvqz -t "$name"
	status 0 hvqz -d -T1 -f -o "$name.out" "$name"
	hvqz -d -T2 <"$name" >again || fail "$name decoded by a pipe"
	same "$name.out" again
	[ "$(wc -c <again)" -eq "$(wc -c <"$MODEL")" ] || fail "another size"
}
try rtn --bits 3 --condition hero --alpha 0.5 --sidecar "$full"
try trellis --condition hero --alpha 0.5 --sidecar "$full"
try kmeans --centroids 16 --condition smooth --alpha 0.5 \
	--sidecar "$SIDECAR"
try small --bits 4 --chunk 16K --condition hero --alpha 0.5 \
	--sidecar "$SIDECAR"

# -n says how large it would be, and writes nothing.
set -f
# shellcheck disable=SC2086 # options are words
status 0 hvqz -n -v $exact --bits 3 --condition hero --alpha 0.5 \
	--sidecar "$full" m.safetensors >page
set +f
about=$(sed -n 's/.*-> about \([0-9,]*\) bytes.*/\1/p' page | tr -d ,)
awk "BEGIN { r = ${about:-0} / $(wc -c <rtn); exit !(r > 0.99 && r < 1.01) }" ||
	fail "-n says $about bytes, not $(wc -c <rtn)"
absent m.safetensors.hvqz

# -x: what is restored alone is what is restored with all the others.
for f in rtn small; do
	status 0 hvqz -x '*q_proj*' -x model.embed_tokens.weight -o part $f
	status 0 hvqz --lossless -f -o $f.l $f.out
	status 0 hvqz -x '*q_proj*' -x model.embed_tokens.weight -o want $f.l
	same part want
	rm part want
	w=model.layers.0.self_attn.q_proj.weight
	status 0 hvqz -x $w --rows 3:50 -o part $f
	status 0 hvqz -x $w --rows 3:50 -o want $f.l
	same part want
	rm part want
done

# One tensor, or all but one.
status 0 hvqz --bits 4 -1 --tensor '*q_proj*=condition=hero,alpha=0.5' \
	-c m.safetensors >one
hvqz -lv one >page
grep -q 'q_proj.weight .* conditioned ' page || fail "the rule did nothing"
grep -q 'k_proj.weight .* rtn ' page || fail "the rule took all"
[ "$(remark one)" = "rtn bits=4 group=0 -1" ] || fail "'$(remark one)'"
status 0 hvqz --bits 4 -1 --condition smooth --alpha 0.5 \
	--tensor '*q_proj*=condition=none' -c m.safetensors >others
hvqz -lv others >page
grep -q 'q_proj.weight .* rtn ' page || fail "the rule did not take it out"
grep -q 'k_proj.weight .* conditioned ' page || fail "--alpha did nothing"
status 0 hvqz -t one others

# Damage: an error with a sentence, and no output.
size=$(wc -c <rtn)
for at in 100 $((size / 2)) $((size - 1)); do
	head -c "$at" rtn >cut.hvqz
	status 1 hvqz -d cut.hvqz
	says "hvqz: cut.hvqz: "
	absent cut
done
no_traces
