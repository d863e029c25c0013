#!/bin/sh
# The pages in docs/formats/ are enough: h5py reads what we write, and we read what h5py writes from them alone.
python=
for p in "${PYTHON3:-python3}" python3 /usr/bin/python3; do
  if "$p" -c 'import h5py, numpy' 2>/dev/null; then python=$p; break; fi
done
if [ -z "$python" ]; then
  echo "1..0 # SKIP no python3 with h5py"
  exit 0
fi
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
tool=$builddir/formats_tool
n=0
failed=0
point() { # name, exit status
  n=$((n + 1))
  if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; failed=1; fi
}
echo 1..8

"$tool" write "$dir"
point "one file of each kind is written" $?

"$python" - "$dir/dataset.h5" <<'PY'
import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], "r")
assert f.attrs["glia_kind"] == "dataset" and f.attrs["glia_format"] == 1 and f.attrs["glia_version"]
x, y, z = f["train/x"], f["train/y"], f["test/z"]
assert x.shape == (3000, 28, 28) and x.dtype == np.uint8 and x.attrs["scale"] == 1 / 255 and "offset" not in x.attrs
assert x.chunks and x.compression == "gzip"
i, k = np.ogrid[:3000, :784]
assert (x[...].reshape(3000, 784) == (i + k) % 256).all()
assert y.dtype == np.int32 and (y[...] == np.arange(3000) % 2).all() and y.attrs["classes"].split("\n") == ["odd", "even"]
assert z.dtype == np.float32 and z.shape == (3000, 2) and (z[:, 0] == np.arange(3000)).all() and (z[:, 1] == -0.5).all()
PY
point "h5py reads a dataset" $?

"$python" - "$dir/step-0000000400.h5" <<'PY'
import sys, ctypes, hashlib, h5py, numpy as np
f = h5py.File(sys.argv[1], "r")
assert f.attrs["glia_kind"] == b"checkpoint" and f.attrs["glia_format"] == 4
class Sum(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]
xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_128bits
xxh3.restype, xxh3.argtypes = Sum, [ctypes.c_char_p, ctypes.c_size_t]
def xxh128(data):
    s = xxh3(data, len(data))
    return "%016x%016x" % (s.high, s.low)
run = f["run"].attrs
assert run["step"] == 400 and run["seed"] == 1 and run["kernel_level"] == b"avx2" and run["lr"] == 0.25
assert f["config"][()] == b"seed: 1\n" and f["config"].attrs["xxh128"].decode() == xxh128(b"seed: 1\n")
w = f["params/01-linear/weight"]
assert w.dtype == "<f4" and (w[...] == np.arange(1, 7).reshape(2, 3)).all()
assert f["state/count"][()] == 5 and f["state/count"].shape == ()
def arrays(*groups):
    found = {}
    for g in groups:
        f[g].visititems(lambda k, d, g=g: found.update({g + "/" + k: d}) if isinstance(d, h5py.Dataset) else None)
    return [found[k] for k in sorted(found, key=str.encode)]
def digest(*groups):
    h = hashlib.sha256()
    for d in arrays(*groups):
        h.update(d[()].tobytes())
    return h.hexdigest()
assert digest("params") == run["parameters_sha256"].decode()
assert digest("optimizer", "state") == run["state_sha256"].decode()
for d in arrays("params", "optimizer", "state"):
    assert xxh128(d[()].tobytes()) == d.attrs["xxh128"].decode()
    assert d.id.get_storage_size() < 65536 or d.id.get_offset() % 4096 == 0
data = open(sys.argv[1], "rb").read()
last = data[-67:]
table = int(last[46:66])
between, at = b"", 0
lines = data[table:-67].split(b"\n")
assert lines[1].split() == [b"glia-parts", b"%020d" % len(arrays("params", "optimizer", "state"))] and lines[-1] == b""
for offset, size, digest in (line.split() for line in lines[2:-1]):
    between += data[at:int(offset)]
    at = int(offset) + int(size)
    assert xxh128(data[int(offset):at]).encode() == digest
between += data[at:-67]
assert last == b"\nglia-xxh128 " + xxh128(between).encode() + b" %020d\n" % table
PY
point "h5py reads a checkpoint, and its sums are as described" $?

"$python" - "$dir/telemetry.h5" <<'PY'
import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], "r")
n = f["nodes/n1"]
assert f.attrs["glia_kind"] == "telemetry"
assert n["time"].dtype == np.int64 and list(n["time"]) == [1000, 2000] and n.attrs["train_rows"] == 1
assert n["values"].dtype == np.float32 and (n["values"][...] == [[1, 2], [3, 4]]).all()
assert [t.decode() for t in n["names"]] == ["load1", "power"] and [t.decode() for t in n["units"]] == ["", "W"]
assert f["labels/n1"].dtype == np.int8 and list(f["labels/n1"]) == [0, 1]
assert f["causes/n1"][...].tolist() == [[1, 1, 0]]
s = f["scores/n1"]
assert s.attrs["threshold"] == 3.0 and list(s["value"]) == [0.5, 9.0] and list(s["time"]) == [1000, 2000]
e = f["events"]
assert list(e["time"]) == [1500] and e["node"][0] == b"n1" and e["text"][0] == b"fan broke"
PY
point "h5py reads telemetry" $?

# The example of each page, run as it stands.
sed -n '/^```python/,/^```$/p' "$srcdir/docs/formats/dataset.md" | sed '/^```/d' > "$dir/example.py"
(cd "$dir" && "$python" example.py && "$tool" dataset mine.h5 > mine.txt &&
  grep -qx 'x u8 \[28, 28\] scale 0.00392157 offset 0 last 0' mine.txt && grep -qx 'y i32 \[\] scale 1 offset 0 last 0' mine.txt)
point "a dataset made by the example in its page is read" $?

"$python" - "$dir" <<'PY' && "$tool" dataset "$dir/other.h5" > "$dir/other.txt" && cat "$dir/other.txt" | sed 's/^/# /' &&
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + "/other.h5", "w") as f: # big-endian, growing, text of fixed length, filters, more fields
    f.attrs["glia_kind"] = np.bytes_("dataset")
    f.attrs["glia_format"] = np.uint8(1)
    d = f.create_dataset("train/x", shape=(7, 3), maxshape=(None, 3), dtype=">f8", chunks=(4, 3), shuffle=True,
                         compression=9, fletcher32=True)
    d[...] = np.arange(21).reshape(7, 3)
    d.attrs["offset"] = 2
    f["train/weight"] = np.full(7, 0.5, np.float32)
    f["train/y"] = np.arange(7, dtype=np.int32)
PY
  grep -qx 'x f64 \[3\] scale 1 offset 2 last 18' "$dir/other.txt" && grep -qx 'weight f32 \[\] scale 1 offset 0 last 0.5' "$dir/other.txt" &&
  grep -qx 'y i32 \[\] scale 1 offset 0 last 6' "$dir/other.txt"
point "a dataset of other layouts is read" $?

"$python" - "$dir" <<'PY' && "$tool" checkpoint "$dir/foreign.h5" > "$dir/foreign.txt" &&
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + "/foreign.h5", "w") as f:
    f.attrs.update({"glia_kind": "checkpoint", "glia_format": 1})
    f["params/01-linear/weight"] = np.zeros((2, 3), np.float32)
    f["config"] = "seed: 7"
    f.create_group("run").attrs.update({"step": 12, "note": "by hand"})
PY
  grep -qx 'step 12' "$dir/foreign.txt" && grep -qx 'config seed: 7' "$dir/foreign.txt" &&
  grep -qx 'params/01-linear/weight f32 \[2, 3\]' "$dir/foreign.txt"
point "a checkpoint made by h5py is read" $?

"$python" - "$dir" <<'PY' && "$tool" telemetry "$dir/tele.h5" > "$dir/tele.txt" && grep -qx 'nodé 3 2 a \[°C\] 5' "$dir/tele.txt"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1] + "/tele.h5", "w") as f:
    f.attrs.update({"glia_kind": "telemetry", "glia_format": 1})
    g = f.create_group("nodes/nod\u00e9")
    g["time"] = np.arange(3)
    g["values"] = np.arange(6, dtype=np.float32).reshape(3, 2)
    g["names"] = ["a", "b"]
    g["units"] = ["", "\u00b0C"]
PY
point "telemetry made by h5py is read" $?
exit $failed
