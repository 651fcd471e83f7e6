/*
 * corpus_pieces.h - lists of pieces (formats/pieces.md) for a model of one
 * tensor of two bytes, most of them not to be believed.
 */
#ifndef TESTS_CORPUS_PIECES_H
#define TESTS_CORPUS_PIECES_H

#include <stddef.h>
#include <stdint.h>

/* Records of a list, and what is said of each. */
static const struct piece_list {
	const char *name, *word;
	const char *format;
	uint32_t n;		/* records, as the head says */
	size_t len;
	const char *records;
} piece_lists[] = {
	{"good", NULL, "tar", 2, 13, "\2\2\0\0\0\0\0\0\0\1\0x" "\1"},
	{"tensor twice", "one tensor more", "tar", 2, 2, "\1\1"},
	{"no tensor", "has 0 of 1", "tar", 0, 0, ""},
	{"kind", "kind", "tar", 1, 1, "\4"},
	{"empty literal", "without bytes", "tar", 2, 10,
	 "\0\0\0\0\0\0\0\0\0\1"},
	{"literal too long", "too many", "tar", 2, 10,
	 "\0\1\0\0\20\0\0\0\0\1"},
	{"cut", "is cut", "tar", 2, 3, "\1\0\0"},
	{"member in member", "within", "tar", 3, 25,
	 "\2\2\0\0\0\0\0\0\0\1\0x" "\2\2\0\0\0\0\0\0\0\1\0y" "\1"},
	{"member too short", "longer than the rest", "tar", 2, 13,
	 "\2\1\0\0\0\0\0\0\0\1\0x" "\1"},
	{"member too long", "lacks", "tar", 2, 13,
	 "\2\3\0\0\0\0\0\0\0\1\0x" "\1"},
	{"member of 2^63", "2^63", "tar", 2, 13,
	 "\2\0\0\0\0\0\0\0\x80\1\0x" "\1"},
	{"absolute", "absolute", "tar", 2, 14,
	 "\2\2\0\0\0\0\0\0\0\2\0/x" "\1"},
	{"up", "'..'", "tar", 2, 14, "\2\2\0\0\0\0\0\0\0\2\0.." "\1"},
	{"NUL", "NUL", "tar", 2, 14, "\2\2\0\0\0\0\0\0\0\2\0x\0" "\1"},
	{"no name", "empty name", "tar", 2, 12, "\2\2\0\0\0\0\0\0\0\0\0\1"},
	{"outside", "outside", "folder", 1, 1, "\1"},
	{"folder", NULL, "folder", 2, 13, "\2\2\0\0\0\0\0\0\0\1\0x" "\1"},
	{"two of a name", "two files", "folder", 3, 25,
	 "\2\2\0\0\0\0\0\0\0\1\0x" "\1" "\2\0\0\0\0\0\0\0\0\1\0x"},
	{"packed", "compressed", "folder", 2, 27,
	 "\3\2\0\0\0\0\0\0\0\1\0x" "\10\0" "\1\2\3\4" "\3\0\0\0\0\0\0\0"
	 "\1"},
};

enum { N_PIECE_LISTS = sizeof(piece_lists) / sizeof(piece_lists[0]) };

#endif
