#!/usr/bin/env python3
"""made_sidecar.py MODEL SIDECAR: made-up full Hessians, one for every matrix.

MODEL is a safetensors file of which the header is enough. A Hessian is a band
of correlations between neighbouring channels: positive definite, cheap to
make, and as large in memory as any other of its width.
"""
import json
import struct
import sys


def hessian(n):
    """1 on the diagonal, less beside it; n rows of little-endian F32."""
    band = [0.05, 0.1, 0.2, 1.0, 0.2, 0.1, 0.05]
    rows = bytearray()
    for j in range(n):
        row = [0.0] * (n + 6)
        row[j:j + 7] = band
        rows += struct.pack(f"<{n}f", *row[3:n + 3])
    return bytes(rows)


def main():
    with open(sys.argv[1], "rb") as model:
        (length,) = struct.unpack("<Q", model.read(8))
        table = json.loads(model.read(length))
    head = {"__metadata__": {"hvqz.sidecar": "1",
                             "hvqz.calibration": "made up",
                             "hvqz.tokens": "1000000"}}
    widths, at = [], 0
    for name, tensor in table.items():
        shape = tensor.get("shape", [])
        if len(shape) != 2:
            continue
        n = shape[1]
        head[name + ".hessian"] = {"dtype": "F32", "shape": [n, n],
                                   "data_offsets": [at, at + 4 * n * n]}
        at += 4 * n * n
        widths.append(n)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    made = {}
    with open(sys.argv[2], "wb") as sidecar:
        sidecar.write(struct.pack("<Q", len(text)) + text)
        for n in widths:
            if n not in made:
                made[n] = hessian(n)
            sidecar.write(made[n])


main()
