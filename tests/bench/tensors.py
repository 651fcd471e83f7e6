#!/usr/bin/python3
"""Safetensors files the benches make of others (Debian: python3-numpy).

  tensors.py no-rows SIDECAR OUT     SIDECAR without its row sensitivities
  tensors.py diag-rows SIDECAR OUT   of a full one its diagonal and its row
                                     sensitivities
  tensors.py join OUT MODEL...       one model of several, as F32
"""
import json
import struct
import sys

import numpy as np

TYPES = {"F16": "<f2", "F32": "<f4"}


def load(path):
    """The metadata, and {name: array} in the order of the file."""
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        head = json.loads(f.read(n))
        data = f.read()
    meta = head.pop("__metadata__", {})
    tensors = {}
    for name, t in head.items():
        begin, end = t["data_offsets"]
        if t["dtype"] == "BF16":
            half = np.frombuffer(data[begin:end], "<u2").astype("<u4")
            a = (half << 16).view("<f4")
        else:
            a = np.frombuffer(data[begin:end], TYPES[t["dtype"]])
        tensors[name] = a.reshape(t["shape"])
    return meta, tensors


def save(path, meta, tensors):
    head, off = {"__metadata__": meta} if meta else {}, 0
    for name, a in tensors.items():
        kind = {2: "F16", 4: "F32"}[a.itemsize]
        head[name] = {"dtype": kind, "shape": list(a.shape),
                      "data_offsets": [off, off + a.nbytes]}
        off += a.nbytes
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(a.tobytes())


def no_rows(source, out):
    meta, tensors = load(source)
    save(out, meta, {k: a for k, a in tensors.items()
                     if not k.endswith(".row_sens")})


def diag_rows(source, out):
    meta, tensors = load(source)
    made = {}
    for name, a in tensors.items():
        base, _, kind = name.rpartition(".")
        if kind == "row_sens":
            made[name] = a
        elif kind == "hessian":
            scale = tensors[base + ".hessian_scale"].astype(np.float64)
            diag = scale ** 2 * np.diagonal(a)
            made[base + ".hessian_diag"] = diag.astype("<f4")
    save(out, meta, made)


def join(out, *sources):
    tensors = {}
    for i, source in enumerate(sources):
        for name, a in load(source)[1].items():
            tensors[f"part{i}.{name}"] = a.astype("<f4")
    save(out, {}, tensors)


if len(sys.argv) < 4:
    sys.exit(__doc__)
{"no-rows": no_rows, "diag-rows": diag_rows, "join": join}[sys.argv[1]](*sys.argv[2:])
