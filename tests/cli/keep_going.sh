#!/bin/sh
# keep_going.sh - --keep-going: what is not damaged comes back, zeros for the
# rest, every damaged row named, status 1.
. "$(dirname "$0")/common.inc"

status 0 hvqz --lossless --chunk 64K -c "$MODEL" >good.hvqz
size=$(wc -c <good.hvqz)
raw=$(wc -c <"$MODEL")

# overwrite FILE OFFSET N: N bytes become others.
overwrite() {
	dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null |
		tr '\000-\377' '\001-\377\000' >burst
	dd if=burst of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# differs FILE: bytes of FILE that are not the model's, and are not 0.
differs() {
	cmp -l "$1" "$MODEL" | awk '$2 != 0' | wc -l
}

# Nothing damaged: nothing said.
status 0 hvqz -d --keep-going -o out good.hvqz
silent
same out "$MODEL"
rm out

# Two places of it, by file and by pipe.
cp good.hvqz bad.hvqz
overwrite bad.hvqz $((size / 4)) 30
overwrite bad.hvqz $((size * 3 / 4)) 30
status 1 hvqz -d bad.hvqz
absent bad
status 1 hvqz -d --keep-going bad.hvqz
[ "$(grep -c "tensor '.*': rows [0-9]* to [0-9]*: " err)" -eq 2 ] ||
	fail "not two chunks named"
says "2 of "
says "chunks are damaged; their rows are written as zeros"
[ "$(wc -c <bad)" -eq "$raw" ] || fail "not the model's size"
[ "$(differs bad)" -eq 0 ] || fail "more than zeros differ"
cmp -s bad "$MODEL" && fail "nothing differs"
hvqz -dc --keep-going -T3 <bad.hvqz >piped 2>err && fail "a pipe: status 0"
same piped bad
no_traces

# The source of a damaged file is not removed, an old target only with -f.
status 1 hvqz -d --keep-going bad.hvqz
says "exists already"
status 1 hvqz -df --rm --keep-going bad.hvqz
present bad.hvqz

# The head of a chunk: only that chunk is lost. The first head comes right
# after the header, whose packed length is at offset 24.
first=$((64 + $(od -An -tu8 -j24 -N8 good.hvqz | tr -d ' ')))
cp good.hvqz bad.hvqz
overwrite bad.hvqz "$first" 64
status 1 hvqz -df --keep-going bad.hvqz
[ "$(grep -c "are lost: " err)" -eq 1 ] || fail "not one loss named"
says "1 of "
[ "$(differs bad)" -eq 0 ] || fail "more than zeros differ"
status 1 hvqz -t bad.hvqz
[ "$(grep -c "are lost: " err)" -eq 1 ] || fail "-t: not one loss named"

# Cut off: what came before is there, and all of the rest is named.
for cut in $((size / 2)) $((first + 100)) $((first + 30)) "$first"; do
	head -c "$cut" good.hvqz >short.hvqz
	status 1 hvqz -df --keep-going short.hvqz
	says "are lost: truncated"
	says "their rows are written as zeros"
	[ "$(wc -c <short)" -eq "$raw" ] || fail "cut at $cut: wrong size"
	[ "$(differs short)" -eq 0 ] || fail "cut at $cut: more than zeros differ"
	hvqz -d --keep-going <short.hvqz >piped 2>err &&
		fail "cut at $cut: status 0 by pipe"
	same piped short
done
head -c "$first" good.hvqz | hvqz -d --keep-going 2>err | tail -c +9 |
	tr -d '\000' | grep -q . || fail "no header of the model"

# Only the tail: all is there, and it is still an error.
head -c $((size - 10)) good.hvqz >short.hvqz
status 1 hvqz -df --keep-going short.hvqz
says "truncated"
same short "$MODEL"

# The header: nothing can be done.
head -c $((first - 1)) good.hvqz >short.hvqz
rm short
status 1 hvqz -d --keep-going short.hvqz
says "truncated"
absent short

# Extraction, with the index and without it.
cp good.hvqz bad.hvqz
overwrite bad.hvqz $((size / 4)) 30
name=$(hvqz -t bad.hvqz 2>&1 | sed -n "s/.*tensor '\(.*\)': rows.*/\1/p")
[ -n "$name" ] || fail "-t names no tensor"
status 1 hvqz -x "$name" -o x bad.hvqz
absent x
status 1 hvqz -x "$name" --keep-going -o x bad.hvqz
says "tensor '$name': rows "
says "written as zeros"
hvqz -x "$name" --keep-going <bad.hvqz >piped 2>err && fail "-x: status 0"
same x piped
status 0 hvqz -x 'model.norm*' --keep-going -o norm bad.hvqz
silent
head -c $((size - 10)) good.hvqz >short.hvqz
status 1 hvqz -x 'model.norm*' -o norm2 short.hvqz
absent norm2
status 1 hvqz -x 'model.norm*' --keep-going -o norm2 short.hvqz
same norm norm2

# Other dtypes: as many zeros as the rows there need.
status 0 hvqz --quality 3 --chunk 64K -c "$MODEL" >lossy.hvqz
overwrite lossy.hvqz $(($(wc -c <lossy.hvqz) / 2)) 5
status 1 hvqz -d --keep-going --dtype f32 -o wide lossy.hvqz
says "1 of "
status 0 hvqz -l wide >list

status 1 hvqz --keep-going "$MODEL"
says "--keep-going has no meaning with -z"
