#!/usr/bin/python3
"""gguf_compare.py A.gguf B.gguf - keys and tensors of one beside the other."""
import math
import struct
import sys

SIZES = {0: 4, 1: 2, 30: 2}  # F32, F16, BF16


class Gguf:
    def __init__(self, path):
        self.data = open(path, "rb").read()
        self.at = 0
        assert self.take("4s") == b"GGUF"
        self.take("I")
        n_tensors, n_keys = self.take("Q"), self.take("Q")
        self.keys = {}
        for _ in range(n_keys):
            key = self.text()
            kind = self.take("I")
            self.keys[key] = (kind, self.value(kind))
        self.tensors = {}
        for _ in range(n_tensors):
            name = self.text()
            shape = [self.take("Q") for _ in range(self.take("I"))]
            self.tensors[name] = (shape, self.take("I"), self.take("Q"))
        align = self.keys.get("general.alignment", (4, 32))[1]
        self.start = -(-self.at // align) * align

    def take(self, form):
        (v,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return v

    def text(self):
        n = self.take("Q")
        return self.take(f"{n}s").decode("utf-8", "replace")

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            kind, n = self.take("I"), self.take("Q")
            return kind, [self.value(kind) for _ in range(n)]
        return self.take("BbHhIif?xxQqd"[kind])

    def bytes_of(self, name):
        shape, kind, off = self.tensors[name]
        n = math.prod(shape) * SIZES[kind]
        return shape, kind, self.data[self.start + off:self.start + off + n]


def main():
    a, b = (Gguf(path) for path in sys.argv[1:3])
    for key in sorted(set(a.keys) | set(b.keys)):
        if a.keys.get(key) != b.keys.get(key):
            print(f"  key {key}: {str(a.keys.get(key))[:40]}, "
                  f"not {str(b.keys.get(key))[:40]}")
    if list(a.tensors) != list(b.tensors):
        print("  tensors have other names or another order: DIFFERENT")
    bad = [n for n in a.tensors if n in b.tensors
           and a.bytes_of(n) != b.bytes_of(n)]
    print(f"{len(a.tensors)} tensors against llama.cpp's".ljust(59),
          "DIFFERENT: " + " ".join(bad) if bad else "same")


if __name__ == "__main__":
    main()
