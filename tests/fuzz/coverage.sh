#!/bin/sh
# coverage.sh SRCDIR BUILDDIR CORPORA TARGET... - how many lines of what reads
# files from strangers a replay of the corpora reaches: formats/, the codecs'
# decoders, the entropy decoders.
#
# BUILDDIR gets a build of its own with --coverage. CORPORA is a folder with one
# for each TARGET, as make fuzz leaves it, replayed too where there is one.
# Prints a table; fails where a room but the kernels has below 90 % of its
# lines. Encoders in the same files count as well: what cannot be reached by
# reading is listed here, not hidden.
set -eu

src=$1
build=$2
corpora=none
[ ! -d "$3" ] || corpora=$(cd "$3" && pwd)
shift 3
mkdir -p "$build"
cd "$build"
[ -f config.status ] ||
	"$src/configure" -q --disable-werror CFLAGS="-O0 -g --coverage"

programs=tests/check_corpus
for name; do
	programs="$programs tests/fuzz/replay_$name"
done
# shellcheck disable=SC2086 # words are wanted
make $programs
find . -name '*.gcda' -exec rm {} +

CORPUS=$src/tests/fuzz/corpus
export CORPUS
CK_FORK=yes tests/check_corpus >corpus.log
for name; do
	if [ -d "$corpora/$name" ]; then
		HVQZ_SLOW=1 "tests/fuzz/replay_$name" -n 5 "$corpora/$name"
	else
		HVQZ_SLOW=1 "tests/fuzz/replay_$name" -n 5
	fi
done

lcov -q -c -d . -o all.info --no-external -b "$src" 2>lcov.log ||
	lcov -q -c -d . -o all.info 2>lcov.log
# Writers of what we never read back from strangers, and encoders, are out.
lcov -q -o read.info -e all.info '*/formats/*.c' '*/src/codec/*.c' \
	'*/src/entropy/*.c' '*/src/kernels/decode*' 2>>lcov.log
lcov -q -o readers.info -r read.info '*/formats/sidecar_write.c' \
	'*/src/codec/*_encode.c' '*/src/codec/*_choose.c' \
	'*/src/codec/*_bench.c' '*/src/codec/kmeans.c' \
	'*/src/codec/metric.c' '*/src/codec/trellis_quantize.c' \
	'*/src/codec/trellis_outliers.c' '*/src/codec/trellis_place.c' \
	'*/src/codec/trellis_steps.c' '*/src/codec/trellis_symbols.c' \
	'*/src/codec/planes_cut.c' '*/src/codec/codec_memory.c' \
	2>>lcov.log

awk -F'[:,]' -v src="$src/" '
	/^SF:/ { file = substr($0, 4); sub(src, "", file) }
	/^LF:/ { lines[file] = $2 }
	/^LH:/ { hit[file] = $2 }
	END {
		for (file in lines) {
			room = file
			sub(/\/[^\/]*$/, "", room)
			n[room] += lines[file]
			h[room] += hit[file]
			printf "%6.1f %% %5d of %5d  %s\n",
				100 * hit[file] / lines[file], hit[file],
				lines[file], file | "sort -k6"
		}
		close("sort -k6")
		bad = 0
		for (room in n) {
			printf "%6.1f %% %5d of %5d  all of %s\n",
				100 * h[room] / n[room], h[room], n[room], room
			# Kernels of long rows: check_decode holds them.
			if (room !~ /kernels/ && h[room] < 0.9 * n[room])
				bad = 1
		}
		exit bad
	}' readers.info
