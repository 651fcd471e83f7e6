#!/bin/sh
# disk.sh - disks that are full, folders that cannot be written to, inputs that
# change while they are read. The first two on a file system of our own, where
# one can be mounted.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
status 0 hvqz --lossless -o good.hvqz m.safetensors

# alone: only old is in the folder small, as it was.
alone() {
	[ "$(ls -A small)" = old ] || fail "more than the old file is left"
	[ "$(cat small/old)" = old ] || fail "the old target was touched"
}

# truncated N: the input loses its end while it is read.
truncated() {
	cp "$2" moving
	mkfifo slow
	"$HVQZ" "$1" -T1 -fo slow moving 2>err &
	pid=$!
	{ sleep 0.3; truncate -s 300000 moving; cat; } <slow >/dev/null
	wait $pid 2>/dev/null
	[ $? -eq 1 ] || fail "$1: the input was cut, and the status is not 1"
	grep -q 'moving: .*\(truncated\|changed\)' err ||
		fail "$1: no word of the cut"
	rm slow
}
truncated --lossless m.safetensors
truncated -d good.hvqz

mkdir small
if ! mount -t tmpfs -o size=1m,mode=755 none small 2>/dev/null; then
	echo "no file system can be mounted here"
	exit 0
fi
trap 'cd /; umount "$tmp/small"; rm -rf "$tmp"' EXIT
echo old >small/old
status 1 hvqz -d -o small/new good.hvqz
says "cannot write small/new: No space left on device"
alone
status 1 hvqz -d -fo small/old good.hvqz
says "No space left on device"
alone
status 1 hvqz --lossless -fo small/old m.safetensors
says "No space left on device"
alone
status 1 hvqz -dc good.hvqz >small/out
says "cannot write (stdout): No space left on device"
rm small/out
# A small thing still fits.
status 0 hvqz -x 'model.norm*' -o small/norm good.hvqz
rm small/norm

mount -o remount,ro small || exit 0
status 1 hvqz -d -o small/new good.hvqz
says "cannot write small/new: Read-only file system"
status 1 hvqz -d -fo small/old good.hvqz
says "Read-only file system"
alone
status 1 hvqz -d --keep-going -o small/new good.hvqz
says "Read-only file system"
# What is there can be read.
mount -o remount,rw small && cp good.hvqz m.hvqz || exit 0
head -c 900000 good.hvqz >small/cut.hvqz
mount -o remount,ro small || exit 0
status 1 hvqz -t small/cut.hvqz
says "truncated"
status 1 hvqz -d small/cut.hvqz
says "Read-only file system"

# A scratch file that cannot be made is no matter until it is needed.
status 0 env TMPDIR="$tmp/small" "$HVQZ" -dc good.hvqz >back
same back m.safetensors
