#!/bin/sh
# trellis.sh - the trellis from the command line: with sidecars, by pipe and by
# file, for any -T; quality, KL divergence and rules.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
full=$DATA/kjv-1m/sidecar/full.safetensors

# Full Hessians: the same bytes for any -T, by pipe and by file.
status 0 hvqz --sidecar "$full" -T1 -c m.safetensors >t1
silent
for threads in 2 4; do
	status 0 hvqz --sidecar "$full" -T$threads -c m.safetensors >t
	same t1 t
done
# shellcheck disable=SC2002 # a pipe is the point
cat "$MODEL" | hvqz --sidecar "$full" -T3 >piped || fail "encoding from a pipe"
same t1 piped
status 0 hvqz -t t1
# Factors are shared by a tensor's chunks.
status 0 hvqz --sidecar "$full" --chunk 16K -T1 -c m.safetensors >small1
status 0 hvqz --sidecar "$full" --chunk 16K -T4 -c m.safetensors >small4
same small1 small4
cmp -s t1 small1 && fail "--chunk changed nothing"

# What comes back: the same for any -T and way, a model of the same size.
status 0 hvqz -d -T1 -o back1 t1
hvqz -d -T4 <t1 >back4 || fail "decoding from standard input"
same back1 back4
[ "$(wc -c <back1)" -eq "$(wc -c <"$MODEL")" ] ||
	fail "restored to another size"
cmp -s back1 "$MODEL" && fail "nothing was lost"
hvqz -lv t1 >page
grep -q 'q_proj.weight .* trellis ' page || fail "not the trellis"

# Each kind of sidecar makes another file.
status 0 hvqz -c m.safetensors >plain
status 0 hvqz --sidecar "$SIDECAR" -c m.safetensors >diag
cmp -s plain diag && fail "the diagonal sidecar changed nothing"
cmp -s diag t1 && fail "the full sidecar changed nothing"

# Quality: more of it is larger, and the default is 5.
status 0 hvqz --quality 3 -c m.safetensors >q3
status 0 hvqz --quality 5 -c m.safetensors >q5
status 0 hvqz --quality 7.5 -c m.safetensors >q7
same plain q5
[ "$(wc -c <q3)" -lt "$(wc -c <q5)" ] || fail "--quality 3 is no smaller"
[ "$(wc -c <q5)" -lt "$(wc -c <q7)" ] || fail "--quality 7.5 is no larger"
status 0 hvqz -t q3 q7

# A wanted KL divergence: the estimate is what was asked for.
status 0 hvqz --kl 0.01 --sidecar "$full" -c m.safetensors >kl
# shellcheck disable=SC2002
cat "$MODEL" | hvqz --kl 0.01 --sidecar "$full" >piped ||
	fail "--kl from a pipe"
same kl piped
hvqz -l --json kl | sed -n 's/.*"kl_estimate":\([0-9.e-]*\).*/\1/p' |
	awk '{ n++; ok = $1 > 0.008 && $1 < 0.0125 }
	     END { exit !(n == 1 && ok) }' ||
	fail "the file is not estimated to have the --kl that was wanted"
status 1 hvqz --kl 0.01 -c m.safetensors >out
says "--kl needs a sidecar with row_sens or curvature"
[ ! -s out ] || fail "output in spite of --kl without a sidecar"
status 1 hvqz --kl 0.01 --sidecar "$SIDECAR" -c m.safetensors >out
says "no row sensitivities are known"
says "--kl needs a sidecar with row_sens or curvature"
[ ! -s out ] || fail "output in spite of --kl without row_sens"

# A tensor with a quality of its own.
status 0 hvqz --tensor '*q_proj*=q=8' --sidecar "$full" -c m.safetensors >q8
hvqz -lv --json t1 >all.json
hvqz -lv --json q8 >rule.json
for how in all rule; do
	grep '"type":"tensor"' $how.json | sed 's/"file":"[^"]*",//' >$how
	grep -v q_proj $how >$how.others
done
same all.others rule.others
cmp -s all rule && fail "q=8 changed nothing"
[ "$(wc -c <q8)" -gt "$(wc -c <t1)" ] || fail "q=8 is no larger"
status 1 hvqz --tensor '*=q=21' -c m.safetensors
says "a quality is a number from 0 to 20"
status 1 hvqz --tensor 'nothing*=q=8' -c m.safetensors
says "'nothing*=q=8'"

# Damage: an error with a sentence, and no output.
size=$(wc -c <t1)
for at in 100 $((size / 2)) $((size - 1)); do
	head -c "$at" t1 >cut.hvqz
	status 1 hvqz -d cut.hvqz
	says "hvqz: cut.hvqz: "
	absent cut
done
no_traces
