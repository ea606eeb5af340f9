"""Check a certificate in rational numbers: ``python checker.py FILE.json``. Needs nothing but Python's own library.

A certificate holds a bilevel problem, a point z of it and, for every follower, squares that show its cost convex::

    min_y  cost(z)   s.t.  a'z = b  (lam),  g'z <= h  (mu >= 0)         y: the follower's own entries of z

Numbers are JSON numbers (the binary fraction a float is) or texts "p/q". With linear rows and a convex cost these
make y optimal: rows hold, ``d cost/dy_j - sum lam a_j + sum mu g_j = 0``, ``mu >= 0``, ``mu (h - g'z) = 0``. A cost is
convex when its Hessian is ``sum d l l' + E``, all ``d >= 0``, E diagonally dominant, its diagonal not negative. Where
``e_j = sum_i |E_ij| - E_jj > 0`` and y_j has two bounds, at most r_j away, y misses ``sum e_j r_j^2 / 2`` at most.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

Verdict = tuple[list[str], Fraction]
"""What is wrong with a response, in words, and by how much it may miss the optimum otherwise."""


def F(value: Any) -> Fraction:
    """Return a number of a certificate as a fraction: a float, a whole number, or a text; long ones are hexadecimal."""
    if isinstance(value, str):
        return Fraction(*(int(part, 0) for part in value.split("/")))
    return Fraction(value)


def text(value: Fraction) -> str:
    """Return a fraction as a text ``p/q``."""
    parts = (value.numerator, value.denominator)[: 1 + (value.denominator != 1)]
    return "/".join(hex(part) if part.bit_length() > 2000 else str(part) for part in parts)


def digest(data: Any) -> str:
    """Return the sha256 of plain data, written as compact JSON."""
    return hashlib.sha256(json.dumps(data, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def amount(terms: Any, z: list[Fraction], products: Any = ()) -> Fraction:
    """Return ``sum v z_j + sum v z_i z_j``."""
    linear = sum((F(v) * z[j] for j, v in terms), Fraction(0))
    return linear + sum((F(v) * z[i] * z[j] for i, j, v in products), Fraction(0))


class Whole(NamedTuple):
    """A follower's problem in whole numbers: its data times ``unit``, its point times ``base``."""

    unit: int
    base: int
    z: dict[int, int]

    @classmethod
    def of(cls, follower: Any, z: list[Fraction]) -> Whole:
        """Return the smallest units in which a follower's data, and the columns it uses, are whole."""
        rows = follower["equations"] + follower["inequalities"]
        data = [row[2] for row in rows] + [entry[-1] for row in rows for entry in row[1]]
        data += [entry[-1] for entry in follower["linear"] + follower["products"]]
        used = {*follower["y"], *(row[0] for row in rows), *(entry[0] for row in rows for entry in row[1])}
        used |= {j for entry in follower["products"] for j in entry[:2]}
        if min(used, default=0) < 0:
            raise IndexError("a column is negative")
        base = lcm(1, *(z[j].denominator for j in used))
        return cls(lcm(1, *(F(v).denominator for v in data)), base, {j: int(z[j] * base) for j in used})

    def terms(self, row: Any) -> list[tuple[int, int]]:
        """Return the terms of a row in units of the data."""
        return [(j, int(F(v) * self.unit)) for j, v in row]


def follower_faults(follower: Any, squares: Any, z: list[Fraction], names: Any) -> Verdict:
    """Return what is wrong with a follower's response, in words, and by how much it may miss the optimum otherwise."""
    own, whole, out = set(follower["y"]), Whole.of(follower, z), []
    slope, hessian = gradient(follower, whole)
    size = whole.unit * whole.base
    room: dict[tuple[int, bool], Fraction] = {}
    for price, row, side, name in follower["equations"]:
        slack = int(F(side) * size) - weigh(whole, row, price, slope, 1)
        if slack != 0:
            out.append(f"{name} has slack {float(Fraction(slack, size)):.1e}")
    for price, row, side, name in follower["inequalities"]:
        slack, paid = int(F(side) * size) - weigh(whole, row, price, slope, -1), whole.z[price]
        if slack < 0 or paid < 0 or paid * slack != 0:
            out.append(f"{name} has slack {float(Fraction(slack, size)):.1e} at a price of {float(z[price]):.1e}")
        alone = [(j, v) for j, v in whole.terms(row) if j in own and v]
        if len(alone) == 1:
            j, v = alone[0]
            free = Fraction(slack, abs(v) * whole.base)
            room[j, v > 0] = min(free, room.get((j, v > 0), free))
    bad = [(j, float(Fraction(slope[j], size))) for j in follower["y"] if slope[j] != 0]
    out += [f"{names[j]} would lower the cost, slope {v:.1e}" for j, v in bad]
    return convex(squares, hessian, room, own, names, follower["name"], out)


def gradient(follower: Any, whole: Whole) -> tuple[dict[int, int], dict[tuple[int, int], Fraction]]:
    """Return the slope of a follower's cost in every column, and its Hessian in the follower's own."""
    own, size = set(follower["y"]), whole.unit * whole.base
    slope: dict[int, int] = defaultdict(int)
    hessian: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for j, v in follower["linear"]:
        slope[j] += int(F(v) * size)
    for i, j, v in follower["products"]:
        slope[i] += int(F(v) * whole.unit) * whole.z[j]
        slope[j] += int(F(v) * whole.unit) * whole.z[i]
        if i in own and j in own:
            hessian[min(i, j), max(i, j)] += F(v) * (2 if i == j else 1)
    return slope, hessian


def weigh(whole: Whole, row: Any, price: int, slope: dict[int, int], sign: int) -> int:
    """Return the value of a row's left side; its price times its entries is taken off the slope."""
    value = 0
    for j, v in whole.terms(row):
        value += v * whole.z[j]
        slope[j] -= sign * whole.z[price] * v
    return value


def convex(squares: Any, hessian: Any, room: Any, own: set[int], names: Any, name: str, out: list[str]) -> Verdict:
    """Return the faults ``out`` and those of the squares, and what a Hessian that is not convex in full may cost."""
    rest: dict[int, Fraction] = defaultdict(Fraction)
    gap, summed = Fraction(0), sum_of_squares(squares, name, out)
    for i, j in {*hessian, *summed}:
        v = hessian[i, j] - summed.get((i, j), Fraction(0))
        rest[i] += v if i == j else -abs(v)
        rest[j] += 0 if i == j else -abs(v)
    for j, v in rest.items():
        if v < 0 and not (j in own and (j, True) in room and (j, False) in room):
            out.append(f"{name} is not shown convex in {names[j]}, off by {float(v):.1e}")
        elif v < 0:
            gap -= v * max(room[j, True], room[j, False]) ** 2 / 2
    return out, gap


def sum_of_squares(squares: Any, name: str, out: list[str]) -> dict[tuple[int, int], Fraction]:
    """Return ``sum weight v v'`` of some squares, upper triangle; weights below zero are faults."""
    squares = [(F(weight), sorted((i, F(v)) for i, v in dict(vector).items())) for weight, vector in squares]
    out += [f"{name} has a square of negative weight" for weight, _ in squares if weight < 0]
    unit = lcm(1, *(v.denominator for _, vector in squares for _, v in vector))
    heavy = lcm(1, *(weight.denominator for weight, _ in squares))
    summed: dict[tuple[int, int], int] = defaultdict(int)
    for weight, vector in squares:
        vector = [(i, int(v * unit)) for i, v in vector]
        for k, (i, v) in enumerate(vector):
            factor = int(weight * heavy) * v
            for j, w in vector[k:]:
                summed[i, j] += factor * w
    return {at: Fraction(v, heavy * unit * unit) for at, v in summed.items()}


def violation(problem: Any, z: list[Fraction]) -> tuple[Fraction, str]:
    """Return by how much the leader's bounds, rows and sets are violated at most, and where."""
    found = [(Fraction(0), "")]

    def side(value: Fraction, low: Any, high: Any, name: str) -> None:
        found.extend([(F(low) - value, name)] if low is not None else [])
        found.extend([(value - F(high), name)] if high is not None else [])

    for j, low, high in problem["bounds"]:
        side(z[j], low, high, problem["names"][j])
    for j in problem["integers"]:
        found.append((abs(z[j] - round(z[j])), problem["names"][j]))
    for name, terms, products, low, high, switch in problem["rows"]:
        if switch is None or z[switch[0]] == F(switch[1]):
            side(amount(terms, z, products), low, high, name)
    for name, columns in problem["sets"]:
        found.append((sorted((abs(z[j]) for j in columns), reverse=True)[1] if len(columns) > 1 else Fraction(0), name))
    return max(found, key=lambda entry: entry[0])


def claims(problem: Any, z: list[Fraction], given: Any, gap: Fraction) -> dict[str, str]:
    """Return what is said of a point: value, violation of the leader's rows, distance from the point it stands for."""
    goal, leader = problem["objective"], problem["leader"]
    value = problem["sense"] * (amount(goal["linear"], z, goal["products"]) + F(goal["constant"]))
    off = [abs(a - F(b)) for a, b in zip(z, given, strict=True)]
    moved = max((off[j] for j in leader), default=Fraction(0))
    distance = max((off[j] for f in problem["followers"] for j in f["y"]), default=Fraction(0))
    said = {"value": value, "gap": gap, "violation": violation(problem, z)[0], "distance": distance, "moved": moved}
    return {k: text(v) for k, v in said.items()}


def check(certificate: Any) -> list[str]:
    """Return what is wrong with a certificate, in words; nothing when every follower's response is proved optimal."""
    try:
        problem, z = certificate["problem"], [F(v) for v in certificate["point"]]
        out = [] if digest(problem) == certificate["digest"] else ["the problem is not the one of the digest"]
        rest = {k: v for k, v in certificate.items() if k != "seal"}
        out += [] if digest(rest) == certificate["seal"] else ["the certificate was changed after it was made"]
        gap = Fraction(0)
        for follower, squares in zip(problem["followers"], certificate["squares"], strict=True):
            faults, miss = follower_faults(follower, squares, z, problem["names"])
            out, gap = out + faults, max(gap, miss)
        said = claims(problem, z, certificate["given"], gap)
        return out + [f"the {k} is {v}" for k, v in said.items() if certificate["claims"].get(k) != v]
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return [f"this is no certificate: {type(error).__name__}: {error}"]


def main(arguments: list[str]) -> int:
    """Check a file and print what came out; return 0 where it holds, else 1."""
    try:
        with open(arguments[0], encoding="utf-8") as file:
            document = json.load(file)
    except (IndexError, OSError, ValueError) as error:
        print(f"give a certificate as FILE.json: {error}")
        return 1
    faults = check(document)
    good = [] if faults else ["holds", *(f"{k} {v}" for k, v in document["claims"].items())]
    print("\n".join(good or ["REFUSED", *faults]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
