#!/bin/sh
# eval.sh - hvqz-eval: its command line, its scores.
. "$(dirname "$0")/common.inc"

dir=$DATA/kjv-1m
ids=$dir/eval.u16

# ---- the command line ----

status 0 hvqz_eval -h >out
grep -q '^Usage: hvqz-eval' out || fail "-h prints no usage"
status 0 hvqz_eval -H >long
[ -z "$(cat out long | awk 'length($0) > 80')" ] ||
	fail "the help is wider than 80 columns"
for o in weights text tokens sequences context json threads memory verbose \
	quiet no-warn progress help long-help version; do
	grep -q -e "--$o" long || fail "-H does not know --$o"
done
status 0 hvqz_eval -V >out
grep -q '^hvqz-eval [0-9]' out || fail "-V prints no version"

refuse() {
	why=$1
	shift
	status 1 hvqz_eval "$@" >out
	says "hvqz-eval: $why"
	[ ! -s out ] || fail "'$*' wrote something"
}
refuse "which model? The folder is missing; try 'hvqz-eval -h'" --tokens "$ids"
refuse "which text? --text FILE or --tokens FILE is missing; " "$dir"
refuse "one model at a time, not 3: 'a' and 'b'" a b c --text x
refuse "unknown option '-o'; try 'hvqz-eval -h'" "$dir" --text x -o y
refuse "standard input can be read once, and is wanted 2 times" \
	"$dir" --text - --weights -
refuse "nowhere/config.json: No such file" nowhere --tokens "$ids"
refuse "nowhere.u16: No such file" "$dir" --tokens nowhere.u16
refuse "$dir: needs " "$dir" --tokens "$ids" -M 1K
says "the limit is 1.0 KiB; use fewer threads (-T), or fewer or shorter"

# The targets are one further: a token more than the sequences have.
head -c 512 "$ids" >exact.u16
head -c 514 "$ids" >enough.u16
refuse "exact.u16: 256 tokens are less than one sequence of 256 and the token \
behind it" "$dir" --tokens exact.u16
status 0 hvqz_eval "$dir" --tokens enough.u16 --json >out
grep -q '"tokens":256,' out || fail "not one sequence"
status 2 hvqz_eval "$dir" --tokens enough.u16 -c 16 -n 99 --json >out
says "enough.u16: 16 sequences of 16 tokens is all there are, not 99"
grep -q '"tokens":256,' out || fail "not what there is"
{ head -c 40 "$ids"; printf '\377\377'; } >bad.u16
refuse "bad.u16: token 20 is id 65,535, and the model knows 1,024 ids" \
	"$dir" --tokens bad.u16 -c 20

# ---- the scores ----

status 0 hvqz --bpp 3 -o 3.hvqz "$MODEL"
status 0 hvqz --bpp 4 -o 4.hvqz "$MODEL"
status 0 hvqz -d -o 4.safetensors 4.hvqz
status 0 hvqz --lossless -o exact.hvqz "$MODEL"
status 0 hvqz_eval "$dir" --tokens "$ids" -n 8 -c 128 --json --weights 3.hvqz \
	--weights 4.hvqz --weights 4.safetensors --weights exact.hvqz \
	--weights "$dir" >json
silent
[ "$(wc -l <json)" -eq 6 ] || fail "not a line for each set of weights"

# value LINE KEY
value() {
	sed -n "$1s/.*\"$2\":\([-+0-9.e]*\).*/\1/p" json
}

# is 'EXPRESSION': awk's opinion
is() {
	awk "BEGIN { exit !($1) }" || fail "not so: $1"
}
sed -n 1p json | grep -qF "{\"file\":\"$dir\",\"params\":1312384,\
\"bytes\":2630704,\"bpp\":16.0" || fail "the original's line"
for key in kl kl99 dnll; do
	is "$(value 1 $key) == 0"
	is "$(value 5 $key) == 0 && $(value 6 $key) == 0"
done
is "$(value 1 top1) == 1"
is "$(value 1 tokens) == 1024"
is "$(value 1 nll) > 2 && $(value 1 nll) < 5"
is "$(value 1 ppl) / exp($(value 1 nll)) - 1 < 1e-6"
is "$(value 2 kl) > $(value 3 kl) && $(value 3 kl) > 0.001"
is "$(value 2 kl) < 0.5 && $(value 3 kl99) > $(value 3 kl)"
is "$(value 2 top1) < $(value 3 top1) && $(value 3 top1) < 1"
d=$(awk "BEGIN { d = $(value 3 nll) - $(value 1 nll) - $(value 3 dnll)
		 print d < 0 ? -d : d }")
is "$d < 1e-6"
is "$(value 3 bytes) == $(wc -c <4.hvqz)"
is "$(value 5 bytes) == $(wc -c <exact.hvqz)"

# A .hvqz scores as what it is restored to.
for key in nll ppl dnll kl kl99 top1; do
	[ "$(value 3 $key)" = "$(value 4 $key)" ] ||
		fail "$key: $(value 3 $key) and, restored, $(value 4 $key)"
done

# The table says the same; -v says it on standard error too.
status 0 hvqz_eval -v "$dir" --tokens "$ids" -n 8 -c 128 --weights - \
	<4.hvqz >table
says "hvqz-eval: $dir: 1,024 tokens, nll "
head -n 1 table | grep -q \
	'^Weights *bpp *ppl *dnll *KL *KL 99 % *Top-1 %$' || fail "no heading"
[ "$(wc -l <table)" -eq 4 ] || fail "not two rows"
sed -n 3p table | grep -q '  16.03[0-9]  .*  -  *-  *-  *-$' ||
	fail "the original's row"
kl=$(awk "BEGIN { printf \"%.5f\", $(value 3 kl) }")
sed -n 4p table | grep -q "  $kl " ||
	fail "the table has another KL"

# Threads change at most the last digits.
status 0 hvqz_eval -T1 "$dir" --tokens "$ids" -n 8 -c 128 --json \
	--weights 3.hvqz >one
t1=$(sed -n '2s/.*"kl":\([-+0-9.e]*\).*/\1/p' one)
is "$t1 / $(value 2 kl) - 1 < 1e-4 && $(value 2 kl) / $t1 - 1 < 1e-4"

# A text is told into the ids that the model was trained on.
status 0 hvqz_eval "$dir" --tokens "$dir/calib.u16" -n 4 -c 64 --json >by_ids
status 0 hvqz_eval "$dir" --text "$dir/calib.txt" -n 4 -c 64 --json >by_text
same by_ids by_text
head -c 9999 "$dir/calib.txt" | hvqz_eval "$dir" --text - -n 4 -c 64 --json \
	>by_pipe || fail "a text on standard input"
same by_ids by_pipe

# One that fails is told; the others are scored all the same.
head -c 100000 4.hvqz >cut.hvqz
status 1 hvqz_eval "$dir" --tokens "$ids" -n 2 -c 64 --json \
	--weights cut.hvqz --weights nowhere --weights 4.hvqz >json
says "hvqz-eval: cut.hvqz: tensor '"
says ": truncated: "
says "hvqz-eval: nowhere: No such file"
[ "$(wc -l <json)" -eq 2 ] || fail "the good one was not scored"
grep -q '"file":"4.hvqz"' json || fail "another one was scored"

# A signal: it dies of it, and says what it knew by then.
mkfifo fifo
sleep 60 >fifo &
feeder=$!
"$HVQZ-eval" "$dir" --tokens "$ids" -n 1 -c 64 --weights fifo >table 2>err &
pid=$!
sleep 1
kill -0 $pid || fail "it ended by itself"
kill -TERM $pid
wait $pid 2>/dev/null
got=$?
kill $feeder
[ $got -eq 143 ] || fail "status $got after SIGTERM"
silent
[ "$(wc -l <table)" -eq 3 ] || fail "the original's score is lost"
