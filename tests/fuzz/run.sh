#!/bin/sh
# run.sh SRCDIR BUILDDIR SECONDS TARGET... - libFuzzer on each target in turn.
#
# BUILDDIR gets a build with clang, ASan and UBSan of its own. What a target
# learns stays in BUILDDIR/corpus/TARGET, what breaks it in BUILDDIR/found.
# Fails at the first that breaks.
set -eu

src=$1
build=$2
seconds=$3
shift 3
mkdir -p "$build"
cd "$build"
here=$PWD	# a target may go elsewhere
command -v clang >/dev/null || {
	echo "make fuzz needs clang (apt-get install clang)" >&2
	exit 77
}

san="-fsanitize=fuzzer-no-link,address,undefined"
[ -f config.status ] || "$src/configure" -q --disable-werror CC=clang \
	CFLAGS="-O1 -g -fno-omit-frame-pointer $san -fno-sanitize-recover=all"
make fuzzers

ASAN_OPTIONS=allocator_may_return_null=1
OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS OPENBLAS_NUM_THREADS
for name; do
	mkdir -p "corpus/$name" "seeds/$name" found
	"tests/fuzz/replay_$name" -w "seeds/$name"
	case $name in
	args) most=512 ;;
	container | main | planes) most=16384 ;;
	hf) most=8192 ;;	# one token for each byte
	*) most=4096 ;;
	esac
	dict=$src/tests/fuzz/$name.dict
	[ -f "$dict" ] && dict=-dict=$dict || dict=-verbosity=1
	"tests/fuzz/fuzz_$name" "$dict" -max_total_time="$seconds" \
		-max_len="$most" -timeout=10 -report_slow_units=2 \
		-malloc_limit_mb=512 -print_final_stats=1 \
		-artifact_prefix="$here/found/$name-" \
		"$here/corpus/$name" "$here/seeds/$name" 2>"log.$name" || {
		tail -40 "log.$name" >&2
		echo "FAIL $name: see $build/found" >&2
		exit 1
	}
	grep -E 'DONE|executed_units|peak_rss' "log.$name" | tail -3
	echo "ok $name"
done
