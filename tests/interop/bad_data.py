"""Data sets with one mistake each, made from docs/formats/dataset.md alone.

usage: bad_data.py FOLDER
"""
import sys

import h5py
import numpy as np

random = np.random.default_rng(7)


def moons(n):
    y = random.integers(0, 2, n).astype(np.int32)
    t = np.pi * random.random(n)
    x = np.stack([np.where(y == 0, np.cos(t), 1 - np.cos(t)), np.where(y == 0, np.sin(t), 0.5 - np.sin(t))], axis=1)
    return (x + 0.1 * random.normal(size=x.shape)).astype(np.float32), y


def write(name, *splits, kind="dataset"):
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w") as f:
        f.attrs["glia_kind"] = kind
        f.attrs["glia_format"] = 1
        for split, (x, y) in splits:
            f[f"{split}/x"] = x
            f[f"{split}/y"] = y


x, y = moons(300)
test = "test", moons(90)
write("good", ("train", (x, y)), test)
bad = x.copy()
bad[123, 1] = np.nan
write("nan", ("train", (bad, y)), test)
write("short", ("train", (x, y[:290])), test)
write("labels", ("train", (x, np.where(np.arange(300) == 77, 5, y).astype(np.int32))), test)
write("negative", ("train", (x, np.where(np.arange(300) == 78, -1, y).astype(np.int32))), test)
write("kind", ("train", (x, y)), test, kind="telemetry")
for name, place in ("format", ""), ("scale", "train/x"):
    write(name, ("train", (x, y)), test)
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "r+") as f:
        (f[place] if place else f).attrs["glia_format" if name == "format" else "scale"] = "one"
write("cube", ("train", (np.repeat(x[:, None, :], 3, axis=1), y)), test)
write("test_wide", ("train", (x, y)), ("test", (np.repeat(test[1][0], 2, axis=1), test[1][1])))
write("test_real", ("train", (x, y)), ("test", (test[1][0], test[1][1].astype(np.float32))))
write("test_no_y", ("train", (x, y)), test)
with h5py.File(f"{sys.argv[1]}/test_no_y.h5", "r+") as f:
    del f["test/y"]
many = np.repeat(moons(90)[0], 300, axis=0)
many[20000, 1] = np.nan
write("test_late", ("train", (x, y)), ("test", (many, np.zeros(len(many), np.int32))))
large = moons(20000)
large[1][7777] = 500000000
write("masked", ("train", large), test)
with h5py.File(f"{sys.argv[1]}/masked.h5", "r+") as f:
    for split, n in ("train", 20000), ("test", 90):
        f[f"{split}/mask"] = np.ones(n, np.uint8)
with h5py.File(f"{sys.argv[1]}/foreign.h5", "w") as f:
    f["somebody/elses"] = x
with open(f"{sys.argv[1]}/good.h5", "rb") as whole, open(f"{sys.argv[1]}/truncated.h5", "wb") as cut:
    cut.write(whole.read()[:2500])
with open(f"{sys.argv[1]}/text.h5", "w") as f:
    f.write("x,y\n1,2\n")
