#!/bin/sh
# options.sh - the command line itself: help, refusals, names, environment.
. "$(dirname "$0")/common.inc"

status 0 hvqz -h >out
grep -q '^Usage: hvqz' out || fail "-h prints no usage"
status 0 hvqz -H >long
[ "$(wc -l <long)" -gt "$(wc -l <out)" ] || fail "-H is not longer than -h"
status 0 hvqz --version >out
grep -q '^hvqz ' out || fail "-V prints no version"

[ -z "$(awk 'length($0) > 80' long)" ] || fail "-H is wider than 80 columns"

# Every option of the table is in the long help.
for o in encode decode test list extract json rows dtype to dry-run preset \
	quality bpp kl body faithful lossless centroids block bits group outliers \
	sidecar tensor chunk \
	verify no-verify output stdout suffix keep rm force no-sync threads \
	memory verbose quiet no-warn progress help long-help version; do
	grep -q -e "--$o" long || fail "-H does not know --$o"
done

cp "$MODEL" m.safetensors
refuse() {
	why=$1
	shift
	status 1 hvqz "$@" m.safetensors >out
	says "$why"
	[ ! -s out ] || fail "'$*' wrote something"
	absent m.safetensors.hvqz
}
refuse "unknown option '--qualify'" --qualify 3
refuse "unknown option '--bbp=3'" --bbp=3
refuse "ambiguous option '--no'" --no
refuse "ambiguous option '--c=3'" --c=3
refuse "unknown option '-y'" -y
refuse "unknown option '-y'" -ky
refuse "--keep takes no argument" --keep=now
refuse "--centroids: '1'" --centroids 1
refuse "--centroids: '0x10'" --centroids 0x10
refuse "--centroids: '16385' is not a number from 2 to 16384" \
	--centroids 16385
refuse "--block: '3'" --block 3
refuse "--body: 'int4' is not trellis, kmeans or rtn" --body int4
refuse "--bits: '1' is not a number from 2 to 8" --bits 1
refuse "--bits: '9'" --bits 9
refuse "--bits: '4.5'" --bits 4.5
refuse "--group: '-1'" --group -1
refuse "--group: '1048577' is not a number from 0 to 1048576" --group 1048577
refuse "--outliers: '0.6'" --outliers 0.6
refuse "--outliers: 'nan'" --outliers nan
refuse "--outliers: ' 0.1'" --outliers ' 0.1'
refuse "--preset: 'low'" --preset low
refuse "--chunk: '1'" --chunk 1
refuse "--chunk: '4X'" --chunk 4X
refuse "--tensor" --tensor nonsense
refuse "--tensor: 'bits=9': bits are a whole number" --tensor '*=bits=9'
refuse "--tensor: 'group=x': a group is" --tensor '*=rtn,group=x'
refuse "kmeans, mid, high, faithful, k=N, b=N, rho=X, rtn, bits=N, group=N, condition=C and alpha=A" \
	--tensor '*=int4'
refuse "-T: '-1'" -T -1
refuse "-T: '2x'" -T2x
refuse "-M: '99999999999999999999'" -M 99999999999999999999
refuse "-M: '99999999T'" -M 99999999T
refuse "--progress: 'much'" --progress much
refuse "-S: 'hvqz'" -S hvqz
refuse "-S: '.a/b'" -S .a/b
refuse "--dtype: 'f8'" -d --dtype f8
refuse "--to: 'nonesuch'" -d --to nonesuch
refuse "-z makes a .hvqz" -z --to gguf
refuse "--to hvqz has no meaning with -d" -d --to hvqz
refuse "-x writes safetensors only" -x '*' --to gguf
refuse "has no meaning with --to" --to gguf --bpp 4
refuse "--rows: '3:3'" -x '*' --rows 3:3
refuse "--rows: '3'" -x '*' --rows 3
refuse "--rows has no meaning with -z" --rows 1:2
refuse "--sidecar has no meaning with -d" -d --sidecar x
refuse "--json has no meaning with -t" -t --json
refuse "--extract has no meaning with -d" -x '*norm*' -d
refuse "--extract has no meaning with -t" -x '*norm*' -t
refuse "--to has no meaning with -t" -t --to gguf
refuse "--to has no meaning with -l" -l --to gguf
status 1 hvqz --rm <m.safetensors >out
says "--rm is for an output beside its source, not for standard input"
refuse "--rm is for an output beside its source, not for standard input" \
	--rm -
refuse "--rm has no meaning with -t" -t --rm
refuse "--rm has no meaning with -l" -l --rm
refuse "--rm" --rm -c
refuse "--rm" --rm -o x
refuse "--rm waits until the result is on disk" --rm --no-sync
refuse "--rm and --to safetensors exclude each other: what that format cannot" \
	--rm --to safetensors
refuse "--rm and --to gguf exclude each other" -d --to gguf --rm
refuse "--lossless and --preset exclude each other" --lossless --preset mid
refuse "--lossless and --bpp exclude each other" --lossless --bpp 4
refuse "--bpp is for the trellis; --preset chooses" --bpp 4 --preset mid
refuse "--bpp is for the trellis; --body chooses the rtn body" \
	--bpp 4 --body rtn
refuse "--kl is for the trellis; --bits chooses the rtn body" --kl 1 --bits 4
refuse "--quality is for the trellis; --body chooses the k-means body" \
	--body kmeans --quality 3
refuse "--preset is for the k-means body; --body chooses the trellis" \
	--body trellis --preset mid
refuse "--bits is for the rtn body; --body chooses the trellis" \
	--bits 3 --body rtn --body trellis
refuse "--group is for the rtn body; --body chooses the k-means body" \
	--body kmeans --group 32
for o in --faithful "--centroids 64" "--block 2" "--preset high"; do
	# shellcheck disable=SC2086 # words are wanted
	refuse "${o%% *} is for the k-means body; --body chooses the rtn body" \
		--body rtn $o
done
refuse "--bits is for the rtn body; --block chooses the k-means body" \
	--bits 3 --block 4
refuse "--bits is for the rtn body; --block chooses the k-means body" \
	--bits 3 --block 4 --tensor '*=trellis'
refuse "--outliers has no meaning with the rtn body" --outliers 0.01 --bits 3
refuse "--body has no meaning with -d" -d --body rtn
refuse "--bits has no meaning with -t" -t --bits 3
refuse "--lossless and --body exclude each other" --lossless --body trellis
refuse "--lossless and --bits exclude each other" --lossless --bits 3
refuse "--lossless and --group exclude each other" --lossless --group 3
refuse "--quality, --bpp and --kl exclude each other" --kl 0.1 --bpp 4
refuse "--bpp: '17' is not a number from 0.1 to 16" --bpp 17
refuse "--kl: 'x' is not a number" --kl x
refuse "--quality: '21' is not a number from 0 to 20" --quality 21
refuse "--lossless and --faithful" --faithful --lossless
refuse "--lossless and --centroids" --centroids 64 --lossless
refuse "standard input can be read once, and is wanted 2 times" - -n -
refuse "standard input can be read once" --sidecar - -
refuse "-c and -o" -c -o x
refuse "two outputs" -o x -o y
refuse "2 files" -c m.safetensors
refuse "2 files" -o x m.safetensors
status 1 hvqz -qq --bogus
silent
status 1 hvqz -q --bogus
says "unknown option"
status 1 hvqz -qq -c -o x m.safetensors
silent
status 1 hvqz -qqv --bogus
says "unknown option"
status 1 hvqz_eval -qq --bogus
silent
status 1 hvqz --sidecar
says "--sidecar needs an argument"
status 1 hvqz -o
says "needs an argument"

# What scripts give whatever the mode; tar -I 'hvqz -9' adds a -d.
status 0 hvqz -9kf --no-sync -S .x --lossless m.safetensors
status 0 hvqz -9ckf --no-sync -S .x -d m.safetensors.x >back
same back "$MODEL"
status 0 hvqz -9ckft --no-sync -S .x m.safetensors.x
silent
status 0 hvqz -9ckfl --no-sync -S .x m.safetensors.x >list
status 0 hvqz -9ckf --no-sync -S .x -x '*norm*' m.safetensors.x >norm
rm m.safetensors.x

# The environment: nonsense is named, sense changes no byte.
status 1 env HVQZ_THREADS=many "$HVQZ" m.safetensors
says "HVQZ_THREADS is 'many'"
status 1 env HVQZ_MEMLIMIT=-1 "$HVQZ" m.safetensors
says "HVQZ_MEMLIMIT is '-1'"
status 0 hvqz --lossless -T1 -c m.safetensors >a
status 0 env HVQZ_THREADS=3 HVQZ_MEMLIMIT=64G "$HVQZ" --lossless -c \
	m.safetensors >b
same a b

# The memory limit: known before a byte is written, whatever comes in how.
# Fewer threads have been tried by then.
limit="MiB with chunks of any size, the limit is 1.0 MiB"
status 1 env HVQZ_MEMLIMIT=1M "$HVQZ" --lossless -T2 m.safetensors
says "needs more than 7"
says "$limit"
absent m.safetensors.hvqz
status 1 hvqz -M1M -T2 <m.safetensors >out
says "hvqz: (stdin): needs "
says "$limit"
[ ! -s out ] || fail "output in spite of the memory limit"
for mode in -d "-x *" -t "-d --dtype f32"; do
	# shellcheck disable=SC2086 # words are wanted
	set -f
	# shellcheck disable=SC2086
	status 1 hvqz $mode -M1M -T2 <a >out
	set +f
	says "$limit"
	[ ! -s out ] || fail "output in spite of the memory limit"
done
status 1 hvqz -M1 -T1 -d -c a
says "MiB with chunks of any size, the limit is 1 byte"
status 1 hvqz -M1 -T1 m.safetensors
says "MiB with chunks of any size, the limit is 1 byte"
status 1 hvqz -M7300K -T1 -d <a
says "the limit is 7.1 MiB; use smaller chunks when encoding (--chunk)"
status 1 hvqz -n -M1M -T2 m.safetensors
says "$limit"
# With less memory there are fewer threads, and then smaller chunks: the same
# for any -T, and the environment's limit leaves chunks as they are.
status 0 hvqz -M9M -T2 -vv --lossless -c m.safetensors >b
says " 1 thread,"
same a b
status 0 hvqz -M8200K -T2 -vv --lossless -c m.safetensors >b
says " 1 thread,"
status 0 hvqz -M8200K -T1 -vv --lossless -c m.safetensors >out
same b out
cmp -s a b && fail "less memory makes no smaller chunks"
status 0 hvqz -d -c b >out
same out "$MODEL"
status 1 env HVQZ_MEMLIMIT=8200K "$HVQZ" --lossless -c m.safetensors >out
says "the limit is 8.0 MiB; use smaller chunks (--chunk)"
status 1 hvqz -M8200K --chunk 4M --lossless -c m.safetensors >out
says "the limit is 8.0 MiB; use smaller chunks (--chunk)"
status 0 hvqz -d -M8M -T4 -vv -c a >out
says " 1 thread,"
same out "$MODEL"
status 0 hvqz -M64G -l a >out
status 0 env HVQZ_MEMLIMIT=1M "$HVQZ" -M0 -d <a >out
same out "$MODEL"
status 0 env HVQZ_MEMLIMIT=0 "$HVQZ" -d <a >out

# The last mode wins; joined short options; options behind files; "--".
status 0 hvqz -d -z --lossless -kfT2 m.safetensors
same a m.safetensors.hvqz
status 0 hvqz m.safetensors.hvqz -dc >out
same out "$MODEL"
cp m.safetensors ./-odd.safetensors
status 0 hvqz --lossless -- -odd.safetensors
present ./-odd.safetensors.hvqz

# The other names.
ln -s "$HVQZ" unhvqz
ln -s "$HVQZ" hvqzcat
status 0 ./hvqzcat m.safetensors.hvqz >out
same out "$MODEL"
status 0 ./hvqzcat -o cat.out m.safetensors.hvqz
same cat.out "$MODEL"
status 1 ./hvqzcat -c -o cat.out m.safetensors.hvqz
says "-c and -o"
status 0 hvqz -d -o - m.safetensors.hvqz >out
same out "$MODEL"
absent ./-
rm m.safetensors
status 0 ./unhvqz m.safetensors.hvqz
same m.safetensors "$MODEL"

# Quiet and -Q: messages go, the status stays or not.
cp m.safetensors.hvqz odd.name
status 2 hvqz -d odd.name
says "skipped"
status 2 hvqz -qd odd.name
silent
status 0 hvqz -Qd odd.name
says "skipped"
status 1 hvqz -qqd nowhere.hvqz
silent
status 1 hvqz -Qd odd.name nowhere.hvqz
says "nowhere.hvqz: No such file"

# What encoding does anyway may be said, and all of the source is in it.
status 0 hvqz --rm --to hvqz --lossless m.safetensors -f
absent m.safetensors
status 0 hvqz -dc m.safetensors.hvqz >out
same out "$MODEL"
