#!/bin/sh
# sense.sh - hvqz-sense: its command line, its texts, the sidecar it makes.
. "$(dirname "$0")/common.inc"

umask 027
dir=$DATA/kjv-1m
ids=$dir/eval.u16

# ---- the command line ----

status 0 hvqz_sense -h >out
grep -q '^Usage: hvqz-sense' out || fail "-h prints no usage"
status 0 hvqz_sense -H >long
[ -z "$(cat out long | awk 'length($0) > 80')" ] ||
	fail "the help is wider than 80 columns"
for o in text tokens sequences context full diag block draws seed output force \
	no-sync dry-run threads memory verbose quiet no-warn progress help \
	long-help version; do
	grep -q -e "--$o" long || fail "-H does not know --$o"
done
status 0 hvqz_sense -V >out
grep -q '^hvqz-sense [0-9]' out || fail "-V prints no version"

refuse() {
	why=$1
	shift
	status 1 hvqz_sense "$@" >out
	says "hvqz-sense: $why"
	[ ! -s out ] || fail "'$*' wrote something"
	absent side
}
refuse "which model? The folder is missing; try 'hvqz-sense -h'" \
	--tokens "$ids" -o side
refuse "which text? --text FILE or --tokens FILE is missing; " "$dir" -o side
refuse "where to? -o SIDECAR is missing; try" "$dir" --tokens "$ids"
refuse "one model at a time, not 2: 'a' and 'b'" a b --text x -o side
refuse "--text and --tokens exclude each other" --text x --tokens y.u16
refuse "two texts: x and y" --text x --text y
refuse "two outputs: -o side and -o b" "$dir" --text x -o side -o b
refuse "--tokens: 'x' must end in .u16 or .u32, which says how long an id is" \
	"$dir" --tokens x -o side
refuse "--tokens: 'x.u16/y' must end in" --tokens x.u16/y
refuse "-n: '0' is not a number of sequences from 1 to 1000000000" -n 0
refuse "-c: '1' is not a number of tokens from 2 to 16777216" -c 1
refuse "--block: 'x' is not a number of channels from 0 to 1048576" --block x
refuse "--block is for full Hessians, and --diag makes none" \
	"$dir" --tokens "$ids" -o side --diag --block 32
refuse "--draws: '1001' is not a number from 0 to 1000" --draws 1001
refuse "--seed: '-1' is not a whole number below 2^64" --seed -1
refuse "-T: '2x' is not a number of threads" -T2x
refuse "unknown option '--sidecar'; try 'hvqz-sense -h'" --sidecar
refuse "ambiguous option '--d'" --d
refuse "-n, --sequences needs an argument; try 'hvqz-sense -h'" -n
refuse "--diag takes no argument" --diag=yes
status 1 env HVQZ_THREADS=many "$HVQZ-sense" "$dir" --tokens "$ids" -o side
says "HVQZ_THREADS is 'many'"

# ---- the model is not replaced ----

mkdir own
for f in config.json model.safetensors tokenizer.json; do
	cp "$dir/$f" own/
	status 1 hvqz_sense own --tokens "$ids" -n 1 -f -o "own/$f"
	says "hvqz-sense: own/$f: the output is one of the model's own files"
	cmp "$dir/$f" "own/$f" || fail "own/$f was replaced"
done
cp own/model.safetensors own/part1.safetensors
status 1 hvqz_sense own --tokens "$ids" -n 1 -f -o own/part1.safetensors
says "own/part1.safetensors: the output is one of the model's own files"
status 1 hvqz_sense own --tokens "$ids" -n 1 -o own/model-2.safetensors
says "own/model-2.safetensors: the output is one of the model's own files"
absent own/model-2.safetensors
rm own/part1.safetensors
cp "$ids" in.u16
status 1 hvqz_sense own --tokens in.u16 -n 1 -f -o in.u16
says "hvqz-sense: in.u16: the output is the input"
cmp "$ids" in.u16 || fail "the input was replaced"
head -c 9000 "$dir/calib.txt" >"$(printf 'caf\351.txt')"
status 0 hvqz_sense own --text "$(printf 'caf\351.txt')" -n 1 --diag -o named
grep -qa 'caf?.txt, first 1 sequence of 256' named || fail "the text's name"
status 0 hvqz_sense own --tokens "$ids" -n 1 -o own/side.safetensors
status 0 hvqz_sense own --tokens "$ids" -n 1 -f -o own/side.safetensors

# ---- folders and texts ----

refuse "nowhere/config.json: No such file" nowhere --tokens "$ids" -o side
refuse "nowhere: No such file" "$dir" --text nowhere -o side
refuse "$dir: is a directory" "$dir" --text "$dir" -o side
refuse "$dir: -c 257 is more than the 256 tokens the model can look back on" \
	"$dir" --tokens "$ids" -c 257 -o side

head -c 511 "$ids" >odd.u16
head -c 510 "$ids" >short.u16
: >empty.u16
{ head -c 40 "$ids"; printf '\377\003\000\004'; } >bad.u16
{ printf '\001\000\000\000\002\000\000\000\000\000\001\000'; } >wide.u32
refuse "odd.u16: 511 bytes are no whole number of ids of 2 bytes" \
	"$dir" --tokens odd.u16 -o side
cp short.u16 short.u32
refuse "short.u32: 510 bytes are no whole number of ids of 4 bytes" \
	"$dir" --tokens short.u32 -o side
refuse "short.u16: 255 tokens are less than one sequence of 256" \
	"$dir" --tokens short.u16 -o side
refuse "empty.u16: 0 tokens are less than one sequence of 2" \
	"$dir" --tokens empty.u16 -c 2 -o side
refuse "bad.u16: token 21 is id 1,024, and the model knows 1,024 ids" \
	"$dir" --tokens bad.u16 -c 2 -o side
refuse "wide.u32: token 2 is id 65,536, and the model knows 1,024 ids" \
	"$dir" --tokens wide.u32 -c 3 -o side
printf 'In the' >few.txt
refuse "few.txt: " "$dir" --text few.txt -o side
says " tokens are less than one sequence of 256"
mkdir bare
cp "$dir/config.json" bare
refuse "bare/tokenizer.json: No such file" bare --text few.txt -o side
refuse "bare: has neither model.safetensors nor" bare --tokens "$ids" -o side
# What is not asked for is not looked at.
status 0 hvqz_sense "$dir" --tokens bad.u16 -c 2 -n 10 --dry-run >out

# ---- the plan ----

status 0 hvqz_sense "$dir" --tokens "$ids" --dry-run -T3 >out
silent
grep -q "^$dir: 32,768 tokens (128 x 256), 43 weights, 3 threads, planned " \
	out || fail "--dry-run shows no plan"
status 0 hvqz_sense "$dir" --tokens "$ids" -c 100 --dry-run >out
grep -q ': 32,700 tokens (327 x 100), ' out || fail "not 32768 tokens or less"
status 0 hvqz_sense "$dir" --tokens short.u16 -c 100 --dry-run -o none >out
grep -q ': 200 tokens (2 x 100), ' out || fail "not all of a short text"
absent none
status 2 hvqz_sense "$dir" --tokens short.u16 -c 100 -n 3 --dry-run >out
says "hvqz-sense: short.u16: 2 sequences of 100 tokens is all there are, not 3"
grep -q ': 200 tokens (2 x 100), ' out || fail "not what there is"
refuse "$dir: needs " "$dir" --tokens "$ids" -M 1K -o side
says "the limit is 1.0 KiB; use fewer threads (-T), --block or --diag"
status 1 env HVQZ_MEMLIMIT=1K "$HVQZ-sense" "$dir" --tokens "$ids" -o side
says "the limit is 1.0 KiB; use fewer threads (-T), --block or --diag"
absent side

# ---- the sidecar ----

# sense NAME OPTION...: a quick one.
sense() {
	name=$1
	shift
	status 0 hvqz_sense "$dir" --tokens "$ids" -n 8 -c 64 -o "$name" "$@"
}
sense full
silent
no_traces
[ "$(stat -c %a full)" -eq 640 ] || fail "the mode is not what umask says"

# It says what it was made from; hvqz takes it and knows the loss.
grep -qaF '"eval.u16, first 8 sequences of 64 tokens"' full ||
	fail "the sidecar does not say what it was made from"
status 0 hvqz --sidecar full -c "$MODEL" >full.hvqz
silent
hvqz -l --json full.hvqz | grep -q '"kl_estimate":[0-9]' ||
	fail "no loss is known with the sidecar"
status 0 hvqz --kl 0.01 --sidecar full -c "$MODEL" >kl.hvqz

# Other kinds are other sidecars, and hvqz takes them.
sense diag --diag
sense plain --draws 0
sense block --block 32
sense seed --seed 1
[ "$(wc -c <diag)" -lt "$(wc -c <block)" ] || fail "--diag is not the smallest"
[ "$(wc -c <plain)" -lt "$(wc -c <full)" ] || fail "--draws 0 is no smaller"
cmp -s full seed && fail "--seed changed nothing"
cmp -s full block && fail "--block changed nothing"
for s in diag plain block seed; do
	status 0 hvqz --sidecar $s -c "$MODEL" >$s.hvqz
	silent
done
grep -qa row_sens plain && fail "--draws 0 has row sensitivities"

# The same for any -T, by a pipe, from text, from packed weights.
sense full1 -T1
same full full1
sense full3 -T3
same full full3
status 0 hvqz_sense -n 8 -c 64 "$dir" --tokens "$ids" -o - >piped
same full piped
mkdir packed
cp "$dir/config.json" "$dir/tokenizer.json" packed
status 0 hvqz --lossless -o packed/model.safetensors.hvqz "$MODEL"
status 0 hvqz_sense packed --tokens "$ids" -n 8 -c 64 -o packed/side
same full packed/side
i=0
while [ $i -lt 60 ]; do
	echo "In the beginning God created the heaven and the earth."
	i=$((i + 1))
done >text.txt
status 0 hvqz_sense -c 64 -n 4 "$dir" --text text.txt -o by_name
hvqz_sense -c 64 -n 4 "$dir" --text - -o by_pipe <text.txt ||
	fail "a text on standard input"
[ "$(wc -c <by_name)" -eq "$(wc -c <by_pipe)" ] || fail "not the same text"
grep -qaF '"text.txt, first 4 sequences of 64 tokens"' by_name ||
	fail "the text has no name"

# -v and progress.
sense full -f -vv --progress plain
says ": 512 tokens (8 x 64), 43 weights, "
says ": 512 tokens, nll "
says " GFLOP/s"

# ---- files ----

echo old >side
status 1 hvqz_sense "$dir" --tokens "$ids" -n 1 -c 8 -o side
says "hvqz-sense: side exists already; -f replaces it"
status 1 hvqz_sense "$dir" --tokens "$ids" -n 1 -c 8 -f -o bare
says "hvqz-sense: bare is a directory; -o wants a file"
status 1 hvqz_sense "$dir" --tokens "$ids" -n 1 -c 8 -o nosuch/x
says "cannot write nosuch/x: No such file"
status 1 hvqz_sense bare --tokens "$ids" -n 1 -c 8 -f -o side
[ "$(cat side)" = old ] || fail "the old sidecar is gone"
no_traces
status 0 hvqz_sense "$dir" --tokens "$ids" -n 8 -c 64 -f --no-sync -o side
same side full
if [ -c /dev/full ]; then
	status 1 hvqz_sense "$dir" --tokens "$ids" -n 1 -c 8 -o - >/dev/full
	says "No space left on device"
fi

# A signal amid the work: no sidecar, an old one as it was.
echo old >side
"$HVQZ-sense" "$dir" --tokens "$ids" --draws 1000 -f -o side 2>err &
pid=$!
sleep 1
kill -0 $pid || fail "it ended by itself"
kill -USR1 $pid
sleep 0.6
grep -q "^hvqz-sense: $dir: .*tokens" err || fail "SIGUSR1 shows nothing"
kill -TERM $pid
wait $pid 2>/dev/null
got=$?
[ $got -eq 143 ] || fail "status $got after SIGTERM"
[ "$(cat side)" = old ] || fail "the old sidecar was touched"
no_traces
