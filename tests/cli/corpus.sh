#!/bin/sh
# The hostile corpus through the program itself: every bad file is refused with
# the right words and leaves nothing behind, every good one is taken.
. "${0%/*}/common.inc"

corpus=${HVQZ%/*}/tests/write_corpus
[ -x "$corpus" ] || exit 77
mkdir bad
"$corpus" bad >manifest || fail "the corpus was not written"

# judge KIND LEAST: every row of that kind against err, which has the program's
# messages, all with the file's name. Some bad models do not look like one at
# all, and are told so in other words; a restored container is first held
# against the header it keeps, an archive that is compressed is first unpacked.
judge() {
	awk -F'\t' -v kind="$1" -v least="$2" '
		NR == FNR {
			if (index($1, kind)) {
				ret[$1] = $2
				word[$1] = $3
				what[$1] = $4
			}
			next
		}
		match($0, /[0-9]+\.[a-z]+/) {
			said[substr($0, RSTART, RLENGTH)] = \
				said[substr($0, RSTART, RLENGTH)] $0
		}
		END {
			other = "not a model file|the input is empty|" \
				"too short for a model|not a \\.hvqz file|" \
				"kept header|cannot be unpacked"
			for (f in ret) {
				n++
				if (ret[f] == 0)
					continue
				if (!(f in said))
					print f " taken: " what[f]
				else if (word[f] != "-" && said[f] !~ other &&
					 !index(said[f], word[f]))
					print "no " word[f] ": " said[f]
			}
			if (n < least)
				print "only " n " files"
		}' manifest err >judged
	[ ! -s judged ] || {
		rm -f err
		fail "$(head -5 judged)"
	}
}

# Encoded: a result only for what is good.
for kind in .safetensors .gguf .archive; do
	cd bad || exit 99
	"$HVQZ" -k -1 --no-sync ./*$kind >../out 2>../err
	[ $? -eq 1 ] || fail "bad models do not end in status 1"
	cd .. && judge $kind 70
	while IFS='	' read -r file ret _ what; do
		case $file in *$kind) ;; *) continue ;; esac
		if [ "$ret" -eq 0 ]; then
			[ -e "bad/$file.hvqz" ] || fail "$file is good: $what"
		else
			[ ! -e "bad/$file.hvqz" ] || fail "$file made one: $what"
		fi
	done <manifest
	rm -f bad/*$kind.hvqz
done

# Tested and restored: the same of containers.
cd bad || exit 99
"$HVQZ" -t ./*.hvqz 2>../err
[ $? -eq 1 ] || fail "bad containers do not end in status 1"
cd .. && judge .hvqz 100
cd bad || exit 99
"$HVQZ" -d -k --no-sync ./*.hvqz 2>../err
[ $? -eq 1 ] || fail "bad containers do not end in status 1"
cd .. && judge .hvqz 100
while IFS='	' read -r file ret _ what; do
	case $file in *.hvqz) ;; *) continue ;; esac
	[ "$ret" -eq 0 ] || [ ! -e "bad/${file%.hvqz}" ] ||
		fail "$file made something: $what"
done <manifest
for f in bad/.hvqz-*; do
	[ ! -e "$f" ] || fail "$f was left behind"
done
