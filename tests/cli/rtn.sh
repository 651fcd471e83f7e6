#!/bin/sh
# rtn.sh - the bodies from the command line: which one options choose, and
# round to nearest through the program.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
full=$DATA/kjv-1m/sidecar/full.safetensors

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

# --bits and --group choose the body; the last --body wins.
made "rtn bits=4 group=0 -5" --body rtn
cp x rtn
made "rtn bits=4 group=0 -5" --bits 4
same rtn x
made "rtn bits=4 group=0 -9" --body trellis --body kmeans --body rtn -9
made "rtn bits=4 group=32 -5" --group 32
cp x grouped
made "rtn bits=8 group=1048576 -5" --group 1048576 --bits 8
made "hasvq kmeans K=2 b=4 rho=0.015 -1" --body rtn --body kmeans \
	--centroids 2 -1
status 0 hvqz -1 --body trellis -c m.safetensors >t
status 0 hvqz -1 -c m.safetensors >x
same t x

# Sizes: 4 bits and a scale a row, or a scale for every 32 weights more.
params=$(hvqz -l --json rtn | sed -n 's/.*"parameters":\([0-9]*\).*/\1/p')
[ "$(wc -c <rtn)" -lt $((params * 42 / 80)) ] || fail "4 bits take more"
[ "$(wc -c <rtn)" -gt $((params / 2)) ] || fail "4 bits take less"
[ "$(wc -c <grouped)" -gt $((params * 44 / 80)) ] || fail "scales take less"
hvqz -lv rtn >page
grep -q 'q_proj.weight .* rtn ' page || fail "not rtn"

# What comes back: by pipe and by file, for any -T.
status 0 hvqz -t rtn grouped
status 0 hvqz -d -T1 -o back1 rtn
hvqz -d -T4 <rtn >back4 || fail "decoding from standard input"
same back1 back4
[ "$(wc -c <back1)" -eq "$(wc -c <"$MODEL")" ] || fail "another size"
cmp -s back1 "$MODEL" && fail "nothing was lost"

# Full Hessians: the same bytes for any -T, the size of before, another file.
status 0 hvqz --bits 4 --sidecar "$full" -T1 -c m.safetensors >t1
status 0 hvqz --bits 4 --sidecar "$full" -T4 -c m.safetensors >t4
same t1 t4
[ "$(wc -c <t1)" -lt $((params * 42 / 80)) ] || fail "feedback takes bits"
cmp -s t1 rtn && fail "the full sidecar changed nothing"
hvqz -l --json t1 >page
grep -q '"kl_estimate":0\.0' page || fail "no loss is estimated"
# A diagonal rounds no weight otherwise.
status 0 hvqz --bits 4 --sidecar "$SIDECAR" -c m.safetensors >diag
status 0 hvqz -d -o diag.out diag
same diag.out back1

# One tensor or all but one; knobs of a body that only a rule has.
status 0 hvqz --tensor '*q_proj*=bits=3,group=16' -1 -c m.safetensors >one
hvqz -lv one >page
grep -q 'q_proj.weight .* rtn ' page || fail "the rule did not choose rtn"
grep -q 'k_proj.weight .* trellis ' page || fail "the rule chose all"
status 0 hvqz --bpp 4 --tensor '*q_proj*=rtn' -1 -c m.safetensors \
	>steered
awk "BEGIN { exit !($(wc -c <steered) * 8 / $params < 4.05) }" ||
	fail "--bpp is not met beside rtn"
status 0 hvqz --body rtn --centroids 2 --tensor '*q_proj*=kmeans' \
	-1 -c m.safetensors >two
hvqz -lv two >page
grep -q 'q_proj.weight .* hasvq ' page || fail "the rule did not choose kmeans"
grep -q 'k_proj.weight .* rtn ' page || fail "--body rtn chose nothing"
status 0 hvqz -t one steered two

# Damage: an error with a sentence, and no output.
size=$(wc -c <t1)
for at in 100 $((size / 2)) $((size - 1)); do
	head -c "$at" t1 >cut.hvqz
	status 1 hvqz -d cut.hvqz
	says "hvqz: cut.hvqz: "
	absent cut
done
no_traces
