"""Scores of models of the kind combined, from docs/formats/models.md alone: a second reading of the same arithmetic, in float64.
usage: scores_again.py make TELEMETRY               two nodes, with faults, of whose training the day counts in one
       scores_again.py age MODELS                   writes its arrays as earlier versions did
       scores_again.py MODELS TELEMETRY SCORES [N]  prints, per node, the largest relative difference from SCORES (of the first N) and what was met"""
import sys

import h5py
import numpy as np

GAP_PERIODS, CLIP, BINS, WINSOR, LEAST_SPREAD = 5, 10.0, 288, 3.0, 0.4


def second(view):
    """Second largest magnitude, and the mean one, of what is there."""
    a = np.sort(np.abs(view[~np.isnan(view)]))
    return (a[-2] if a.size > 1 else 0.0), (a.mean() if a.size else 0.0)


def scaled(m, node, rows):
    names = [s.decode() for s in node["names"]]
    raw = node["values"][:rows][:, [names.index(c.decode()) for c in m["columns"]]].astype(float)
    s = m["scaler"]
    assert not s["relative"][()].any()
    log = np.where(s["logarithmic"][()] != 0, np.sign(raw) * np.log1p(np.abs(raw)), raw)
    return np.clip((log - s["centre"][()]) / s["scale"][()], -50, 50)


def scores(m, node, rows):
    p = {k: v[()] for k, v in m["params"].items()}
    period, level_tau, spread_tau, daily = p["facts"]
    n, lags, window = len(p["centre"]), int(m.attrs["lags"]), int(m.attrs["window"])
    slow_samples = int(min(max(900 / period, 3), 15))
    season = p["season"] if daily else np.zeros((BINS, n))
    level, spread = p["centre"].copy(), p["scale"].copy()
    past, own, lag, day = [], [1.0] * window, np.zeros((lags, n)), np.zeros((BINS, n))
    day_rows, bin_before, before, above, out, gaps, alarmed = [], None, None, 0, [], 0, 0
    for t, x in zip(node["time"][:rows].tolist(), scaled(m, node, rows)):
        out.append(np.nan)
        if 2 * np.isnan(x).sum() > n:
            continue
        if before is not None and (t - before) / 1e9 > GAP_PERIODS * period:
            lag[:], past, own, gaps = 0.0, [], [1.0] * window, gaps + 1
        before, five = t, t // (86400 * 10**9 // BINS)
        if five != bin_before:
            if day_rows:
                day[bin_before % BINS] = np.mean(day_rows, axis=0)
            day_rows, bin_before = [], five
        place = five % BINS
        inputs = lag.ravel()
        if daily:
            phase = 2 * np.pi * np.arange(1, 4) * (place + 0.5) / BINS
            inputs = np.concatenate([inputs, day[place], np.column_stack([np.sin(phase), np.cos(phase)]).ravel()])
        nexts = (x - inputs @ p["weight"].astype(float)) / p["residual"]
        v = x - season[place]
        usual, recent = (v - p["centre"]) / p["scale"], (v - level) / spread
        past = (past + [v])[-slow_samples:]
        with np.errstate(invalid="ignore"):
            seen = (~np.isnan(past)).sum(axis=0)
            slow = np.where(np.isnan(v), np.nan, (np.nansum(past, axis=0) / np.maximum(seen, 1) - p["centre"]) / p["slow_scale"])
        if above < m.attrs["persistence"]:  # in an alarm nothing follows
            w, there = np.clip(recent, -WINSOR, WINSOR), ~np.isnan(v)
            level[there] += (w * spread)[there] / level_tau
            spread[there] = np.maximum(spread * np.sqrt(1 - 1 / spread_tau + w * w / spread_tau), LEAST_SPREAD * p["scale"])[there]
        lag = np.vstack([np.where(np.isnan(x), lag[0], np.clip(x, -CLIP, CLIP))[None], lag[:-1]])
        day_rows.append(lag[0])
        u = np.where(np.isnan(usual), 0.0, usual)
        g = p["inverse"] @ u
        member = [second(view)[0] for view in (usual, recent, slow, nexts)]
        member += [np.sqrt(max(u @ g - np.max(g * g / np.diag(p["inverse"])), 0.0) / n), second(nexts)[1]]
        z = (np.log(np.array(member) + 1e-6) - p["members"][0]) / p["members"][1]
        own.append(np.exp(min(np.mean(z if daily else z[:-1]), 30.0)))
        score = np.sqrt(np.mean(own[-3:]) * np.mean(own[-window:]))
        out[-1] = score
        limit = m.attrs["threshold"] * (0.8 if above >= m.attrs["persistence"] else 1.0)
        above = above + 1 if score > limit else 0
        alarmed += above >= m.attrs["persistence"]
    return np.array(out), gaps, alarmed


def node(f, name, times, values, train):
    g = f.create_group(f"nodes/{name}")
    g["time"], g["values"] = times, values.astype("f4")
    g["names"] = np.array([f"m{j}" for j in range(values.shape[1])], dtype="S8")
    g["units"] = np.array([""] * values.shape[1], dtype="S8")
    g.attrs["train_rows"] = np.int64(train)


def make(path):
    """short: 1 Hz, half of the columns with heavy tails; days: every five minutes, waves of a day. Both: values missing one by one, in a row and
    for most of a row, a time without rows, two columns that leave the others, and two that come to rest and leave it."""
    random = np.random.default_rng(7)
    with h5py.File(path, "w") as f:
        f.attrs["glia_kind"], f.attrs["glia_format"], f.attrs["glia_version"] = "telemetry", np.int64(1), "0"
        for name, rows, train, period_s in (("short", 1300, 600, 1), ("days", 288 * 6, 288 * 5, 300)):
            wave = 3 * np.sin(2 * np.pi * np.arange(rows) / 288)[:, None] * (name == "days")
            common = np.convolve(random.normal(size=rows), np.ones(5) / 5, "same")[:, None]
            v = 3 + wave + common + 0.3 * random.normal(size=(rows, 8))
            if name == "short":
                v[:, :4] = np.exp(2 * v[:, :4])
            v[train + 60 : train + 90, 4:6] += 20
            v[random.random(v.shape) < 0.02] = np.nan
            v[train + 20 : train + 26, 3] = np.nan
            v[train + 40, :6] = np.nan
            v[train + 180 :, 6] = v[train + 180 :, 7] = 3 + wave[train + 180 :, 0]
            v[-10:, 6:] += 20
            times = (1_700_000_000 + period_s * (np.arange(rows) + 20 * (np.arange(rows) > train + 150))) * 10**9
            node(f, name, times, v, train)


def age(path):
    """weight becomes float64, and no float32 holds it; a season of zeros stands where the day does not count. In place: h5py's copy of these
    groups crashes."""
    with h5py.File(path, "r+") as f:
        for m in f["models"].values():
            p, n = m["params"], len(m["columns"])
            assert p["weight"].dtype == np.float32
            weight = p["weight"][()].astype(float) * (1 + 1e-9)
            del p["weight"]
            p["weight"] = weight
            if "season" not in p:
                p["season"] = np.zeros((BINS, n))


def compare(models, telemetry, told, rows):
    for name, m in models["models"].items():
        (mine, gaps, alarmed), its = scores(m, telemetry["nodes"][name], rows), told["scores"][name]["value"][:rows]
        same = its.shape == mine.shape and np.array_equal(np.isnan(its), np.isnan(mine))
        off = np.nan_to_num(np.nanmax(np.abs(mine - its) / mine) if same else np.inf, nan=1e9, posinf=1e9)  # awk takes words for 0
        log = int(m["scaler/logarithmic"][()].any())
        print(f"{name} off {off:.3g} day {int(m['params/facts'][3])} logarithmic {log} gaps {gaps} alarmed {min(alarmed, 1)} unscored {np.isnan(mine).sum()}")


if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "age":
    age(sys.argv[2])
else:
    with h5py.File(sys.argv[1]) as models, h5py.File(sys.argv[2]) as telemetry, h5py.File(sys.argv[3]) as told:
        compare(models, telemetry, told, int(sys.argv[4]) if len(sys.argv) > 4 else None)
