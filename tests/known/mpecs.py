"""Small MPECs of the collection MacMPEC (S. Leyffer, AMPL models; optima as its table publishes them), by conditions.

Those are taken whose conditions are linear; objectives may be quadratic.
"""

from __future__ import annotations

import kktgen as kg


def kth1():
    m = kg.Bilevel("kth1")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize(z.sum())
    return m


def kth2():
    m = kg.Bilevel("kth2")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize(z[0] + (z[1] - 1) ** 2)
    return m


def kth3():
    m = kg.Bilevel("kth3")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize(0.5 * (z[0] - 1) ** 2 + (z[1] - 1) ** 2)
    return m


def scholtes3():
    m = kg.Bilevel("scholtes3")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize(0.5 * ((z[0] - 1) ** 2 + (z[1] - 1) ** 2))
    return m


def scholtes4():
    m = kg.Bilevel("scholtes4")
    z, last = m.var("z", 2, lb=0), m.var("last")
    m.complements(z[0], z[1])
    m.add(-4 * z + last <= 0)
    m.minimize(z.sum() - last)
    return m


def scholtes5():
    m = kg.Bilevel("scholtes5")
    z = m.var("z", 3, lb=0)
    m.complements(z[:2], kg.stack([z[2], z[2]]))
    m.minimize((z[0] - 1) ** 2 + (z[1] - 2) ** 2 + (z[2] + 1) ** 2)
    return m


def ralph1():
    m = kg.Bilevel("ralph1")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.complements(y - x, y)
    m.minimize(2 * x - y)
    return m


def ralph2():
    m = kg.Bilevel("ralph2")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=0, ub=10)  # the collection's have no upper bounds
    m.complements(x, y)
    m.minimize(x**2 + y**2 - 4 * x * y)
    return m


def jr1():
    m = kg.Bilevel("jr1")
    z1, z2 = m.var("z1"), m.var("z2", lb=0)
    m.complements(z2 - z1, z2)
    m.minimize((z1 - 1) ** 2 + z2**2)
    return m


def jr2():
    m = kg.Bilevel("jr2")
    z1, z2 = m.var("z1"), m.var("z2", lb=0)
    m.complements(z2 - z1, z2)
    m.minimize((z2 - 1) ** 2 + z1**2)
    return m


def scale1():
    m = kg.Bilevel("scale1")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize((100 * z[0] - 1) ** 2 + (z[1] - 1) ** 2)
    return m


def scale5():
    m = kg.Bilevel("scale5")
    z = m.var("z", 2, lb=0)
    m.complements(z[0], z[1])
    m.minimize(100 * ((z[0] - 1) ** 2 + (z[1] - 1) ** 2))
    return m


def bard1():
    m = kg.Bilevel("bard1")
    x, y, l = m.var("x", lb=0), m.var("y", lb=0), m.var("l", 3, lb=0)  # noqa: E741
    m.add(2 * (y - 1) - 1.5 * x + l[0] - 0.5 * l[1] + l[2] == 0, name="stationarity")
    m.complements(kg.stack([3 * x - y - 3, -x + 0.5 * y + 4, -x - y + 7]), l, name="rows")
    m.minimize((x - 5) ** 2 + (2 * y + 1) ** 2)
    return m


def gauvin():
    m = kg.Bilevel("gauvin")
    x, y, u = m.var("x", lb=0, ub=15), m.var("y", lb=0), m.var("u", lb=0)
    m.complements(4 * (x + 2 * y - 30) + u, y, name="Fy")
    m.complements(20 - x - y, u, name="Fu")
    m.minimize(x**2 + (y - 10) ** 2)
    return m


def nash1():
    m = kg.Bilevel("nash1")
    x, y, l = m.var("x", 2, lb=0, ub=10), m.var("y", 2), m.var("l", 2, lb=0)  # noqa: E741
    m.add(2 * y[0] + (8 / 3) * y[1] + l[0] == 34, 1.25 * y[0] + 2 * y[1] + l[1] == 24.25, name="F")
    m.complements(15 - x[::-1] - y, l, name="g")
    m.minimize(0.5 * ((x - y) @ (x - y)))
    return m


def sl1():
    m = kg.Bilevel("sl1")
    x, l = m.var("x", 2), m.var("l", 3, lb=0)  # noqa: E741
    z = m.var("z", 3, lb=[10, 0.01, 0], ub=[1e10, 10, 1])
    m.add(0.02 * x[0] - 10 * l[0] - l[1] == 0, 2 * x[1] - l[0] - l[2] == 0, name="KKT")
    m.complements(kg.stack([10 * x[0] + x[1] - 10 - z[0], x[0] - 2 - z[1], x[1] - 50 * z[2]]), l, name="lin")
    m.minimize((x[0] - 2) ** 2 + x[1] ** 2)
    return m


PUBLISHED = {
    kth1: 0.0, kth2: 0.0, kth3: 0.5, scholtes3: 0.5, scholtes4: 0.0, scholtes5: 1.0, ralph1: 0.0, ralph2: 0.0,
    jr1: 0.5, jr2: 0.5, scale1: 1.0, scale5: 100.0, bard1: 17.0, gauvin: 20.0, nash1: 0.0, sl1: 1e-4,
}  # fmt: skip
"""Problems with their published optima."""
