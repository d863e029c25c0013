"""Steps of `glia train` taken again by PyTorch, from docs/formats/ alone.

usage: torch_train.py make F.h5                          a small set of images
       torch_train.py check F.h5 FIRST LAST OPTIMIZER    from one checkpoint to another; prints the largest difference
check may be given several times in a row: it ends with 1 when a weight differs by more than 1e-4.
"""
import sys

import h5py
import numpy as np

BATCH, LIMIT = 48, 1e-4


def make(path):
    random = np.random.default_rng(3)
    with h5py.File(path, "w") as f:
        f.attrs["glia_kind"] = "dataset"
        f.attrs["glia_format"] = 1
        y = random.integers(0, 4, 220).astype(np.int32)
        x = random.integers(0, 160, (220, 5, 6))
        x[np.arange(220), y] += 90  # a brighter row tells the class
        x = f.create_dataset("train/x", data=x.astype(np.uint8), chunks=(64, 5, 6), compression=1)
        x.attrs["scale"] = 1 / 127.5
        x.attrs["offset"] = -1.0
        f["train/y"] = y


def parameters(f):
    """weight and bias of the linear layers in their order, and the step."""
    layers = [f["params"][name] for name in sorted(f["params"])]
    return [layer[name][...] for layer in layers for name in ("weight", "bias")], int(f["run"].attrs["step"])


def check(data, first, last, kind):
    import torch

    torch.manual_seed(0)
    with h5py.File(data) as f:
        stored = f["train/x"]
        x = torch.from_numpy((stored[...] * stored.attrs.get("scale", 1) + stored.attrs.get("offset", 0)).astype(np.float32))
        y = torch.from_numpy(f["train/y"][...]).long()
    with h5py.File(first) as f:
        arrays, start = parameters(f)
    with h5py.File(last) as f:
        theirs, end = parameters(f)
    assert start == 0 and len(arrays) == len(theirs) == 6
    w = [torch.tensor(a, requires_grad=True) for a in arrays]
    optimizer = torch.optim.SGD(w, lr=0.1) if kind == "sgd" else torch.optim.Adam(w, lr=5e-3)
    linear = torch.nn.functional.linear
    per_epoch = -(-len(x) // BATCH)
    for step in range(end):
        rows = slice(step % per_epoch * BATCH, (step % per_epoch + 1) * BATCH)  # the last one of an epoch is shorter
        hidden = torch.tanh(linear(x[rows].flatten(1), w[0], w[1]))
        hidden = torch.relu(linear(hidden, w[2], w[3]))
        loss = torch.nn.functional.cross_entropy(linear(hidden, w[4], w[5]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    worst = max(float(np.abs(a.detach().numpy() - b).max()) for a, b in zip(w, theirs))
    moved = max(float(np.abs(a - b).max()) for a, b in zip(arrays, theirs))
    print(f"# {end} steps of {kind}: largest difference of a weight {worst:.2g}, largest movement {moved:.2g}")
    return worst <= LIMIT and moved > 100 * LIMIT


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    good = True
    for i in range(1, len(sys.argv), 5):
        good = check(*sys.argv[i + 1 : i + 5]) and good
    sys.exit(0 if good else 1)
