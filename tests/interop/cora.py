"""The citation graph of Cora as a data set whose one row is the graph; told by docs/formats/dataset.md alone.

usage: cora.py FOLDER F.h5
"""
import csv
import sys

import h5py
import numpy as np


def table(folder, name):
    with open("%s/%s.csv" % (folder, name)) as f:
        return list(csv.reader(f))[1:]


def main(folder, path):
    label = np.array([int(v) for _, v in table(folder, "labels")], np.int32)
    n = len(label)
    features = np.array([[int(v) for v in row] for row in table(folder, "features")])
    x = np.zeros((n, features[:, 1].max() + 1), np.float32)
    x[features[:, 0], features[:, 1]] = 1
    x /= np.maximum(x.sum(1, keepdims=True), 1)  # rows sum to 1, as in the paper
    edges = np.array([[int(v) for v in row] for row in table(folder, "edges")])
    edges = np.concatenate([edges, edges[:, ::-1]])  # each link both ways
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    ptr = np.searchsorted(edges[:, 0], np.arange(n + 1)).astype(np.int32)
    split = np.array([v for _, v in table(folder, "split")])
    with h5py.File(path, "w") as f:
        f.attrs["glia_kind"] = "dataset"
        f.attrs["glia_format"] = 1
        for name, word in (("train", "train"), ("valid", "val"), ("test", "test")):
            f[name + "/x"] = x[None]
            f[name + "/y"] = label[None]
            f[name + "/ptr"] = ptr[None]
            f[name + "/idx"] = edges[:, 1].astype(np.int32)[None]
            f[name + "/mask"] = (split == word).astype(np.uint8)[None]
    print("%d nodes, %d entries" % (n, len(edges)))


main(*sys.argv[1:])
