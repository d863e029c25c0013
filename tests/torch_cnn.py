"""Repeats what dump_torch_cnn printed (standard input) in PyTorch, in float64, and prints TAP."""
import sys

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
TOLERANCE = 1e-9  # relative to the largest element, at least 1; what is seen is below 1e-12


def read(lines):
    common, cases = {}, {}
    arrays = common
    for line in lines:
        head, _, numbers = line.partition(":")
        words = head.split()
        if words[0] == "case":
            arrays = cases[words[1]] = {}
        else:
            extents = [int(w) for w in words[2:]]
            arrays[words[1]] = torch.tensor([float(n) for n in numbers.split()]).reshape(extents)
    return common, cases


class Rows(nn.Module):
    def __init__(self, *row):
        super().__init__()
        self.row = row

    def forward(self, x):
        return x.reshape(x.shape[0], *self.row)


class Resize(nn.Module):
    def __init__(self, size, mode):
        super().__init__()
        self.size, self.mode = size, mode

    def forward(self, x):
        return nn.functional.interpolate(x, self.size, mode=self.mode)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class L1Norm(nn.Module):
    """(x - mean) / (mean |x - mean| + eps), over the batch and all axes of a channel, or over the last axis of a row."""

    def __init__(self, n, batch):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))
        self.register_buffer("running_mean", torch.zeros(n))
        self.register_buffer("running_deviation", torch.ones(n))
        self.batch = batch

    def forward(self, x):
        axes = (0, 2, 3) if self.batch else (-1,)
        shape = (1, -1, 1, 1) if self.batch else (1, -1)
        if self.batch and not self.training:
            mean, s = self.running_mean.reshape(shape), self.running_deviation.reshape(shape)
        else:
            mean = x.mean(axes, keepdim=True)
            s = (x - mean).abs().mean(axes, keepdim=True)
        if self.batch and self.training:
            self.running_mean.lerp_(mean.detach().flatten(), 0.1)
            self.running_deviation.lerp_(s.detach().flatten(), 0.1)
        return self.weight.reshape(shape) * (x - mean) / (s + 1e-5) + self.bias.reshape(shape)


class Sum(nn.Module):
    """A chain of which the last adds the output of item 3."""

    def __init__(self, items):
        super().__init__()
        self.items = nn.ModuleList(items)

    def forward(self, x):
        for i, item in enumerate(self.items):
            if i == 6:
                x = x + kept
            else:
                x = item(x)
            if i == 3:
                kept = x
        return x


flat = nn.Flatten
CASES = {
    "conv1d": lambda: [Rows(8, 15), nn.Conv1d(8, 6, 3, 2, 2, groups=2), flat()],
    "conv2d": lambda: [nn.Conv2d(4, 6, (3, 2), (1, 2), (1, 0), (2, 1)), flat()],
    "conv3d": lambda: [Rows(2, 2, 6, 5), nn.Conv3d(2, 3, (2, 3, 3), padding=(1, 0, 1)), flat()],
    "same": lambda: [nn.Conv2d(4, 5, (2, 3), padding="same", bias=False), flat()],
    "depthwise": lambda: [nn.Conv2d(4, 8, 3, padding=1, groups=4), flat()],
    "reflect": lambda: [nn.Conv2d(4, 3, 3, padding=2, padding_mode="reflect"), flat()],
    "replicate": lambda: [nn.Conv2d(4, 3, 3, padding=2, padding_mode="replicate"), flat()],
    "circular": lambda: [nn.Conv2d(4, 3, 3, padding=2, padding_mode="circular"), flat()],
    "max_pool": lambda: [nn.Conv2d(4, 4, 1), nn.MaxPool2d(3, 2, 1), flat()],
    "avg_pool": lambda: [nn.Conv2d(4, 4, 1), nn.AvgPool2d(2, padding=1), flat()],
    "avg_rows": lambda: [nn.Conv2d(4, 4, 1), nn.AvgPool2d(3, 2, 1, count_include_pad=False), flat()],
    "adaptive": lambda: [nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d((4, 3)), flat()],
    "global": lambda: [nn.Conv2d(4, 7, 2), nn.ReLU(), Mean()],
    "nearest": lambda: [nn.Conv2d(4, 4, 1), Resize((9, 8), "nearest"), flat()],
    "linear": lambda: [nn.Conv2d(4, 4, 1), Resize((9, 3), "bilinear"), flat()],
    "batch_norm": lambda: [nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), flat()],
    "batch_norm_rows": lambda: [flat(), nn.Linear(120, 9), nn.BatchNorm1d(9, momentum=0.3, eps=1e-3), nn.Tanh()],
    "batch_norm_l1": lambda: [nn.Conv2d(4, 5, 3), L1Norm(5, True), nn.ReLU(), flat()],
    "group_norm": lambda: [nn.Conv2d(4, 6, 3), nn.GroupNorm(3, 6), nn.GELU(), flat()],
    "layer_norm_l1": lambda: [flat(), nn.Linear(120, 9), L1Norm(9, False), nn.GELU(approximate="tanh")],
    "activations": lambda: [flat(), nn.Linear(120, 9), nn.Softplus(threshold=1000), nn.Linear(9, 9), nn.ELU(),
                            nn.Linear(9, 9), nn.LeakyReLU(0.2)],
    "cnn": lambda: [nn.Conv2d(4, 8, 3, padding="same"), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8), nn.Identity(), nn.ReLU(), Mean()],
}
NAMES = {"last": -1, "b": 5}


def difference(have, want):
    return float((have - want).abs().max() / max(1.0, float(want.abs().max())))


def tensor_of(items, path):
    """The tensor that params/02-conv/weight or state/02-batch_norm/var is."""
    kind, layer, part = path.split("/")
    item = items[NAMES[layer] if layer in NAMES else int(layer.split("-")[0])]
    return getattr(item, part if kind == "params" else "running_" + part)


def check(name, arrays, x, y):
    items = CASES[name]()
    inputs = 0
    for path, array in arrays.items():
        if path == "first/params/last/weight":
            inputs = array.shape[1]
    items.append(nn.Linear(inputs, 3))
    net = Sum(items) if name == "cnn" else nn.Sequential(*items)
    with torch.no_grad():
        for path, array in arrays.items():
            if path.startswith("first/"):
                tensor_of(items, path[6:]).copy_(array)
    count = sum(p.numel() for p in net.parameters())
    assert count == sum(a.numel() for p, a in arrays.items() if p.startswith("first/params/")), "parameters"
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(arrays["losses"].numel()):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    net.eval()
    worst = difference(arrays["losses"], torch.tensor(losses))
    worst = max(worst, difference(arrays["predict/output"], net(x).detach()))
    for path, array in arrays.items():
        if path.startswith("last/"):
            worst = max(worst, difference(array, tensor_of(items, path[5:]).detach()))
    return worst


def main():
    common, cases = read(sys.stdin)
    x, y = common["x"], common["y"].long()
    print("1..%d" % len(CASES))
    for number, name in enumerate(CASES, 1):
        worst = check(name, cases[name], x, y)
        print("%s %d - %s agrees with PyTorch (%.1e)" % ("ok" if worst < TOLERANCE else "not ok", number, name, worst))


main()
