"""Solutions to measure glia pinn against, as CSV. usage: pinn_reference.py lshape | burgers | bound | ring"""
import sys
import numpy as np


def corners():
    return np.array([0, 1, 1 + 1j, -1 + 1j, -1 - 1j, -1j])


def lshape():
    """-u_xx - u_yy = 1 within [-1, 1]^2 less [0, 1] x [-1, 0], u = 0 around it: -r^2/4 and the real part of a polynomial and of
    poles that gather at the corners, by least squares on the outline. Source: gopal2019."""
    at, poles, scale = corners(), [], []
    for k in range(6):
        before, here, after = at[k - 1], at[k], at[(k + 1) % 6]
        out = (before - here) / abs(before - here) + (after - here) / abs(after - here)
        out /= abs(out) if k == 0 else -abs(out)  # away from the domain: the first corner is re-entrant
        s = np.exp(4 * (np.sqrt(np.arange(1, 61)) - np.sqrt(60)))
        poles.append(here + out * s)
        scale.append(s)
    poles, scale = np.concatenate(poles), np.concatenate(scale)

    def basis(z):
        power = ((z + 0.25 - 0.25j)[:, None] / 1.6) ** np.arange(41)
        cols = np.hstack([power, scale / (z[:, None] - poles)])
        return np.hstack([cols.real, -cols.imag])

    near = np.logspace(-14, -1, 500)
    s = np.concatenate([np.linspace(0, 1, 300)[1:-1], near, 1 - near])
    outline = np.concatenate([at[k] + (at[(k + 1) % 6] - at[k]) * s for k in range(6)])
    weight = np.linalg.lstsq(basis(outline), abs(outline) ** 2 / 4, rcond=1e-15)[0]
    error = abs(basis(outline) @ weight - abs(outline) ** 2 / 4).max()
    if error > 2e-8:  # of the largest value inside, too: the difference is harmonic
        sys.exit("lshape: %g off on the outline" % error)
    xy = np.random.default_rng(1).uniform(-1, 1, (4000, 2))
    z = xy[:, 0] + 1j * xy[:, 1]
    z = z[~((z.real > 0) & (z.imag < 0))]
    print("x,y,u")
    for p, u in zip(z, basis(z) @ weight - abs(z) ** 2 / 4):
        print("%.17g,%.17g,%.17g" % (p.real, p.imag, u))


def burgers():
    """u_t + u u_x = 0.01/pi u_xx from -sin(pi x): Cole and Hopf's integral by the trapezoidal rule. Source: cole1951, hopf1950."""
    nu = 0.01 / np.pi
    t, x = np.random.default_rng(5).uniform((0, -1), (1, 1), (4000, 2)).T

    def value(step):
        s = np.arange(-18, 18 + step / 2, step)
        y = x[:, None] - np.sqrt(4 * nu * t)[:, None] * s
        e = -np.cos(np.pi * y) / (2 * np.pi * nu) - s**2
        w = np.exp(e - e.max(1, keepdims=True))
        return -(np.sin(np.pi * y) * w).sum(1) / w.sum(1)

    u = value(0.01)
    if abs(u - value(0.02)).max() > 1e-12:
        sys.exit("burgers: the integral has not converged")
    print("t,x,u")
    for row in zip(t, x, u):
        print("%.17g,%.17g,%.17g" % row)


def bound():
    """How well 2,000 of those points with 1 % noise can tell a and nu of u_t + a u u_x = nu u_xx: standard deviations, relative, of an
    efficient estimate that knows the start, or all but 8 modes of it (Cramer and Rao). a u solves Burgers' equation."""
    modes, seeds = 8, 10
    t, x = np.random.default_rng(5).uniform((0, -1), (1, 1), (4000, 2)).T
    s = np.arange(-18, 18.01, 0.03)

    def value(theta):
        a, nu, c = 1 + theta[0], 0.01 / np.pi * (1 + theta[1]), theta[2:] * (1 + theta[0])
        y = np.pi * (x[:, None] - np.sqrt(4 * nu * t)[:, None] * s)
        start, potential = -a * np.sin(y), a * np.cos(y) / np.pi
        for k in np.flatnonzero(c):
            m = k // 2 + 1
            start += c[k] * (np.sin(m * y) if k % 2 == 0 else np.cos(m * y))
            potential += c[k] * (-np.cos(m * y) if k % 2 == 0 else np.sin(m * y)) / (m * np.pi)
        e = -potential / (2 * nu) - s**2
        w = np.exp(e - e.max(1, keepdims=True))
        return (start * w).sum(1) / w.sum(1) / a

    step = 1e-4 * np.eye(modes + 2)
    slope = np.stack([(value(d) - value(-d)) / 2e-4 for d in step], 1)
    sigma = 0.01 * value(step[0] * 0).std()
    print("seed,start_known,a_sd,nu_sd")
    for seed in range(seeds):
        some = np.random.default_rng(seed).permutation(len(t))[:2000]
        for n in (2, modes + 2):
            sd = sigma * np.sqrt(np.diag(np.linalg.inv(slope[some, :n].T @ slope[some, :n])))
            print("%d,%d,%.3g,%.3g" % (seed, n == 2, sd[0], sd[1]))


def ring():
    """What Schroedinger's equation on a ring of 10 asks for: how much of its solution from 2/cosh(x), whose slope jumps where the ring closes, is not
    that on the line (which has no jump), and of this what has more than so many periods around the ring, or in time; then the same without the waves that
    the kink would send out if nothing else were there (8 periods around the ring and more), and without these turned by the phase of the mean density.
    Split steps of fourth order."""
    n, steps, looks, span = 512, 16000, 400, np.pi / 2
    x = -5 + 10 * np.arange(n) / n
    k = 2 * np.pi * np.fft.fftfreq(n, 10 / n)
    w = 1 / (2 - 2 ** (1 / 3))
    h, dt, rows = 2 / np.cosh(x) + 0j, span / steps, []
    for i in range(steps + 1):
        if i % (steps // looks) == 0:
            rows.append(h)
        for part in (w, 1 - 2 * w, w):
            h = h * np.exp(0.5j * part * dt * abs(h) ** 2)
            h = np.fft.ifft(np.exp(-0.5j * k**2 * part * dt) * np.fft.fft(h))
            h = h * np.exp(0.5j * part * dt * abs(h) ** 2)
    h, t, x = np.array(rows), np.linspace(0, span, looks + 1)[:, None], x[None, :]
    below = np.cosh(4 * x) + 4 * np.cosh(2 * x) + 3 * np.cos(4 * t)
    line = 4 * np.exp(0.5j * t) * (np.cosh(3 * x) + 3 * np.exp(4j * t) * np.cosh(x)) / below
    size, other, wave = np.linalg.norm(h), h - line, 0j * h
    for m in range(8, n // 2):  # a slope that jumps by 4 tanh(5)/cosh(5)
        q = 2 * np.pi * m / 10
        wave -= 4 * np.tanh(5) / np.cosh(5) * 10 / (2 * np.pi**2 * m**2) * (-1) ** m * np.cos(q * x) * np.exp(-0.5j * q**2 * t)
    mean = (abs(h[0]) ** 2).mean()
    turns = abs(np.fft.fftfreq(looks + 1, 1 / (looks + 1)))

    def beyond(rest, most):
        around, inside = np.fft.fft(rest, axis=1) / np.sqrt(n), np.hanning(looks + 1)[:, None] * rest
        of_time = np.linalg.norm(np.fft.fft(inside, axis=0), axis=1)
        quick = np.linalg.norm(of_time[turns > most]) / np.linalg.norm(of_time) * np.linalg.norm(rest) / size
        return np.linalg.norm(around[:, abs(k) * 10 / 2 / np.pi > most + 0.5]) / size, quick

    print("periods,around,in_time,around_less_waves,in_time_less_waves,around_less_turned,in_time_less_turned")
    for most in (-1, 1, 2, 4, 8, 16, 32, 64):
        print("%d,%.2e,%.2e,%.2e,%.2e,%.2e,%.2e" % (most, *(v for rest in (other, other - wave, other - wave * np.exp(2j * mean * t)) for v in beyond(rest, most))))


{"lshape": lshape, "burgers": burgers, "bound": bound, "ring": ring}[sys.argv[1]]()
