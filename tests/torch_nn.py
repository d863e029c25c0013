"""Repeats what dump_torch_nn printed (standard input) in PyTorch, in float64, and prints TAP."""
import sys

import torch

torch.set_default_dtype(torch.float64)
TOLERANCE = 1e-6  # relative; what is seen is some 1e-13


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


def plain(kind, **options):
    return lambda named: kind([p for _, p in named], **options)


def groups(named):
    biases = [p for n, p in named if n.endswith("bias")]
    front = [p for n, p in named if n == "00-linear/weight"]
    rest = [p for n, p in named if not n.endswith("bias") and n != "00-linear/weight"]
    return torch.optim.Adam(
        [{"params": biases, "lr": 2e-2}, {"params": front, "weight_decay": 0.1}, {"params": rest}], lr=1e-2)


O = torch.optim
OPTIMIZERS = {
    "sgd": plain(O.SGD, lr=0.1),
    "sgd_decay": plain(O.SGD, lr=0.1, weight_decay=0.05),
    "momentum": plain(O.SGD, lr=0.05, momentum=0.9),
    "nesterov": plain(O.SGD, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": plain(O.Adam, lr=1e-2),
    "adam_decay": plain(O.Adam, lr=1e-2, weight_decay=0.1, betas=(0.8, 0.99), eps=1e-6),
    "adamw": plain(O.AdamW, lr=1e-2),
    "adamw_decay": plain(O.AdamW, lr=1e-2, weight_decay=0.3),
    "clip": plain(O.SGD, lr=0.1),
    "groups": groups,
    "rmsprop": plain(O.RMSprop, lr=1e-2),
    "rmsprop_all": plain(O.RMSprop, lr=1e-2, alpha=0.9, eps=1e-6, momentum=0.5, centered=True, weight_decay=0.1),
    "adagrad": plain(O.Adagrad, lr=0.1),
    "adagrad_decay": plain(O.Adagrad, lr=0.1, lr_decay=0.2, weight_decay=0.1),
}
F = torch.nn.functional


def info_nce(z, t, scale):
    """Cross-entropy of cosine similarities, row i belonging to column i."""
    likeness = F.cosine_similarity(z[:, None], t[None], dim=2) / scale
    return F.cross_entropy(likeness, torch.arange(len(z)))


def ranking(z, t, cost):
    """Mean over rows of the mean cost of pairs whose order is known."""
    rows = []
    for a, b in zip(z, t):
        i, j = torch.nonzero(b[:, None] > b[None], as_tuple=True)
        rows.append(cost(a[i], a[j]))
    return torch.stack(rows).mean()


def dice(z, t):
    p = torch.sigmoid(z)
    return (1 - (2 * (p * t).sum(1) + 0.5) / (p.sum(1) + t.sum(1) + 0.5)).mean()


def soft(x, scale):
    return F.log_softmax(x / scale, 1)


# name: rate, function of the output z, labels y, targets t and of the output of the last tanh
LOSSES = {
    "loss_bce": (0.5, lambda z, y, t, h: F.binary_cross_entropy_with_logits(z, t)),
    "loss_kl": (0.5, lambda z, y, t, h: 9 * F.kl_div(soft(z, 3), soft(t, 3), log_target=True, reduction="batchmean")),
    "loss_kl_probabilities": (0.5, lambda z, y, t, h: F.kl_div(soft(z, 1), t, reduction="batchmean")),
    "loss_info_nce": (0.1, lambda z, y, t, h: info_nce(z, t, 0.2)),
    "loss_info_nce_symmetric": (0.1, lambda z, y, t, h: (info_nce(z, t, 0.2) + info_nce(t, z, 0.2)) / 2),
    "loss_huber": (0.5, lambda z, y, t, h: F.huber_loss(z, t, delta=0.3)),
    "loss_hinge": (0.1, lambda z, y, t, h: F.multi_margin_loss(z, y, margin=0.7)),
    "loss_ranking": (0.1, lambda z, y, t, h: ranking(
        z, t, lambda a, b: F.margin_ranking_loss(a, b, torch.ones_like(a), margin=0.4))),
    "loss_ranking_logistic": (0.1, lambda z, y, t, h: ranking(z, t, lambda a, b: F.softplus(b - a).mean())),
    "loss_dice": (0.5, lambda z, y, t, h: dice(z, t)),
    "loss_list": (0.1, lambda z, y, t, h: 0.3 * F.mse_loss(z, t) + 2 * F.cross_entropy(z, y) + 0.01 * h.abs().sum(1).mean()),
}
for name, (rate, _) in LOSSES.items():
    OPTIMIZERS[name] = plain(O.SGD, lr=rate)
LAYERS = {"00-linear": 0, "02-layer_norm": 2, "03-linear": 3, "05-linear": 5}


def network(arrays):
    sizes = {name: arrays["first/%s/bias" % name].numel() for name in LAYERS}
    inputs = arrays["first/00-linear/weight"].shape[1]
    net = torch.nn.Sequential(
        torch.nn.Linear(inputs, sizes["00-linear"]), torch.nn.SiLU(), torch.nn.LayerNorm(sizes["02-layer_norm"]),
        torch.nn.Linear(sizes["00-linear"], sizes["03-linear"]), torch.nn.Tanh(),
        torch.nn.Linear(sizes["03-linear"], sizes["05-linear"]))
    named = []
    for name, index in LAYERS.items():
        for part in ("weight", "bias"):
            p = getattr(net[index], part)
            with torch.no_grad():
                p.copy_(arrays["first/%s/%s" % (name, part)])
            named.append(("%s/%s" % (name, part), p))
    return net, named


def difference(have, want):
    return float((have - want).abs().max() / want.abs().max())


def main():
    common, cases = read(sys.stdin)
    x, y, t = common["x"], common["y"].long(), common["t"]
    print("1..%d" % len(OPTIMIZERS))
    for number, (name, make) in enumerate(OPTIMIZERS.items(), 1):
        arrays = cases[name]
        net, named = network(arrays)
        optimizer = make(named)
        losses = []
        for _ in range(arrays["losses"].numel()):
            optimizer.zero_grad()
            hidden = net[:5](x)
            z = net[5](hidden)
            loss = LOSSES[name][1](z, y, t, hidden) if name in LOSSES else F.cross_entropy(z, y)
            loss.backward()
            if name == "clip":
                torch.nn.utils.clip_grad_norm_(net.parameters(), 0.3)
            optimizer.step()
            losses.append(float(loss.detach()))
        worst = difference(arrays["losses"], torch.tensor(losses))
        for path, p in named:
            worst = max(worst, difference(arrays["last/" + path], p.detach()))
        print("%s %d - %s agrees with PyTorch (%.1e)" % ("ok" if worst < TOLERANCE else "not ok", number, name, worst))


main()
