"""Measures of a checkpoint of [linear, tanh, linear: 2] on the test rows of a data set, from docs/formats/ alone, by counting.

usage: metrics.py F.h5 CHECKPOINT ; prints: accuracy f1 auroc
"""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as f:
    x, y = f["test/x"][...].astype(float), f["test/y"][...]
with h5py.File(sys.argv[2]) as f:
    w = [f["params"][layer][name][...].astype(float) for layer in sorted(f["params"]) for name in ("weight", "bias")]
z = np.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3]
said, score = z.argmax(1), z[:, 1] - z[:, 0]
tp = ((said == 1) & (y == 1)).sum()
pairs = score[y == 1][:, None] - score[y == 0][None]
print("%.12f %.12f %.12f" % ((said == y).mean(), 2 * tp / ((said == 1).sum() + (y == 1).sum()), ((pairs > 0) + 0.5 * (pairs == 0)).mean()))
