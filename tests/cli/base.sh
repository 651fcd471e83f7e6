#!/bin/sh
# base.sh - --base: a model as its difference from another one.
. "$(dirname "$0")/common.inc"

# head_of FILE: how long its header is, with its length.
head_of() {
	echo $((8 + $(od -An -tu4 -N4 "$1" | tr -d ' ')))
}

cp "$MODEL" base.safetensors
size=$(wc -c <base.safetensors)
data=$(head_of base.safetensors)

# A fine-tune: the lowest bits of all weights that hold an 'a' or a 'z' there,
# and a few that move far.
head -c "$data" base.safetensors >tuned.safetensors
tail -c +$((data + 1)) base.safetensors | LC_ALL=C tr 'az' 'bx' \
	>>tuned.safetensors
printf 'far from it' | dd of=tuned.safetensors bs=1 seek=$((data + 9000)) \
	conv=notrunc 2>/dev/null
[ "$(wc -c <tuned.safetensors)" -eq "$size" ] || fail "not the same size"

# There and back, for any -T and any chunk, by file and by pipe.
status 0 hvqz --lossless -c tuned.safetensors >alone
status 0 hvqz --lossless --base base.safetensors -T1 -c tuned.safetensors >t1
silent
status 0 hvqz --lossless --base base.safetensors -T3 -c tuned.safetensors >t3
same t1 t3
[ "$(wc -c <t1)" -lt $(($(wc -c <alone) / 4)) ] || fail "--base gains little"
# shellcheck disable=SC2002 # a pipe is wanted
cat tuned.safetensors | hvqz --lossless --base base.safetensors >piped ||
	fail "encoding from a pipe"
same piped t1
status 0 hvqz --lossless --base base.safetensors --chunk 1K -o small.hvqz \
	tuned.safetensors
for f in t1 small.hvqz; do
	for t in 1 2; do
		status 0 hvqz -d --base base.safetensors -T$t -c $f >back
		silent
		same back tuned.safetensors
	done
	hvqz -d --base base.safetensors <$f >back || fail "$f from stdin"
	same back tuned.safetensors
	status 0 hvqz -t --base base.safetensors $f
	silent
	for row in '' '--rows 3:100'; do
		q='*layers.1.self_attn.q_proj.weight'
		# shellcheck disable=SC2086 # none or two words
		hvqz -x "$q" $row alone >want || fail "-x without a base"
		# shellcheck disable=SC2086
		status 0 hvqz -x "$q" $row --base base.safetensors $f >got
		same want got
		# shellcheck disable=SC2002,SC2086
		cat $f | hvqz -x "$q" $row --base base.safetensors >got ||
			fail "-x by pipe"
		same want got
	done
done

# Lists say what it is, and need no base.
hvqz -lv t1 >page
grep -q 'q_proj.weight .* delta ' page || fail "-lv: no delta"
grep -q 'base\.safetensors' page || fail "-lv does not name the base"
hvqz -l --json t1 >json
grep -q 'base\.safetensors' json || fail "--json does not name the base"

# Without the base, or with another one: refused, and it says what is needed.
status 1 hvqz -t t1
says "give hvqz that file with --base"
name=$(sed -n 's/.*(\(xxh3-128:[0-9a-f]*\)).*/\1/p' err)
[ ${#name} -eq 41 ] || fail "the digest is not named"
refuse() {
	status 1 hvqz "$@" -o got
	absent got
	says "base.safetensors"
	says "$name"
	no_traces
}
rm got
refuse -d t1
says "give hvqz that file with --base"
refuse -x '*' t1
refuse -d --base tuned.safetensors t1
says "the base model given is xxh3-128:"
refuse -x '*' --base tuned.safetensors t1
status 1 hvqz -t t1
says "$name"
status 1 hvqz_eval "$DATA/kjv-1m" --tokens "$DATA/kjv-1m/eval.u16" \
	-n 1 -c 16 --weights t1 >got
says "$name"

# The same model: next to nothing.
status 0 hvqz --lossless --base base.safetensors -c base.safetensors >same
[ "$(wc -c <same)" -lt 12000 ] || fail "the same model takes much"
status 0 hvqz -d --base base.safetensors -c same >back
same back base.safetensors

# Tensors that the base has not, or not so, are coded by themselves.
sed 's/layers\.1\.self_attn/layers.1.self_more/g' tuned.safetensors >other
[ "$(wc -c <other)" -eq "$size" ] || fail "not the same size"
LC_ALL=C sed 's/\[384,128\]/[128,384]/g' other >x
mv x other
status 0 hvqz --lossless --base base.safetensors -c other >x
silent
hvqz -lv x >page
grep -q 'layers.0.self_attn.q_proj.weight .* delta ' page || fail "not delta"
grep -q 'layers.1.self_more.q_proj.weight .* planes ' page || fail "a name"
grep -q 'layers.0.mlp.gate_proj.weight .* planes ' page || fail "a shape"
status 0 hvqz -d --base base.safetensors -c x >back
same back other
status 0 hvqz -x '*' --base base.safetensors x >got

# No base at all.
bad_base() {
	base=$1
	shift
	status 1 hvqz --lossless --base "$base" -o out.hvqz tuned.safetensors
	absent out.hvqz
	for text; do
		says "$text"
	done
	no_traces
}
LC_ALL=C sed 's/model\./medel./g' base.safetensors >foreign
LC_ALL=C sed 's/lm_head/lm_heat/g' foreign >x
mv x foreign
bad_base foreign "none of the base model's"
bad_base t1 "t1: " "has to be restored first"
mkdir folder
bad_base folder "is a directory"
mkfifo pipe
cat base.safetensors >pipe &
bad_base pipe "is no regular file"
wait
bad_base missing "missing: No such file"
bad_base ''
head -c $((size / 2)) base.safetensors >short
bad_base short "short: " "truncated"
head -c 100 base.safetensors >short
bad_base short "short: " "truncated"
: >short
bad_base short "short: "
echo "no model, but longer than eight bytes" >text
bad_base text "text: "
status 1 hvqz -d --base short -o out t1
status 1 hvqz -d --base missing -o out t1
absent out

# Options that do not go together.
status 1 hvqz --base base.safetensors -o out tuned.safetensors
says "--base needs --lossless"
status 1 hvqz -l --base base.safetensors t1
says "--base"
absent out
# shellcheck disable=SC2094 # that is the mistake
status 1 hvqz --lossless --base - <tuned.safetensors >got
says "standard input can be read once"
# Where a rule says so, the rest is quantized.
status 0 hvqz --lossless --base base.safetensors --tensor '*q_proj*=rtn' \
	-c tuned.safetensors >x
hvqz -lv x >page
grep -q 'q_proj.weight .* rtn ' page || fail "the rule chose nothing"
grep -q 'k_proj.weight .* delta ' page || fail "no difference beside a rule"
status 0 hvqz -t --base base.safetensors x

# One too many is told, and no harm.
status 2 hvqz -d --base base.safetensors -c alone >back
says "needs no base model"
same back tuned.safetensors

# What memory it takes is known before.
status 0 hvqz --lossless --base base.safetensors -vv -c tuned.safetensors >x
status 1 hvqz --lossless --base base.safetensors -M 1M -c tuned.safetensors >x
says "the limit is"
status 1 hvqz -d --base base.safetensors -M 100K -c t1 >x
says "the limit is"

# A file's name is no remark where it is no text.
odd=$(printf 'b\377se')
cp base.safetensors "$odd"
status 0 hvqz --lossless --base "$odd" -c tuned.safetensors >x
status 0 hvqz -d --base base.safetensors -c x >back
same back tuned.safetensors

# The base is never the output.
cp base.safetensors keep
status 1 hvqz -f --lossless --base keep -o keep tuned.safetensors
same keep base.safetensors
status 1 hvqz -d -f --base keep -o keep t1
same keep base.safetensors

# Damage: an error with a sentence, and no output.
n=$(wc -c <t1)
for at in 70 100 $((n / 2)) $((n - 1)); do
	head -c "$at" t1 >cut.hvqz
	status 1 hvqz -d --base base.safetensors cut.hvqz
	says "hvqz: cut.hvqz: "
	absent cut
done
no_traces
