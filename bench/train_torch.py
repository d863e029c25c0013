"""The peer of `glia bench train` and `glia bench scaling`: the same steps in PyTorch, driven over standard input and output.

Reads lines, answers each with one:
  join FILE RANK SIZE       one of so many processes that meet in FILE: gradients are averaged over them (DDP, Gloo)
  array NAME DTYPE DIM...   then the raw numbers: x, y, params/LAYER/NAME
  build WORKLOAD THREADS [CLIP]  the model from the arrays; tries the variants and keeps the quickest; CLIP: of the norm
  run N                     N steps: seconds, and the loss of the last one before its update
  reset                     back to the initial weights
Layers are numbered as in Glia's chain, one module each, so that weights find their place by path.
"""
import sys
import time
import warnings

import numpy as np
import torch
from torch import distributed, nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")
NAMES = {"attention_in_weight": "self_attn.in_proj_weight", "attention_in_bias": "self_attn.in_proj_bias",
         "attention_out_weight": "self_attn.out_proj.weight", "attention_out_bias": "self_attn.out_proj.bias"}
for part in ("linear1", "linear2", "norm1", "norm2"):
    for kind in ("weight", "bias"):
        NAMES["%s_%s" % (part, kind)] = "%s.%s" % (part, kind)


class Residual(nn.Module):
    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def __getitem__(self, i):
        return self.body[i]

    def forward(self, x):
        return x + self.body(x)


class Positional(nn.Module):
    def __init__(self, places, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(places, width))

    def forward(self, x):
        return x + self.weight


class Block(nn.TransformerEncoderLayer):
    def __init__(self, width, places):
        super().__init__(width, 4, 4 * width, 0.0, "gelu", norm_first=True, batch_first=True)
        self.future = torch.ones(places, places, dtype=torch.bool).triu(1)

    def forward(self, x):
        return super().forward(x, self.future)


def conv(i, o):
    return nn.Conv2d(i, o, 3, padding=1)


def block():
    return [Residual(conv(32, 32), nn.BatchNorm2d(32), nn.ReLU(), conv(32, 32), nn.BatchNorm2d(32)), nn.ReLU()]


class Gpt(nn.Sequential):
    def forward(self, x):
        return F.linear(super().forward(x), self[0].weight).transpose(1, 2)


MODELS = {
    "mlp": lambda: nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)),
    "autoencoder": lambda: nn.Sequential(nn.Linear(166, 1660), nn.ReLU(), nn.Linear(1660, 166)),
    "cnn": lambda: nn.Sequential(conv(1, 32), nn.ReLU(), conv(32, 64), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                                 nn.Linear(64 * 14 * 14, 10)),
    "resnet": lambda: nn.Sequential(conv(3, 32), nn.BatchNorm2d(32), nn.ReLU(), *block(), *block(), *block(), *block(),
                                    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    "gpt": lambda: Gpt(nn.Embedding(65, 128), Positional(64, 128), *[Block(128, 64) for _ in range(4)],
                       nn.LayerNorm(128)),
    "pinn": lambda: nn.Sequential(*[m for i in range(8) for m in (nn.Linear(20 if i else 2, 20), nn.Tanh())],
                                  nn.Linear(20, 1)).double(),
}


def autoencoder_loss(model, x, _):
    h = torch.relu(model[0](x))
    return F.l1_loss(model[2](h), x) + 1e-5 * h.abs().sum(1).mean()


def burgers_loss(model, x, _):
    place, when = x[:, :1].detach().requires_grad_(), x[:, 1:].detach().requires_grad_()
    u = model(torch.cat([place, when], 1))
    ones = torch.ones_like(u)
    u_x, u_t = torch.autograd.grad(u, (place, when), ones, create_graph=True)
    u_xx = torch.autograd.grad(u_x, place, ones, create_graph=True)[0]
    return ((u_t + u * u_x - 0.01 / np.pi * u_xx) ** 2).mean()


def label_loss(model, x, y):
    return F.cross_entropy(model(x), y)


LOSSES = {"autoencoder": autoencoder_loss, "pinn": burgers_loss}


def place_of(model, path):
    layer, name = path[len("params/"):].split("/")
    module = model
    for part in layer.split("."):
        module = module[0 if part == "e" else int(part[:2]) if part[:2].isdigit() else {"wide": 0, "hidden": 1}[part]]
    return module.get_parameter(NAMES.get(name, name))


class Peer:
    def __init__(self, kind, arrays, last, foreach, clip):
        self.model = MODELS[kind]()
        self.clip = clip
        self.loss = LOSSES.get(kind, label_loss)
        self.arrays = arrays
        self.update = kind != "pinn"
        self.foreach = foreach
        self.x, self.y = arrays["x"], arrays.get("y")
        if kind == "gpt":
            self.x = self.x.int()
        if self.y is not None:
            self.y = self.y.long()
        self.format = torch.channels_last if last else torch.contiguous_format
        if last:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.run_model = self.model
        if distributed.is_initialized():
            rank, size = distributed.get_rank(), distributed.get_world_size()
            self.x, self.y = (v.chunk(size)[rank].contiguous() if v is not None else None for v in (self.x, self.y))
            self.run_model = nn.parallel.DistributedDataParallel(self.model, gradient_as_bucket_view=True)
        self.reset()

    def reset(self):
        with torch.no_grad():
            for path, value in self.arrays.items():
                if path.startswith("params/"):
                    place_of(self.model, path).copy_(value)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, foreach=self.foreach)

    def run(self, n):
        loss = None
        begin = time.perf_counter()
        for _ in range(n):
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.run_model, self.x, self.y)
            loss.backward()
            if self.clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
            if self.update:
                self.optimizer.step()
        return time.perf_counter() - begin, loss.item()


def slowest(seconds):
    """Of all processes, so that they choose alike."""
    if distributed.is_initialized():
        seconds = torch.tensor(seconds, dtype=torch.float64)
        distributed.all_reduce(seconds, distributed.ReduceOp.MAX)
    return float(seconds)


def quickest(kind, arrays, clip):
    best, name = None, None
    for last in (False, True) if kind in ("cnn", "resnet") else (False,):
        for foreach in (False, True) if kind != "pinn" else (False,):
            peer = Peer(kind, arrays, last, foreach, clip)
            peer.run(2)
            took = slowest(min(peer.run(1)[0] for _ in range(6)))
            if best is None or took < best[0]:
                best = took, peer
                name = ",".join((["channels_last"] if last else []) + (["foreach"] if foreach else [])) or "plain"
    best[1].reset()
    return best[1], name


def main():
    arrays, peer = {}, None
    say = lambda text: print(text, flush=True)
    say("ready " + torch.__version__)
    for line in sys.stdin.buffer:
        word = line.decode().split()
        if word[0] == "array":
            dtype, dims = np.dtype(word[2]), [int(w) for w in word[3:]]
            raw = sys.stdin.buffer.read(dtype.itemsize * int(np.prod(dims)))
            arrays[word[1]] = torch.from_numpy(np.frombuffer(raw, dtype).reshape(dims).copy())
            say("ok")
        elif word[0] == "join":
            distributed.init_process_group("gloo", init_method="file://" + word[1], rank=int(word[2]), world_size=int(word[3]))
            say("ok")
        elif word[0] == "build":
            torch.set_num_threads(int(word[2]))
            peer, name = quickest(word[1], arrays, float(word[3]) if len(word) > 3 else 0.0)
            say("ok " + name)
            arrays = {}
        elif word[0] == "run":
            say("%.9f %.17g" % peer.run(int(word[1])))
        elif word[0] == "reset":
            peer.reset()
            say("ok")


main()
