#!/bin/sh
# list.sh - what -l shows, for people and for programs.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
status 0 hvqz -1 --centroids 64 m.safetensors
status 0 hvqz --lossless -o exact.hvqz m.safetensors
size=$(wc -c <m.safetensors.hvqz)
raw=$(wc -c <m.safetensors)

# Plain: a head and a line a file, a total below several.
status 0 hvqz -l m.safetensors.hvqz >out
silent
[ "$(wc -l <out)" -eq 2 ] || fail "-l of one file is not two lines"
status 0 hvqz -l m.safetensors.hvqz exact.hvqz m.safetensors >out
[ "$(wc -l <out)" -eq 6 ] || fail "-l of three files is not six lines"
grep -q 'exact .*exact.hvqz' out || fail "lossless is not shown as exact"
grep -q ' 3 files$' out || fail "no total"
status 1 hvqz -l m.safetensors.hvqz nowhere >out
[ "$(wc -l <out)" -eq 2 ] || fail "the good file is not listed"

# Without an index to seek to: the same.
hvqz -l <m.safetensors.hvqz >file || fail "-l of standard input"
# shellcheck disable=SC2002 # a pipe is the point
cat m.safetensors.hvqz | hvqz -l >pipe || fail "-l of a pipe"
same file pipe

# Per tensor: aligned, nothing at line ends, bytes that add up.
status 0 hvqz -lv m.safetensors.hvqz >page
grep -q 'model.embed_tokens.weight .*F16 .*hasvq' page ||
	fail "-lv does not show the embedding"
grep -q ' $' page && fail "white space at the end of a line"
commas() {
	echo "$1" | sed -e :a -e 's/^\([0-9]*[0-9]\)\([0-9]\{3\}\)/\1,\2/;ta'
}
grep -q "tensors .*$(commas "$size") " page || fail "no total of $size bytes"
status 0 hvqz -lv exact.hvqz m.safetensors >/dev/null
silent

# JSON: one object a line.
status 0 hvqz -l --json m.safetensors.hvqz m.safetensors >json
[ "$(wc -l <json)" -eq 2 ] || fail "--json is not a line a file"
grep -q "^{\"type\":\"file\",.*\"bytes\":$size," json || fail "no size in JSON"
grep -q "\"original_bytes\":$raw," json || fail "no original size in JSON"
status 0 hvqz -lv --json m.safetensors.hvqz >json
n=$(grep -c '"type":"tensor"' json)
[ "$(wc -l <json)" -eq $((n + 1)) ] || fail "--json -v is not a line a tensor"
grep -v '^{.*}$' json && fail "a line is no object"
sum=$(sed -n '/"tensor"/s/.*"parameters":\([0-9]*\).*/\1/p' json |
	awk '{ n += $1 } END { print n }')
grep -q "\"type\":\"file\".*\"parameters\":$sum," json ||
	fail "parameters do not add up to $sum"

# Not a model at all; a full disk.
echo hello >text
status 1 hvqz -l text
says "hvqz: text: "
if [ -c /dev/full ]; then
	status 1 hvqz -lv m.safetensors.hvqz >/dev/full
	says "(stdout): cannot write"
fi
