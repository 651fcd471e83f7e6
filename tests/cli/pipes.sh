#!/bin/sh
# pipes.sh - there and back again, by pipe and by file, for any -T.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors

# Lossless: byte for byte, whichever way.
status 0 hvqz --lossless -T1 <"$MODEL" >t1
status 0 hvqz --lossless -T2 <"$MODEL" >t2
same t1 t2
# shellcheck disable=SC2002 # a pipe is the point
cat "$MODEL" | hvqz --lossless >piped || fail "encoding from a pipe"
same t1 piped
status 0 hvqz --lossless m.safetensors
same t1 m.safetensors.hvqz
[ "$(wc -c <t1)" -lt "$(wc -c <"$MODEL")" ] || fail "no smaller than before"
# shellcheck disable=SC2002
cat t1 | hvqz -d -T1 | cat >back || fail "decoding from a pipe"
same back "$MODEL"
status 0 hvqz -d -T4 -o back2 t1
same back2 "$MODEL"
status 0 hvqz -t t1 m.safetensors.hvqz
silent
# shellcheck disable=SC2002
cat t1 | hvqz -t || fail "testing a pipe"

# A descriptor that stands in the middle of a file.
{ echo skipped; cat t1; } >prefixed
{ read -r line && [ "$line" = skipped ] && hvqz -d >back3; } <prefixed ||
	fail "decoding from where the descriptor stands"
same back3 "$MODEL"

# Lossy: the same bytes for any -T, a table like the original's.
for how in "--preset mid --centroids 64 -1" "--faithful --centroids 64 -1" \
	"--preset high --centroids 32 --outliers 1% -1"; do
	# shellcheck disable=SC2086 # words are wanted
	status 0 hvqz $how -T1 --chunk 64K -c m.safetensors >l1
	# shellcheck disable=SC2086
	status 0 hvqz $how -T3 --chunk 64K --no-verify <m.safetensors >l3
	same l1 l3
	status 0 hvqz -t l1
	status 0 hvqz -d <l1 >lossy
	[ "$(wc -c <lossy)" -eq "$(wc -c <"$MODEL")" ] ||
		fail "$how: restored to another size"
	cmp -s lossy "$MODEL" && fail "$how lost nothing"
done

# A sidecar and rules change the result, and rules must match.
status 0 hvqz -1 --centroids 64 -c m.safetensors >plain
status 0 hvqz -1 --centroids 64 --sidecar "$SIDECAR" -c m.safetensors >helped
cmp -s plain helped && fail "the sidecar changed nothing"
status 0 hvqz -1 --centroids 64 --sidecar "$SIDECAR" \
	--sidecar "$SIDECAR" -c m.safetensors >twice
status 0 hvqz -d -o once.out helped
status 0 hvqz -d -o twice.out twice
same once.out twice.out
status 0 hvqz --tensor '*=lossless' -d -z -c m.safetensors >rules
status 0 hvqz -d <rules >back
same back "$MODEL"
status 1 hvqz --tensor 'nothing*=lossless' -c m.safetensors
says "'nothing*=lossless'"
# Full Hessians are read again, which a pipe cannot do.
full=$DATA/kjv-1m/sidecar/full.safetensors
status 0 hvqz -1 --centroids 64 --sidecar "$full" -c m.safetensors >from_file
silent
# shellcheck disable=SC2002 # a pipe is the point
cat "$full" | status 2 hvqz -1 --centroids 64 --sidecar - -c m.safetensors \
	>from_pipe || exit
says "cannot be read again, so of its 43 full Hessians only the diagonals"

status 1 hvqz --sidecar nowhere -c m.safetensors
says "nowhere: No such file"

# Into other types.
status 0 hvqz -d --dtype f32 <plain >wide
[ "$(wc -c <wide)" -gt "$(wc -c <"$MODEL")" ] || fail "f32 is not wider"
status 0 hvqz -d --dtype source --to safetensors <plain >narrow
status 0 hvqz -d <plain >narrow2
same narrow narrow2
# F16 ends at 65,504: what is beyond becomes that, and it is said.
{
	printf '@\0\0\0\0\0\0\0%s' \
	    '{"big":{"dtype":"BF16","shape":[64,64],"data_offsets":[0,8192]}}'
	printf '\164\111\164\111\164\311'
	# shellcheck disable=SC2046 # so often
	printf '\0\077%.0s' $(seq 4093)
} >big
status 2 hvqz --to safetensors --dtype f16 <big >small
says "3 of the weights became the largest number of F16"
[ "$(tail -c 8192 small | od -An -N6 -tx2 | tr -d ' ')" = 7bff7bfffbff ] ||
	fail "1e6 is not 65,504 in F16"
status 0 hvqz --to safetensors --dtype f32 <big >large
silent
status 0 hvqz --bits 8 <big >big.hvqz
status 2 hvqz -d --dtype f16 <big.hvqz >small2
says "became the largest number of F16"
status 2 hvqz -x big --dtype f16 big.hvqz >small2
says "became the largest number of F16"
status 0 hvqz -x big --rows 1:64 --dtype f16 big.hvqz >small2
silent
status 0 hvqz -d <big.hvqz >large
silent

# NaN and infinity: kept exactly, with a warning that makes the status 2.
status 0 hvqz --lossless -o exact "$MODEL"
head -c 8000 "$MODEL" >nan
printf '\377\177\0\174' >>nan
tail -c +8005 "$MODEL" >>nan
status 2 hvqz -1 --centroids 64 -c nan >nan.hvqz
says "hvqz: nan: tensor 'model.embed_tokens.weight': rows 0 to "
says " hold NaN or infinity and are kept exactly"
status 0 hvqz -Q -1 --centroids 64 -c nan >nan2.hvqz
same nan.hvqz nan2.hvqz
status 2 hvqz -q -1 --centroids 64 -c nan >nan2.hvqz
silent
status 0 hvqz -x model.embed_tokens.weight -o nan.a nan.hvqz
status 0 hvqz --lossless -o nan.exact nan
silent
status 0 hvqz -x model.embed_tokens.weight -o nan.b nan.exact
same nan.a nan.b

# A plan only.
status 0 hvqz -n m.safetensors m.safetensors >plan
grep -q '^m.safetensors: 2,630,704 -> about .* planned memory' plan ||
	fail "-n shows no plan"
[ "$(wc -l <plan)" -eq 2 ] || fail "-n does not print a line a file"

# -v: what became of it.
status 0 hvqz -v -f -1 --centroids 64 m.safetensors
says "bpp"
says " dB"
status 0 hvqz -vv -f -1 --centroids 64 m.safetensors
says "planned memory"
