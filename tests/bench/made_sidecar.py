#!/usr/bin/env python3
"""made_sidecar.py MODEL SIDECAR [full|diagonal]: a made-up Hessian for every
matrix.

MODEL is a safetensors file of which the header is enough. A Hessian has
correlations of all channels and higher ones of neighbours: positive definite,
cheap to make, and as large in memory as any other of its width.
"""
import json
import struct
import sys


def hessian(n):
    """1 on the diagonal, less beside it; n rows of little-endian F32."""
    band = [0.25, 0.3, 0.4, 1.0, 0.4, 0.3, 0.25]
    rows = bytearray()
    for j in range(n):
        row = [0.2] * (n + 6)
        row[j:j + 7] = band
        rows += struct.pack(f"<{n}f", *row[3:n + 3])
    return bytes(rows)


def diagonal(n):
    """From 0.5 to 2; n little-endian F32."""
    return struct.pack(f"<{n}f", *(2 ** (2 * j / n - 1) for j in range(n)))


def main():
    full = sys.argv[3:] != ["diagonal"]
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
        size = 4 * n * n if full else 4 * n
        head[name + (".hessian" if full else ".hessian_diag")] = {
            "dtype": "F32", "shape": [n, n] if full else [n],
            "data_offsets": [at, at + size]}
        at += size
        widths.append(n)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    made = {}
    with open(sys.argv[2], "wb") as sidecar:
        sidecar.write(struct.pack("<Q", len(text)) + text)
        for n in widths:
            if n not in made:
                made[n] = hessian(n) if full else diagonal(n)
            sidecar.write(made[n])


main()
