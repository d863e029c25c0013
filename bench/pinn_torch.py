"""The peer of `glia bench pinn`: Burgers' residual and its training in PyTorch, driven over standard input and output.

Reads lines, answers each with one:
  array NAME DTYPE DIM...   then the raw numbers: x [n, 2] (t, x), test_x, test_u, params/LAYER/NAME
  build SCALE               the network from the arrays, one thread; its output times SCALE
  run N                     N losses with gradients: seconds, and the loss
  race SECONDS TARGET       L-BFGS from the weights that were handed over: seconds, relative error, evaluations
"""
import sys
import time

import numpy as np
import torch


class Peer:
    def __init__(self, arrays, scale):
        torch.set_num_threads(1)
        self.scale = scale
        self.start = [arrays[k].clone() for k in sorted(arrays) if k.startswith("params/")]  # bias before weight
        self.weights = [w.clone().requires_grad_() for w in self.start]
        self.t, self.x = arrays["x"][:, :1].clone().requires_grad_(), arrays["x"][:, 1:].clone().requires_grad_()
        self.test_x, self.test_u = arrays["test_x"], arrays["test_u"]

    def u(self, t, x):
        h = torch.cat([2 * t - 1, x], 1)
        for k in range(0, len(self.weights), 2):
            h = torch.addmm(self.weights[k], h, self.weights[k + 1].T)
            if k + 2 < len(self.weights):
                h = torch.tanh(h)
        return -torch.sin(np.pi * x) + t * (x + 1) * (x - 1) * self.scale * h

    def loss(self):
        u = self.u(self.t, self.x)
        u_t, u_x = torch.autograd.grad(u, (self.t, self.x), torch.ones_like(u), create_graph=True)
        u_xx = torch.autograd.grad(u_x, self.x, torch.ones_like(u), create_graph=True)[0]
        return ((u_t + u * u_x - 0.01 / np.pi * u_xx) ** 2).mean()

    def run(self, n):
        begin = time.perf_counter()
        for _ in range(n):
            loss = self.loss()
            torch.autograd.grad(loss, self.weights)
        return time.perf_counter() - begin, loss.item()

    def error(self):
        with torch.no_grad():
            u = self.u(self.test_x[:, :1], self.test_x[:, 1:])
            return ((u - self.test_u).norm() / self.test_u.norm()).item()

    def race(self, seconds, target):
        calls = 0

        def closure():
            nonlocal calls
            calls += 1
            optimizer.zero_grad(set_to_none=True)
            loss = self.loss()
            loss.backward(inputs=self.weights)
            return loss

        with torch.no_grad():
            for w, s in zip(self.weights, self.start):
                w.copy_(s)
        optimizer = torch.optim.LBFGS(self.weights, lr=1, max_iter=20, history_size=50, line_search_fn="strong_wolfe",
                                      tolerance_grad=0, tolerance_change=0)
        begin = time.perf_counter()
        while True:
            optimizer.step(closure)
            took, error = time.perf_counter() - begin, self.error()
            if error <= target or took >= seconds or not np.isfinite(error):
                return took, error, calls


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
        elif word[0] == "build":
            peer = Peer(arrays, float(word[1]))
            say("ok")
        elif word[0] == "run":
            say("%.9f %.17g" % peer.run(int(word[1])))
        elif word[0] == "race":
            say("ok %.9f %.17g %d" % peer.race(float(word[1]), float(word[2])))


main()
