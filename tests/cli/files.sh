#!/bin/sh
# files.sh - files: names, attributes, refusals, nothing half-written.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
chmod 640 m.safetensors
touch -d '2001-02-03 04:05:06' m.safetensors

# Beside the source, with its mode and time; the source stays.
status 0 hvqz --lossless m.safetensors
silent
present m.safetensors
before=$(stat -c '%a %Y' m.safetensors)
after=$(stat -c '%a %Y' m.safetensors.hvqz)
[ "$before" = "$after" ] || fail "mode or time not kept: $before, $after"
no_traces

# What exists is not replaced without -f.
cp m.safetensors.hvqz good
status 1 hvqz m.safetensors
says "exists already"
same good m.safetensors.hvqz
echo old >m.safetensors.hvqz
status 0 hvqz -f --lossless m.safetensors
same good m.safetensors.hvqz
echo old >target
status 1 hvqz -d -o target good
status 0 hvqz -d -f -o target good
same target "$MODEL"

# With -f, what a link points to is replaced, not the link.
mkdir sub
echo old >sub/real
ln -s sub/real link
status 0 hvqz -df -o link good
[ -L link ] || fail "the link was replaced"
same sub/real "$MODEL"
ln -s nowhere dangling
status 1 hvqz -df -o dangling good
says "leads nowhere"
no_traces

# --rm, and when it must not.
rm m.safetensors
status 0 hvqz -d --rm m.safetensors.hvqz
absent m.safetensors.hvqz
same m.safetensors "$MODEL"
head -c 5000 good >cut.hvqz
status 1 hvqz -d --rm cut.hvqz
says "truncated"
present cut.hvqz
absent cut
status 0 hvqz --rm -k --lossless m.safetensors
present m.safetensors
cp m.safetensors n.safetensors
ln -s n.safetensors n.link
status 2 hvqz --rm --lossless n.link
says "symbolic link"
present n.safetensors
[ -L n.link ] || fail "the link was removed"

# The output is the input.
status 1 hvqz -f -o m.safetensors m.safetensors
says "is the input"
ln m.safetensors hard
status 1 hvqz -f -o hard m.safetensors
says "is the input"
# shellcheck disable=SC2094 # that is the mistake
status 1 hvqz <m.safetensors >>m.safetensors
says "is the input"
same m.safetensors "$MODEL"

# Suffixes.
status 0 hvqz --lossless -S .hz m.safetensors
same m.safetensors.hz good
cp good m.copy.hz
status 2 hvqz -d m.copy.hz
says "skipped"
status 0 hvqz -d -S .hz m.copy.hz
same m.copy "$MODEL"
cp good sub/.hvqz
status 2 hvqz -d sub/.hvqz

# Content decides, and says what it is instead.
status 1 hvqz good
says "already a .hvqz file"
status 1 hvqz -dc m.safetensors
says "not a .hvqz file: it is a safetensors model"
: >empty.hvqz
status 1 hvqz -d empty.hvqz
says "empty"
absent empty
printf 'version https://git-lfs.github.com/spec/v1\n' >lfs.safetensors
status 1 hvqz lfs.safetensors
says "git-LFS"
printf '<!DOCTYPE html><html></html>\n' >page.safetensors
status 1 hvqz page.safetensors
says "HTML"
status 1 hvqz -dc page.safetensors
says "HTML"
absent page.safetensors.hvqz

status 1 hvqz -dc /dev/zero
says "not a .hvqz file: this is nothing but zeros"
tail -c 1000 "$MODEL" >bytes
status 1 hvqz -t bytes
says "not a .hvqz file: its first bytes are not those of one"
status 1 hvqz ''
says "hvqz: '': a file's name cannot be empty"

# Directories, missing files, an error amid others.
status 1 hvqz sub
says "no model in it"
status 1 hvqz -t sub
says "is a directory"
status 1 hvqz -d -f -o sub good
says "is a directory"
status 1 hvqz -d -o nosuch/x good
says "cannot write nosuch/x: No such file"
cp good one.hvqz
cp good two.hvqz
status 1 hvqz -d one.hvqz missing.hvqz two.hvqz
says "missing.hvqz: No such file"
same one "$MODEL"
same two "$MODEL"

# Pipes and devices as -o; a FIFO as input.
status 0 hvqz -d -o /dev/null good
[ -c /dev/null ] || fail "/dev/null is no device any more"
mkfifo fifo
cat fifo >through &
status 0 hvqz -d -o fifo good
wait
same through "$MODEL"
cat good >fifo &
status 1 hvqz -d fifo
says "not a regular file"
wait
cat good >fifo &
status 0 hvqz -dc fifo >through
wait
same through "$MODEL"

# Names with control characters are masked.
cp good "$(printf 'evil\033[2J\n.hvqz')"
chmod 000 good 2>/dev/null
status 1 hvqz -t "$(printf 'no\033[2Jne\177')"
says "no?[2Jne?: No such file"
no_traces
