"""Graphs of several sizes as rows of different lengths; told by docs/formats/dataset.md alone.

usage: ragged.py F.h5 LARGEST ; LARGEST: nodes of one more graph in the test split, 0: none
"""
import sys

import h5py
import numpy as np


def graph(i, n):
    """A ring of n nodes, with a chord in every second graph, which is what its label says."""
    links = [[(k - 1) % n, (k + 1) % n] for k in range(n)]
    if i % 2:
        links[0].append(n // 2)
        links[n // 2].append(0)
    x = np.stack([np.sin(0.7 * i + np.arange(n)), np.cos(1.3 * i * np.arange(n)), np.ones(n)], 1)
    return x, [sorted(l) for l in links], i % 2


def main(path, largest):
    with h5py.File(path, "w") as f:
        f.attrs["glia_kind"] = "dataset"
        f.attrs["glia_format"] = 1
        for split, rows in (("train", range(40)), ("test", range(40, 52))):
            graphs = [graph(i, 4 + i * i % 5) for i in rows]
            if split == "test" and int(largest):
                graphs.append(graph(99, int(largest)))
            for name, parts, dtype in (("x", [g[0] for g in graphs], "f4"),
                                       ("ptr", [np.cumsum([0] + [len(l) for l in g[1]]) for g in graphs], "i4"),
                                       ("idx", [np.concatenate(g[1]) for g in graphs], "i4")):
                f["%s/%s" % (split, name)] = np.concatenate(parts).astype(dtype)
                f["%s/%s_ptr" % (split, name)] = np.cumsum([0] + [len(p) for p in parts]).astype("i8")
            f[split + "/y"] = np.array([g[2] for g in graphs], "i4")


main(*sys.argv[1:])
