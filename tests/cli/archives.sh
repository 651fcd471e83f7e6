#!/bin/sh
# archives.sh - NPZ, PyTorch and compressed files, as people have them: made
# by Python's zipfile, on pipes and files.
. "$(dirname "$0")/common.inc"

command -v python3 >/dev/null || exit 77

# An NPZ of three arrays and a PyTorch file of two tensors that share one
# storage, one of a storage of its own, and numbers beside them.
cat >make.py <<'EOF'
import io, pickle, struct, sys, zipfile
def npy(descr, shape, data):
    h = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (
        descr, shape)
    h += " " * (-(11 + len(h)) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + data
model = open(sys.argv[1], "rb").read()
half = model[-262144:]
with zipfile.ZipFile("a.npz", "w") as z:
    z.writestr("w.npy", npy("<f2", (256, 512), half))
    z.writestr("layer/b.npy", npy("<i8", (3,), b"\1\0\0\0\0\0\0\0" * 3))
    z.writestr("s.npy", npy("<f4", (), b"\0\0\200\77"))
    names = z.namelist()
with zipfile.ZipFile("a.npz") as a, \
     zipfile.ZipFile("d.npz", "w", zipfile.ZIP_DEFLATED) as z:
    for name in names:
        z.writestr(name, a.read(name))
whole = open("d.npz", "rb").read()
second = whole.find(b"PK\3\4", 4)
for name, mark in ("header", b"PK\3\5"), ("early", b"PK\1\2"):
    open(name + ".npz", "wb").write(
        whole[:second] + mark + whole[second + 4:])
open("longer.npz", "wb").write(whole + b"more")
with zipfile.ZipFile("other.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("config.json", b"{}" * 1000)
open("a.npy", "wb").write(npy("<f2", (256, 512), half))
# One more, and Python would write a zip64 record.
with zipfile.ZipFile("most.npz", "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(65535):
        z.writestr("%d.npy" % i, npy("<f4", (0,), b""))

class Name:
    def __init__(self, module, name):
        self.pair = module, name
class Pickler(pickle._Pickler):
    dispatch = pickle._Pickler.dispatch.copy()
    def save_name(self, obj):
        self.write(b"c%s\n%s\n" % tuple(x.encode() for x in obj.pair))
    dispatch[Name] = save_name
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Storage) else None
class Storage:
    def __init__(self, kind, key, n):
        self.pid = ("storage", Name("torch", kind), key, "cpu", n)
class Tensor:
    def __init__(self, storage, first, shape, strides):
        self.args = storage, first, shape, strides, False, ()
def save_tensor(self, obj):
    self.save(Name("torch._utils", "_rebuild_tensor_v2"))
    self.save(obj.args)
    self.write(b"R")
Pickler.dispatch[Tensor] = save_tensor
def torch(path, state, storages):
    f = io.BytesIO()
    Pickler(f, 2).dump(state)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("m/data.pkl", f.getvalue())
        for key, data in storages.items():
            z.writestr("m/data/" + key, data)
        z.writestr("m/version", "3\n")
s = Storage("HalfStorage", "0", 131072)
t = Storage("FloatStorage", "1", 6)
torch("a.pt", {"model": {"w": Tensor(s, 0, (128, 512), (512, 1)),
                         "v": Tensor(s, 65536, (128, 512), (512, 1)),
                         "tied": Tensor(s, 0, (128, 512), (512, 1))},
               "optimizer": {"state": {0: Tensor(t, 0, (2, 3), (1, 2))},
                             "lr": 0.5, "steps": [1, 2]}, "epoch": 3},
      {"0": half, "1": bytes(24)})
# What is no tensor to us, alone and beside one; and nothing.
u = Storage("HalfStorage", "0", 131072)
torch("alone.pt", Tensor(u, 0, (256, 512), (512, 1)), {"0": half})
torch("odd.pt", {"w": Tensor(u, 0, (128, 512, 2), (2, 256, 1))}, {"0": half})
torch("keys.pt", {"": Tensor(s, 0, (131072,), (1,)),
                  "k" * 2000: Tensor(t, 0, (6,), (1,))},
      {"0": half, "1": bytes(24)})
torch("twins.pt", {"a": {"w": Tensor(s, 0, (131072,), (1,))},
                   "a.w": Tensor(t, 0, (6,), (1,))},
      {"0": half, "1": bytes(24)})
# A tensor that is called like a storage that is a tensor as a whole.
v = Storage("FloatStorage", "1", 3 << 20)
torch("whole.pt", {"data/1": Tensor(s, 0, (131072,), (1,)),
                   "x": Tensor(v, 0, (1 << 20,), (2,))},
      {"0": half, "1": bytes(12 << 20)})
torch("none.pt", {}, {})
zipfile.ZipFile("none.npz", "w").close()
with zipfile.ZipFile("big.npz", "w") as z:
    z.writestr("w.npy", npy(">f4", (3,), bytes(12)))
class Evil:
    def __reduce__(self):
        import os
        return os.system, ("touch pwned",)
f = io.BytesIO()
pickle.dump({"w": Evil()}, f, 2)
with zipfile.ZipFile("evil.pt", "w") as z:
    z.writestr("m/data.pkl", f.getvalue())
    z.writestr("m/data/0", half)
EOF
python3 make.py "$MODEL" || fail "make.py"

# Lossless, on files and pipes; the table; -l.
for f in a.npz a.npy a.pt alone.pt odd.pt keys.pt twins.pt whole.pt none.pt \
	 none.npz big.npz
do
	status 0 hvqz --lossless $f
	silent
	status 0 hvqz -t $f.hvqz
	hvqz -d <$f.hvqz | cmp -s - $f || fail "$f came back otherwise"
	# shellcheck disable=SC2002 # a pipe is what is wanted
	cat $f | hvqz --lossless | cmp -s - $f.hvqz || fail "$f on a pipe"
	status 0 hvqz -lv $f >/dev/null
	# shellcheck disable=SC2002
	cat $f | hvqz --quality 3 | hvqz -t - || fail "lossy $f on a pipe"
	hvqz -l --json $f | grep -q '"type":"file"' || fail "-l --json $f"
	hvqz -l --json $f.hvqz |
		grep -q "\"original_bytes\":$(wc -c <$f)," ||
		fail "original size of $f"
done
hvqz -lv alone.pt | grep -q ' tensor ' || fail "no tensor 'tensor'"
hvqz -lv twins.pt | grep -q ' a.w#2 ' || fail "no tensor a.w#2"
hvqz -lv whole.pt >list
if ! grep -q ' data/1 .*12582912' list || ! grep -q ' data/1#2 ' list; then
	fail "a member has lost its name"
fi
hvqz -lv a.pt >list
for name in model.w model.v optimizer.state.0.T; do
	grep -q " $name " list || fail "no tensor $name"
done

# Lossy: the archive is whole, and its sums are right.
for f in a.npz a.pt; do
	status 0 hvqz --quality 3 -o l.hvqz $f
	status 0 hvqz -d -f -o l.zip l.hvqz
	python3 -c 'import sys, zipfile
a, b = zipfile.ZipFile(sys.argv[1]), zipfile.ZipFile("l.zip")
assert b.testzip() is None and a.namelist() == b.namelist()
assert any(a.read(n) != b.read(n) for n in a.namelist())' $f ||
		fail "the lossy $f"
	rm l.hvqz
done

# From one to another.
status 0 hvqz -d --to safetensors -o pt.safetensors a.pt.hvqz
silent
hvqz -lv pt.safetensors | grep -q model.v || fail "--to safetensors"
status 0 hvqz -d --to npz -o pt.npz a.pt.hvqz
hvqz -lv pt.npz | grep -q model.v || fail "--to npz"
status 0 hvqz --lossless -o m.hvqz "$MODEL"
status 0 hvqz -d --to npz m.hvqz
present m.npz
status 0 hvqz --lossless -o n.hvqz m.npz
status 0 hvqz -x '*' m.hvqz -o x1
status 0 hvqz -x '*' n.hvqz -o x2
same x1 x2
status 1 hvqz -d --to torch m.hvqz
says "only restored"
status 1 hvqz -d --to npy m.hvqz
says "--to npz"

# Refused by name, and nothing is executed.
status 1 hvqz evil.pt
says "system'"
absent pwned
absent evil.pt.hvqz
status 1 hvqz other.zip
says "compressed by the archive"
cp a.npz b.npz
printf x | dd of=b.npz bs=1 seek=3000 conv=notrunc 2>/dev/null
status 1 hvqz b.npz
says "CRC-32"
absent b.npz.hvqz

# Deflated arrays: the same, in an NPZ whose arrays are not.
status 0 hvqz --lossless d.npz
silent
status 0 hvqz -d -o stored.npz d.npz.hvqz
for f in a d stored; do
	status 0 hvqz --to safetensors -f -o x.safetensors $f.npz
	mv x.safetensors $f.st
done
same d.st a.st
same stored.st a.st
[ "$(wc -c <stored.npz)" -gt "$(wc -c <d.npz)" ] || fail "still deflated"
# shellcheck disable=SC2002
cat d.npz | hvqz --lossless | cmp -s - d.npz.hvqz || fail "d.npz by a pipe"
head -c $(($(wc -c <d.npz) / 2)) d.npz >e.npz
status 1 hvqz e.npz
says "cannot be unpacked"
absent e.npz.hvqz
cp d.npz e.npz
printf x | dd of=e.npz bs=1 seek=3000 conv=notrunc 2>/dev/null
status 1 hvqz e.npz
says "cannot be unpacked"
absent e.npz.hvqz
# A member that is passed over is missed.
for f in header early; do
	status 1 hvqz $f.npz
	says "members were found, and its directory has 3"
	absent $f.npz.hvqz
	hvqz <$f.npz >/dev/null 2>err && fail "$f.npz by a pipe"
	says "its directory has 3"
done
status 1 hvqz longer.npz
says "no end record"

# A number of members that is all ones is a number.
status 0 hvqz --lossless most.npz
silent
status 0 hvqz -d -f -o most.npz most.npz.hvqz
hvqz --lossless <most.npz | cmp -s - most.npz.hvqz || fail "65535 members"

# Compressed: what is in it is read, and comes back.
gzip -k a.npz
gzip -c "$MODEL" >m.safetensors.gz
status 0 hvqz --lossless m.safetensors.gz
silent
present m.safetensors.hvqz
same m.safetensors.hvqz m.hvqz
hvqz --lossless <a.npz.gz | cmp -s - a.npz.hvqz || fail "gzip of NPZ"
for p in xz zstd bzip2; do
	command -v $p >/dev/null || continue
	$p -c <"$MODEL" | hvqz --lossless | cmp -s - m.hvqz || fail "$p"
done
status 0 hvqz -l m.safetensors.gz >/dev/null
gzip -c m.safetensors.gz >twice.gz
status 1 hvqz twice.gz
says "unpack it first"
head -c 1000000 m.safetensors.gz >cut.gz
status 1 hvqz -o x cut.gz
says "the gzip data is cut off at byte 1000000"
absent x
# A byte of the data as gzip stores it, of its CRC-32, of its length. -1 leaves
# random bytes as they are.
{
	printf '@\0\0\0\0\0\0\0%-64s' \
		'{"w":{"dtype":"U8","shape":[40000],"data_offsets":[0,40000]}}'
	head -c 1000000 "$MODEL" | tail -c 900000 | gzip -9 | head -c 40000
} | gzip -1 >stored.gz
size=$(wc -c <stored.gz)
status 0 hvqz --lossless -o x stored.gz
rm x
for at in 20000 $((size - 8)) $((size - 5)) $((size - 4)); do
	{
		head -c "$at" stored.gz
		head -c $((at + 1)) stored.gz | tail -c 1 | tr '\0-\377' '\1-\377\0'
		tail -c +$((at + 2)) stored.gz
	} >other.gz
	[ "$(wc -c <other.gz)" -eq "$size" ] || fail "the test's own damage"
	status 1 hvqz --lossless -o x other.gz
	says "the gzip data is damaged before byte"
	absent x
done
if command -v xz >/dev/null; then
	truncate -s 400M zeros
	tar c zeros m.hvqz | xz -0 >bomb.xz
	rm zeros
	status 1 hvqz -o x bomb.xz
	says "no model is like that"
	absent x
fi
# Other types on the way: NumPy has no BF16, and F32 takes it exactly.
status 0 hvqz --to safetensors --dtype bf16 -o bf16.safetensors "$MODEL"
status 0 hvqz -lv bf16.safetensors >page
grep -q 'embed_tokens.weight .*BF16' page || fail "--dtype bf16 made no BF16"
grep -q 'model.norm.weight .*F16' page || fail "the norms are not as they were"
status 0 hvqz --to npz bf16.safetensors
status 0 hvqz -lv bf16.npz >page
grep -q 'embed_tokens.weight .*F32' page || fail "BF16 is no F32 in npz"
status 0 hvqz --to safetensors --dtype bf16 -o back.safetensors bf16.npz
hvqz --lossless <bf16.safetensors >bf16.hvqz || fail "--lossless"
hvqz --lossless <back.safetensors >back.hvqz || fail "--lossless"
for name in model.embed_tokens.weight 'model.layers.5.*weight' model.norm.weight
do
	hvqz -x "$name" bf16.hvqz | tail -c 2000 >one
	hvqz -x "$name" back.hvqz | tail -c 2000 >two
	same one two
done
status 0 hvqz -d --to npz -o made.npz bf16.hvqz
same made.npz bf16.npz
status 1 hvqz --to npz --dtype bf16 -f bf16.safetensors
says "NumPy has no BF16: --dtype f16 or f32"
status 1 hvqz --to tar --dtype f32 -o f32.tar bf16.safetensors
says "--to safetensors makes one file"
absent f32.tar
no_traces
