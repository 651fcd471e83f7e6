#!/bin/sh
# left_out.sh - what becomes no tensor on the way to another format is told of.
. "$(dirname "$0")/common.inc"

command -v python3 >/dev/null || exit 77

cat >make.py <<'EOP'
import io, json, pickle, struct, sys, zipfile
def npy(descr, shape, data):
    h = "{'descr': %s, 'fortran_order': False, 'shape': %r, }" % (descr, shape)
    h += " " * (-(11 + len(h)) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + data
def safetensors(name):
    h = ('{"%s":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}' %
         name).encode()
    return struct.pack("<Q", len(h)) + h + bytes(range(16))
def archive(path, **files):
    with zipfile.ZipFile(path, "w") as z:
        for name, data in files.items():
            z.writestr(name + ".npy", data)
good = npy("'<f4'", (2, 2), bytes(16))
archive("odd.npz", w=good, big=npy("'>f8'", (2,), bytes(16)), v=good,
        s=npy("[('x', '<f4')]", (2,), bytes(8)),
        none=npy("'<f4'", (0, 3), b""))
archive("one.npz", w=good, **{"9d": npy("'<f4'", (1,) * 9, bytes(4))})
archive("good.npz", w=good, none=npy("'<f4'", (0, 3), b""))
archive("large.npz", w=good, big=npy("'>f8'", (1200000,), bytes(9600000)))
with zipfile.ZipFile("mixed.zip", "w") as z:
    z.writestr("m/config.json", "{}", zipfile.ZIP_DEFLATED)
    z.writestr("m/model.safetensors", safetensors("a"))
    z.writestr("m/other.safetensors", safetensors("b"), zipfile.ZIP_DEFLATED)
with zipfile.ZipFile("listed.zip", "w") as z:
    z.writestr("m/model.safetensors.index.json", '{"weight_map":{'
               '"a":"model-00001-of-00002.safetensors",'
               '"b":"model-00002-of-00002.safetensors"}}')
    z.writestr("m/model-00001-of-00002.safetensors", safetensors("a"))
    z.writestr("m/model-00002-of-00002.safetensors", safetensors("b"),
               zipfile.ZIP_DEFLATED)
head = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
with zipfile.ZipFile("files.zip", "w") as z:
    z.writestr("model.safetensors", safetensors("a"))
    z.writestr("tokenizer.json", "{}")
    z.writestr("other.bin", "x")
    z.writestr("vocab.gguf", head + bytes(8))
with zipfile.ZipFile("more.zip", "w") as z:
    z.writestr("model.safetensors", safetensors("a"))
    z.writestr("pytorch_model.bin", "x")
    z.writestr("new.gguf", b"GGUF" + struct.pack("<IQQ", 99, 0, 0))

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
    def __init__(self, storage, first, shape, strides, *more):
        self.args = (storage, first, shape, strides, False, ()) + more
def save_tensor(self, obj):
    self.save(Name("torch._utils", "_rebuild_tensor_v2"))
    self.save(obj.args)
    self.write(b"R")
Pickler.dispatch[Tensor] = save_tensor
def torch(path, state, **storages):
    f = io.BytesIO()
    Pickler(f, 2).dump(state)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("m/data.pkl", f.getvalue())
        for key, data in storages.items():
            z.writestr("m/data/" + key[1:], data)
s = Storage("FloatStorage", "0", 6)
t = Storage("FloatStorage", "1", 6)
u = Storage("FloatStorage", "2", 6)
w = Tensor(s, 0, (2, 3), (3, 1))
numbers = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
torch("part.pt", {"w": w, "part": Tensor(t, 0, (3,), (1,)), "x": {
      "conj": Tensor(u, 0, (6,), (1,), {"conj": True})}},
      _0=numbers, _1=numbers, _2=numbers)
torch("good.pt", {"w": w}, _0=numbers)

# Names that share a storage: in other shapes, one too many, one twice.
big = Storage("FloatStorage", "0", 600000)
z = bytes(range(256)) * 9375
torch("tied.pt", {"a": Tensor(big, 0, (600, 1000), (1000, 1)),
                  "b": Tensor(big, 0, (1000, 600), (1, 1000)),
                  "s": Tensor(t, 0, (6,), (1,)),
                  "c": Tensor(big, 0, (600000,), (1,))}, _0=z, _1=numbers)
torch("many.pt", {"m%d" % i: w for i in range(6)}, _0=numbers)
torch("twice.pt", {"0": w, 0: w}, _0=numbers)

# The model, as a PyTorch file whose head is the embedding.
model = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", model[:8])[0]
head = {k: v for k, v in json.loads(model[8:8 + n]).items() if k[0] != "_"}
state, storages = {}, {}
for k, v in sorted(head.items(), key=lambda x: x[1]["data_offsets"]):
    a, b = v["data_offsets"]
    key = "%03d" % len(state)
    assert v["dtype"] == "F16"
    s = v["shape"]
    state[k] = Tensor(Storage("HalfStorage", key, (b - a) // 2), 0, tuple(s),
                      (s[1], 1) if len(s) > 1 else (1,))
    storages["_" + key] = model[8 + n + a:8 + n + b]
torch("plain.pt", state, **storages)
state["lm_head.weight"] = state["model.embed_tokens.weight"]
torch("head.pt", state, **storages)
EOP
python3 make.py "$MODEL" || fail "make.py"

# told FILE TEXT MORE: the way to safetensors says both, and so it does of a
# .hvqz, which comes back silently.
told() {
	status 2 hvqz --to safetensors "$1"
	says "$2"
	says "$3"
	mv "${1%.*}.safetensors" direct
	status 0 hvqz --lossless -o "${1%.*}.hvqz" "$1"
	status 2 hvqz -d --to safetensors "${1%.*}.hvqz"
	says "$2"
	says "$3"
	same "${1%.*}.safetensors" direct
	status 0 hvqz -d -o back "${1%.*}.hvqz"
	silent
	same back "$1"
	rm back direct "${1%.*}.hvqz"
}

told odd.npz "2 of its 5 arrays are left out, since no tensors can be made" \
	"the first is 'big' (of type '>f8')"
told one.npz "1 of its 2 arrays is left out, since no tensor can be made of it" \
	"'9d' (an array of over 8 dimensions"
told large.npz "1 of its 2 arrays is left out" \
	"'big' (kept as bytes)"
told part.pt "2 of its 3 tensors are left out" \
	"the first is 'part' ("
told many.pt "1 of its 6 tensors is left out" \
	"'m5' (too many tensors share their memory)"
# What is there twice under one name goes once.
status 0 hvqz --to safetensors -o x twice.pt
silent
rm x
told mixed.zip "1 of its 2 model files is left out" \
	"'m/other.safetensors' (compressed by the archive)"
# What an index lists must be there.
status 1 hvqz --to safetensors -o x listed.zip
says "'b': can only be in m/model-00002-of-00002.safetensors, which the archive"
absent x
told more.zip "2 of its 3 model files are left out" \
	"'pytorch_model.bin' (not read, but kept as it is)"

# To all other formats that do not have it.
for to in npz tar zip; do
	status 2 hvqz --to $to -o x part.pt
	says "2 of its 3 tensors"
	rm x
done
status 2 hvqz --to npy -o x one.npz
says "1 of its 2 arrays"
status 2 hvqz --to tar -fo x odd.npz
says "2 of its 5 arrays"
# Those that have it are silent.
for f in odd.npz part.pt; do
	status 0 hvqz -o x.hvqz $f
	status 0 hvqz -d -fo x x.hvqz
	silent
	same x $f
	rm x.hvqz
done
status 0 hvqz --to npz --dtype f16 -fo x odd.npz
silent
status 0 hvqz --to tar -fo x more.zip
silent

# All names of one memory have its numbers, from files, pipes and .hvqz.
cat >look.py <<'EOP'
import json, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
h = {k: v for k, v in json.loads(b[8:8 + n]).items() if k[0] != "_"}
assert list(h) == ["a", "b.T", "c", "s"], list(h)
assert [v["shape"] for v in h.values()] == [[600, 1000], [600, 1000], [600000],
                                            [6]]
data = [b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
        for v in h.values()]
assert data[0] == data[1] and len(data[0]) == int(sys.argv[2])
if len(sys.argv) > 3:
    assert data[0] == data[2] == bytes(range(256)) * 9375
EOP
look() {
	python3 look.py "$@" || fail "not all names have the numbers"
}
status 0 hvqz --to safetensors tied.pt
silent
look tied.safetensors 2400000 exact
hvqz --to safetensors <tied.pt | cmp -s - tied.safetensors ||
	fail "tied.pt through a pipe"
status 0 hvqz --lossless tied.pt
status 0 hvqz -d --to safetensors -fo x tied.pt.hvqz
same x tied.safetensors
hvqz -d --to safetensors <tied.pt.hvqz | cmp -s - tied.safetensors ||
	fail "tied.pt.hvqz through a pipe"
status 0 hvqz --to npz tied.pt
status 0 hvqz --to safetensors -fo x tied.npz
look x 2400000 exact
status 0 hvqz --to tar -fo x tied.pt
tar xOf x model.safetensors | cmp -s - tied.safetensors || fail "tied in tar"
status 0 hvqz --to safetensors --dtype bf16 -fo x tied.pt
look x 1200000
hvqz -q --quality 3 -fo tied.hvqz head.pt
status 0 hvqz -d --to safetensors --dtype f32 -fo x tied.hvqz
hvqz -lv x | grep -q 'lm_head.weight .*F32' || fail "no F32 head"

# A GGUF needs no head that is the embedding.
for f in plain head; do
	mkdir $f
	mv $f.pt $f/model.pt
	cp "$DATA/kjv-1m/config.json" "$DATA/kjv-1m/tokenizer.json" $f
	status 0 hvqz --to gguf -o $f.gguf $f/model.pt
	silent
done
[ "$(wc -c <head.gguf)" -eq "$(wc -c <plain.gguf)" ] || fail "a needless head"
status 0 hvqz --to safetensors -fo x head/model.pt
hvqz -lv x | grep -q lm_head.weight || fail "no lm_head.weight"

# Files beside a model, and a GGUF of words alone, are not missed.
for f in good.npz good.pt files.zip; do
	status 0 hvqz --to safetensors -f $f
	silent
done
no_traces
