#!/usr/bin/env python3
"""gen_archive.py KIND - gen_model's safetensors on standard input, as a tar
with a model folder in it, an NPZ or a GGUF file on standard output.

Both are written as they come: nothing is kept but a piece at a time.
"""
import io
import json
import struct
import sys
import tarfile
import zipfile

STEP = 1 << 20
TYPES = {"F16": "<f2", "F32": "<f4", "BF16": "|V2"}


def copy(source, sink, n):
    while n:
        piece = source.read(min(n, STEP))
        if not piece:
            sys.exit("gen_archive.py: the model is cut")
        sink.write(piece)
        n -= len(piece)


def write_tar(head, tensors, source, sink):
    size = len(head) + sum(t[3] for t in tensors)
    config = b'{"model_type": "none"}\n'
    with tarfile.open(fileobj=sink, mode="w|") as tar:
        info = tarfile.TarInfo("model/config.json")
        info.size = len(config)
        tar.addfile(info, io.BytesIO(config))
        info = tarfile.TarInfo("model/model.safetensors")
        info.size = size

        class Joined:
            """The head, then what is left of the source."""
            rest = head

            def read(self, n):
                piece, self.rest = self.rest[:n], self.rest[n:]
                return piece + source.read(n - len(piece))

        tar.addfile(info, Joined())


def npy_head(dtype, shape):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (
        TYPES[dtype], tuple(shape))
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def write_npz(_head, tensors, source, sink):
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as npz:
        for name, dtype, shape, size in tensors:
            with npz.open(name + ".npy", "w", force_zip64=True) as member:
                member.write(npy_head(dtype, shape))
                copy(source, member, size)


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def write_gguf(_head, tensors, source, sink):
    align, off = 32, 0
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1)
    head += gguf_text("general.architecture") + struct.pack("<I", 8)
    head += gguf_text("none")
    for name, dtype, shape, size in tensors:
        head += gguf_text(name[-63:]) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape[::-1])
        head += struct.pack("<IQ", {"F32": 0, "F16": 1, "BF16": 30}[dtype],
                            off)
        off += size + -size % align
    sink.write(head + bytes(-len(head) % align))
    for _, _, _, size in tensors:
        copy(source, sink, size)
        sink.write(bytes(-size % align))


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    n = source.read(8)
    head = n + source.read(struct.unpack("<Q", n)[0])
    tensors = sorted((t["data_offsets"][0], name, t) for name, t in
                     json.loads(head[8:]).items() if name != "__metadata__")
    tensors = [(name, t["dtype"], t["shape"],
                t["data_offsets"][1] - t["data_offsets"][0])
               for _, name, t in tensors]
    write = {"tar": write_tar, "npz": write_npz, "gguf": write_gguf}
    write[sys.argv[1]](head, tensors, source, sink)


main()
