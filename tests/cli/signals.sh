#!/bin/sh
# signals.sh - signals, broken pipes, full disks, closed descriptors.
. "$(dirname "$0")/common.inc"

cp "$MODEL" m.safetensors
status 0 hvqz --lossless -o good m.safetensors

# running PID: give it time to block in a read.
running() {
	sleep 0.5
	kill -0 "$1" || fail "it ended by itself"
}

# A signal while it waits for input: the temporary goes, it dies of it.
for sig in TERM:143 HUP:129; do
	mkfifo fifo
	sleep 60 >fifo &
	feeder=$!
	"$HVQZ" -d -T2 -o out fifo 2>err &
	pid=$!
	running $pid
	kill -"${sig%:*}" $pid
	wait $pid 2>/dev/null
	got=$?
	kill $feeder
	[ $got -eq "${sig#*:}" ] || fail "status $got after SIG${sig%:*}"
	silent
	absent out
	no_traces
	rm fifo
done

# The same amid the data, with an output begun and an old target.
mkfifo fifo
echo old >out
{ head -c 100000 m.safetensors; sleep 60; } >fifo &
feeder=$!
"$HVQZ" --lossless -f -o out fifo 2>err &
pid=$!
running $pid
found=
for f in .hvqz-*; do
	[ -e "$f" ] && found=$f
done
# It has a name only where the file system has no files without one.
if [ -n "$found" ]; then
	case $(stat -c %a "$found") in
	600) ;;
	*) fail "temporary not private" ;;
	esac
fi
kill -USR1 $pid
sleep 0.6
grep -q "hvqz: fifo: 0 bytes in, at the first chunk" err ||
	fail "SIGUSR1 shows nothing"
kill -TERM $pid
wait $pid 2>/dev/null
got=$?
kill $feeder
[ $got -eq 143 ] || fail "status $got after SIGTERM amid data"
[ "$(cat out)" = old ] || fail "the old target was touched"
no_traces
rm fifo out

# The same amid the encoding itself, slow enough to be met there: seconds.
echo old >m.safetensors.hvqz
"$HVQZ" --preset mid -T1 -f m.safetensors 2>err &
pid=$!
running $pid
kill -USR1 $pid
sleep 0.4
kill -TERM $pid
wait $pid 2>/dev/null
got=$?
[ $got -eq 143 ] || fail "status $got after SIGTERM amid encoding"
grep -q '^hvqz: m.safetensors: .* of 2.6 MB, ' err ||
	fail "SIGUSR1 shows nothing amid encoding"
grep -q ' 0 bytes of .*MB/s' err && fail "a rate before there is one"
[ "$(cat m.safetensors.hvqz)" = old ] || fail "the old target was touched"
no_traces
rm m.safetensors.hvqz

# The terminal's signal, which a shell lets background jobs ignore.
if env --default-signal=INT true 2>/dev/null; then
	env --default-signal=INT "$HVQZ" --preset mid -T1 m.safetensors 2>err &
	pid=$!
	running $pid
	kill -INT $pid
	wait $pid 2>/dev/null
	got=$?
	[ $got -eq 130 ] || fail "status $got after SIGINT"
	silent
	absent m.safetensors.hvqz
	no_traces
fi

# A reader that blocks: a signal still gets through.
mkfifo fifo
# shellcheck disable=SC2217 # not to read is the point
sleep 60 <fifo &
sleeper=$!
"$HVQZ" -dc good 2>err >fifo &
pid=$!
running $pid
kill -TERM $pid
wait $pid 2>/dev/null
got=$?
kill $sleeper
[ $got -eq 143 ] || fail "status $got after SIGTERM in a blocked write"
rm fifo

# A reader that goes: an error in errno's words.
{ hvqz -dc good 2>err; echo $? >code; } | head -c 10 >/dev/null
[ "$(cat code)" -eq 1 ] || fail "a closed pipe is no error"
says "cannot write (stdout): Broken pipe"
if [ -c /dev/full ]; then
	status 1 hvqz -dc good >/dev/full
	says "No space left on device"
fi
(
	ulimit -f 100
	status 1 hvqz -d -o out good
	says "cannot write out: File too large"
) || exit 1
absent out
no_traces

# Closed standard descriptors.
status 0 hvqz -d -o out good <&-
same out "$MODEL"
rm out
status 0 hvqz -d -o out good >&-
same out "$MODEL"
rm out
"$HVQZ" -d -o out good 2>&- || fail "without standard error"
same out "$MODEL"
rm out
"$HVQZ" -d -o out good <&- >&- 2>&- || fail "without any descriptor"
same out "$MODEL"
status 1 hvqz -dc good >&-
says "cannot write (stdout): Bad file descriptor"
status 1 hvqz -d <&-
says "cannot read: Bad file descriptor"

# The input changes while it is read.
cp m.safetensors moving
mkfifo slow
"$HVQZ" --lossless --chunk 1K -T1 -o slow moving 2>err &
pid=$!
{ sleep 0.3; touch moving; cat; } <slow >/dev/null
wait $pid 2>/dev/null
got=$?
[ $got -eq 1 ] || fail "status $got when the input changed"
says "moving: changed while it was being read"

# Progress when asked, and not when not.
status 0 hvqz -f --lossless m.safetensors
silent
{ head -c 1000000 good; sleep 2.5; tail -c +1000001 good; } |
	hvqz -d --progress plain >out 2>err || fail "decoding slowly"
same out "$MODEL"
says "(stdin): "
grep -q 'MB/s' err || fail "no rate in the progress"
