#!/bin/sh
# arrays.sh - NumPy files whose matrices get another type: names, shapes, orders
# and whatever else is in them stay.
. "$(dirname "$0")/common.inc"

command -v python3 >/dev/null || exit 77

# Arrays in both orders, one that is no tensor, one that stays as it is.
cat >make.py <<'EOP'
import struct, zipfile
def npy(descr, shape, order, data):
    h = "{'descr': '%s', 'fortran_order': %s, 'shape': %r, }" % (
        descr, order, shape)
    h += " " * (-(11 + len(h)) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + data
numbers = struct.pack("<32768f", *(float(i % 97 - 40) for i in range(32768)))
turned = npy("<f4", (128, 256), True, numbers)
big = npy(">f8", (2,), False, struct.pack(">2d", 1, 2))
with zipfile.ZipFile("a.npz", "w") as z:
    z.writestr("w.npy", npy("<f4", (128, 256), False, numbers))
    z.writestr("big.npy", big)
    z.writestr("f.npy", turned)
    z.writestr("names.npy", npy("<U2", (2,), False, b"a\0\0\0b\0\0\0" * 2))
    z.writestr("one.npy", npy("<f4", (4,), False, numbers[:16]))
with zipfile.ZipFile("one.npz", "w") as z:
    z.writestr("f.npy", turned)
open("f.npy", "wb").write(turned)
EOP
python3 make.py || fail "make.py"

# What an array file says, and its numbers if there is a third word.
cat >look.py <<'EOP'
import ast, struct, sys, zipfile
def look(b):
    n = 10 + struct.unpack("<H", b[8:10])[0]
    h = ast.literal_eval(b[10:n].decode())
    kind = {"<f2": "e", "<f4": "f"}.get(h["descr"])
    v = struct.unpack("<%d%s" % (32768, kind), b[n:]) \
        if len(h["shape"]) == 2 else b[n:]
    return h["descr"], h["fortran_order"], h["shape"], v
if sys.argv[1].endswith(".npy"):
    a, b = (look(open(f, "rb").read()) for f in sys.argv[1:3])
    assert b[0] == sys.argv[3], b[0]
    assert a[1:3] == b[1:3], (a[1:3], b[1:3])
    if len(sys.argv) > 4:
        assert a[3] == b[3]
    sys.exit()
a, b = (zipfile.ZipFile(f) for f in sys.argv[1:3])
assert b.testzip() is None
assert a.namelist() == b.namelist(), b.namelist()
for n in a.namelist():
    x, y = look(a.read(n)), look(b.read(n))
    if n in ("w.npy", "f.npy"):
        assert y[0] == sys.argv[3], (n, y[0])
        assert x[1:3] == y[1:3], (n, x[1:3], y[1:3])
        assert len(sys.argv) == 4 or x[3] == y[3], n
    else:
        assert a.read(n) == b.read(n), n
EOP
look() {
	python3 look.py "$@" || fail "$2 is not $1 in $3"
}

# From file to file, and of what a lossy .hvqz restores.
status 0 hvqz --to npz --dtype f16 -o b.npz a.npz
silent
look a.npz b.npz '<f2' exact
status 0 hvqz -o a.hvqz a.npz
status 0 hvqz -d --dtype f16 -fo b.npz a.hvqz
look a.npz b.npz '<f2'
status 0 hvqz -d --to npz -fo b.npz a.hvqz
look a.npz b.npz '<f4'
status 1 hvqz -d --dtype bf16 -o no.npz a.hvqz
says "safetensors keeps it"
absent no.npz

status 0 hvqz --to npy --dtype f16 -o b.npy f.npy
look f.npy b.npy '<f2' exact
status 0 hvqz -o f.hvqz f.npy
status 0 hvqz -d --dtype f16 -fo b.npy f.hvqz
look f.npy b.npy '<f2'

# A single array without its archive.
status 0 hvqz --to npy -o one.npy one.npz
same one.npy f.npy
status 0 hvqz --to npy --dtype f16 -fo one.npy one.npz
look f.npy one.npy '<f2' exact
status 0 hvqz -o one.hvqz one.npz
status 0 hvqz -d --to npy --dtype f16 -fo one.npy one.hvqz
look f.npy one.npy '<f2'
status 0 hvqz -d --to npy -fo one.npy one.hvqz
look f.npy one.npy '<f4'
no_traces
