"""The first inputs of the corpus: small files as NumPy and h5py write them. usage: seeds.py CORPUS"""
import gzip, io, os, struct, sys
import h5py, numpy as np

top = sys.argv[1]

def put(target, name, data):
    os.makedirs(f"{top}/{target}", exist_ok=True)
    with open(f"{top}/{target}/{name}", "wb") as f:
        f.write(data)

put("yaml", "run", b"""seed: 1
data: {file: a.h5, batch: 8, micro_batch: 4, shuffle: true, last: pad}
model:
  - flatten
  - linear: {units: 5, name: "a\\tb"}
  - {relu: null, from: [x, 'it''s']}
loss: [{name: mse, weight: 1e-3}]
epochs: 5 # so many
checkpoint: {dir: run, every: 200}
""")
put("yaml", "block", b"a: |\n  one\n  two\nb: >-\n  three\n- c\n")
put("yaml", "override", b"data.batch=[1, {a: .inf}, ~, \"\\u00e9\"]\n")
idx = struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 2, 2) + bytes(range(12))
put("idx", "u8", idx)
put("idx", "packed", gzip.compress(idx, mtime=0))
put("idx", "i16", struct.pack(">BBBBI3h", 0, 0, 11, 1, 3, -1, 2, 3))
put("idx", "f64", struct.pack(">BBBBII2d", 0, 0, 14, 2, 1, 2, 0.5, 2.5))
put("csv", "header", b"\x01kind,a,b\ncat,1,2\n\"do\"\"g\",3,?\ncat,1e5,-0\n")
put("csv", "tabs", b"\x061\t2\t3\n4\t5\t6\n7\t8\t9\n")
put("csv", "missing", b"\x10a;b\n1;\n2;3\n")
put("csv", "categories", b"\x61a,b,c\n1,2,x\n1,,y\n2,3,\n")
put("csv", "blanks", b"\x00 1  2\r\n3 4 \n")
for name, a in {"f4": np.arange(6, dtype="<f4").reshape(2, 3), "be": np.arange(4, dtype=">i2"), "b1": np.ones((2, 2), bool),
                "i8": np.arange(3)}.items():
    b = io.BytesIO()
    np.save(b, a)
    put("npy", name, b.getvalue())

def h5(target, name, fill):
    b = io.BytesIO()
    with h5py.File(b, "w", libver="earliest") as f:  # no sums over metadata: damage goes further
        fill(f)
    put(target, name, b.getvalue())

def head(f, kind):
    f.attrs["glia_kind"] = kind
    f.attrs["glia_format"] = 1

def dataset(f, **how):
    head(f, "dataset")
    x = f.create_dataset("train/x", data=(np.arange(8 * 6) % 7).astype("u1").reshape(8, 2, 3), **how)
    x.attrs["scale"] = 0.5
    f["train/y"] = np.arange(8, dtype="<i4")

h5("dataset", "plain", dataset)
h5("dataset", "packed", lambda f: dataset(f, chunks=(3, 2, 3), compression=1, shuffle=True))
h5("dataset", "odd_chunks", lambda f: dataset(f, chunks=(4, 1, 2), fletcher32=True))

def floats(f):
    head(f, "dataset")
    f.create_dataset("train/x", data=np.linspace(0, 1, 40, dtype="<f4").reshape(10, 4), chunks=(4, 4), compression=1, shuffle=True)
    f.create_dataset("train/y", data=np.linspace(0, 1, 10).astype(">f8"))

h5("dataset", "floats", floats)

def checkpoint(f):
    head(f, "checkpoint")
    f.create_dataset("config", data=np.bytes_("seed: 1\n"))
    f.create_group("run").attrs["step"] = 3
    f["run"].attrs["kernel_level"] = "x"
    f["params/0-linear/weight"] = np.ones((2, 3), "<f4")
    f["optimizer/m/0-linear/weight"] = np.ones((2, 3), "<f4")

h5("checkpoint", "plain", checkpoint)

def telemetry(f):
    head(f, "telemetry")
    n = f.create_group("nodes/n1")
    n["time"] = np.arange(4, dtype="<i8")
    n["values"] = np.ones((4, 2), "<f4")
    n.create_dataset("names", data=np.array(["a", "b"], "S8"))
    n.create_dataset("units", data=np.array(["", "B"], "S8"))
    f["labels/n1"] = np.zeros(4, "i1")

h5("telemetry", "plain", telemetry)

def graph(f):
    head(f, "dataset")
    f["graph/ptr"] = np.array([0, 2, 3, 4], "<i8")
    f["graph/idx"] = np.array([1, 2, 0, 0], "<i8")
    f["graph/val"] = np.ones(4, "<f4")
    f["nodes/x"] = np.ones((3, 2), "<f4")
    f["nodes/train"] = np.array([1, 0, 1], "u1")

h5("graph", "plain", graph)

import json

def safetensors(**arrays):
    head, data = {}, b""
    for name, (dtype, shape, raw) in arrays.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data

put("safetensors", "three", safetensors(a=("F32", [2, 2], bytes(16)), b=("BF16", [3], bytes(6)), c=("I64", [], bytes(8))))
put("safetensors", "half", safetensors(w=("F16", [1, 2], b"\x00\x3c\x00\x7c")))
put("safetensors", "index", json.dumps({"metadata": {}, "weight_map": {"a": "m-1.safetensors"}}).encode())
for name, save in {"stored": np.savez, "packed": np.savez_compressed}.items():
    b = io.BytesIO()
    save(b, w=np.arange(6, dtype="<f4").reshape(2, 3), h=np.ones(3, "<f2"))
    put("npz", name, b.getvalue())
