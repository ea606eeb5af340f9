"""Check a proof of the leader's optimum: ``python optimum.py FILE.proof.json.gz``. Needs nothing but Python's library.

A proof holds a bilevel problem, a bound, a point and a tree; ``kktgen help proofs`` describes all of it. Checked are::

    every bilevel-feasible point has a (minimised) objective >= bound        by the tree
    the point is bilevel-feasible, and its objective is >= bound             by the KKT conditions and convex costs

Numbers are JSON numbers (the binary fraction a float is) or texts "p/q"; all of the arithmetic is exact.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

FORM = "kktgen proof 1"
Box = dict[int, tuple[Fraction | None, Fraction | None]]


class Refused(Exception):
    """A proof does not hold; says why."""


class Row(NamedTuple):
    """``low <= terms + products <= high``, counted where the column ``switch[0]`` is ``switch[1]``."""

    terms: dict[int, Fraction]
    low: Fraction | None
    high: Fraction | None
    products: list[Any] = []
    switch: Any = None


def F(value: Any) -> Fraction:
    """Return a number of a proof as a fraction: a float, a whole number, or a text; long ones are hexadecimal."""
    return Fraction(*(int(part, 0) for part in value.split("/"))) if isinstance(value, str) else Fraction(value)


def need(condition: Any, words: str) -> None:
    """Raise :class:`Refused` unless a condition holds."""
    if not condition:
        raise Refused(words)


def digest(data: Any) -> str:
    """Return the sha256 of plain data, written as compact JSON."""
    return hashlib.sha256(json.dumps(data, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def side(value: Any) -> Fraction | None:
    """Return a side of a row or box; None is infinite."""
    return None if value is None else F(value)


def gathered(pairs: Iterable[Any]) -> dict[int, Fraction]:
    """Return [column, value] pairs as a mapping, those of one column added up."""
    out: dict[int, Fraction] = defaultdict(Fraction)
    for j, v in pairs:
        out[j] += F(v)
    return out


def is_psd(matrix: Mapping[tuple[int, int], Fraction]) -> bool:
    """Return whether a symmetric matrix, given by its entries i <= j, is positive semidefinite: LDL' exists, D >= 0."""
    rest: dict[int, dict[int, Fraction]] = defaultdict(dict)
    for (i, j), v in matrix.items():
        if v:
            rest[i][j] = rest[j][i] = v
    if all(2 * row.get(i, 0) >= sum(map(abs, row.values())) for i, row in rest.items()):
        return True  # diagonally dominant
    for i in sorted(rest, key=lambda i: len(rest[i])):
        row = rest.pop(i)
        pivot = row.pop(i, Fraction(0))
        if pivot < 0 or (pivot == 0 and row):
            return False
        for j, v in row.items():
            del rest[j][i]
            for k, w in row.items():
                rest[j][k] = rest[j].get(k, Fraction(0)) - v * w / pivot
                if not rest[j][k]:
                    del rest[j][k]
    return True


def hessian(products: Iterable[Any], own: Any = None) -> dict[tuple[int, int], Fraction]:
    """Return the second derivatives, i <= j, of ``sum v z_i z_j`` (in the columns ``own``)."""
    out: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for i, j, v in products:
        if own is None or (i in own and j in own):
            out[min(i, j), max(i, j)] += F(v) * (2 if i == j else 1)
    return out


def mentioned(problem: Any) -> set[int]:
    """Return the columns a problem's rows, costs and sets speak of."""
    parts = [problem["objective"], *problem["followers"]]
    terms = [*(part["linear"] for part in parts), *(row[1] for row in problem["rows"])]
    terms += [row[1] for f in problem["followers"] for row in (*f["equations"], *f["inequalities"])]
    products = [*(part["products"] for part in parts), *(row[2] for row in problem["rows"])]
    out = {j for part in terms for j, _ in part} | {j for part in products for pair in part for j in pair[:2]}
    out |= {row[5][0] for row in problem["rows"] if row[5] is not None}
    return out.union(*(columns for _, columns in problem["sets"]))


class Kkt:
    """The rows, boxes and pairs of a problem: the leader's rows, and every follower's KKT system.

    ``rows`` are in the order in which leaves number them: the leader's; then of each follower the stationarity of its
    variables, its equations, its inequalities. ``pairs`` maps a multiplier to the number of its inequality, and
    ``vanishing`` each variable and multiplier of followers to the expression that vanishes when multiplied by it.
    """

    def __init__(self, problem: Any) -> None:
        self.rows = [Row(gathered(t), side(a), side(b), p, on) for _, t, p, a, b, on in problem["rows"]]
        self.box: Box = dict.fromkeys(problem["leader"], (None, None))
        self.pairs: dict[int, int] = {}
        self.vanishing: dict[int, tuple[dict[int, Fraction], Fraction]] = {}
        self.fixed = {j for j, *_ in problem["bounds"]} - set(problem["leader"])
        held = {j for follower in problem["followers"] for j in follower["y"]}
        need(all(a == b == 0 for j, a, b in problem["bounds"] if j in self.fixed), "a column of a follower is bounded")
        need(not self.fixed & held, "a variable of a follower is bounded")
        for follower in problem["followers"]:
            self._add(follower)
        need(sorted(self.box) == list(range(len(problem["names"]))), "a column belongs to nobody")
        need(mentioned(problem) <= {*self.box}, "a column that does not exist")
        for j, low, high in problem["bounds"]:
            self.narrow(self.box, j, side(low), side(high))
        for i in self.pairs.values():
            self.narrow(self.box, *self.alone(i))
        self.integers, self.sets = set(problem["integers"]), [columns for _, columns in problem["sets"]]
        self.unit = lcm(1, *(v.denominator for row in self.rows for v in row.terms.values()))
        self.curved: list[Curved] = []
        self._whole: dict[int, list[tuple[int, int]]] = {}
        need(self.integers <= set(problem["leader"]), "a follower has an integer variable")

    def _add(self, follower: Any) -> None:
        own, rows = follower["y"], [*follower["equations"], *follower["inequalities"]]
        columns = [*own, *(row[0] for row in rows)]
        need(len({*columns} | {*self.box}) == len(columns) + len(self.box), "a column has two owners")
        prices = {*columns} - {*own}
        used = [*follower["linear"], *(term for row in rows for term in row[1])]
        need(not any(j in prices for j, _ in used), "a follower decides by a multiplier of its own")
        need(
            not any(i in prices or j in prices for i, j, _ in follower["products"]),
            "a follower decides by a multiplier of its own",
        )
        slopes: dict[int, dict[int, Fraction]] = {j: defaultdict(Fraction) for j in own}
        constants, linear = dict.fromkeys(own, Fraction(0)), gathered(follower["linear"])
        constants.update((j, v) for j, v in linear.items() if j in slopes)
        for i, j, v in follower["products"]:
            for a, b in ((i, j), (j, i)):
                if a in slopes:
                    slopes[a][b] += F(v)
        for k, (price, terms, _, _) in enumerate(rows):
            sign = -1 if k < len(follower["equations"]) else 1
            need(price not in self.fixed or not any(j in slopes for j, _ in terms), "a multiplier is fixed")
            for j, v in terms:
                if j in slopes:
                    slopes[j][price] += sign * F(v)
            self.box[price] = (None, None) if sign < 0 else (Fraction(0), None)
        for j in own:
            self.box[j] = (None, None)
            self.rows.append(Row(slopes[j], -constants[j], -constants[j]))
            self.vanishing[j] = (slopes[j], constants[j])
        for k, (price, terms, right, _) in enumerate(rows):
            left, right = gathered(terms), F(right)
            if k >= len(follower["equations"]):
                self.pairs[price] = len(self.rows)
            self.rows.append(Row(left, None if price in self.pairs else right, right))
            self.vanishing[price] = ({j: -v for j, v in left.items()}, right)

    def single(self, i: int) -> bool:
        """Return whether an inequality bounds one column."""
        return sum(v != 0 for v in self.rows[i].terms.values()) == 1

    def alone(self, i: int, tight: bool = False) -> tuple[int, Fraction | None, Fraction | None]:
        """Return the column and box an inequality of one column gives (an equation, where it is tight)."""
        if not self.single(i):
            return next(iter(self.box)), None, None
        (j, v), end = *((j, v) for j, v in self.rows[i].terms.items() if v), self.rows[i].high
        assert end is not None
        return j, end / v if v < 0 or tight else None, end / v if v > 0 or tight else None

    def whole(self, i: int) -> list[tuple[int, int]]:
        """Return the terms of a row in whole numbers, in units of 1 / ``unit``."""
        if i not in self._whole:
            self._whole[i] = [(j, int(v * self.unit)) for j, v in self.rows[i].terms.items()]
        return self._whole[i]

    @staticmethod
    def narrow(box: Box, j: int, low: Fraction | None, high: Fraction | None) -> None:
        """Cut a box with another."""
        a, b = box[j]
        a = low if a is None or (low is not None and low > a) else a
        box[j] = a, high if b is None or (high is not None and high < b) else b

    def children(self, node: Any, box: Box, tight: frozenset[int]) -> list[tuple[Box, frozenset[int]]]:
        """Return box and tight inequalities of both children of a branching."""
        out: list[tuple[Box, frozenset[int]]] = []
        for second in (False, True):
            new = dict(box)
            if node[0] == "pair" and not second:
                out.append((new, tight | {self.pairs[node[1]]}))
                self.narrow(new, *self.alone(self.pairs[node[1]], tight=True))
                continue
            if node[0] == "pair":
                need(node[1] in self.pairs, "no such pair")
                self.narrow(new, node[1], None, Fraction(0))
            elif node[0] == "set":
                for j in self.sets[node[1]][node[2] :] if second else self.sets[node[1]][: node[2]]:
                    self.narrow(new, j, Fraction(0), Fraction(0))
            else:
                at = F(node[2])
                need(node[1] not in self.integers or at.denominator == 1, "an integer is branched on at a fraction")
                step = int(node[1] in self.integers)
                self.narrow(new, node[1], *((at + step, None) if second else (None, at)))
            out.append((new, tight))
        return out


class Function(NamedTuple):
    """``z'P z / 2 + q'z + r`` with the vanishing products in it; P by its entries i <= j."""

    P: dict[tuple[int, int], Fraction]
    q: dict[int, Fraction]
    r: Fraction

    @classmethod
    def of(cls, kkt: Kkt, terms: Any, products: Any, constant: Fraction, weights: Any) -> Function:
        """Return ``terms + products + constant + sum w_j z_j (what vanishes beside z_j)``; constants are no factors."""
        P, q, r = hessian(products), gathered(terms), constant
        for j, w in gathered(weights).items():
            row, c = kkt.vanishing[j]
            q[j] = q.get(j, Fraction(0)) + w * c
            for i, v in row.items():
                P[min(i, j), max(i, j)] += w * v * (2 if i == j else 1)
        held = {j: low for j, (low, high) in kkt.box.items() if low is not None and low == high}
        for i, j in [at for at in P if at[0] in held or at[1] in held]:
            v = P.pop((i, j)) / (2 if i == j else 1)
            if i in held and j in held:
                r += v * held[i] * held[j]
            else:
                other, value = (j, held[i]) if i in held else (i, held[j])
                q[other] = q.get(other, Fraction(0)) + v * value
        return cls({at: v for at, v in P.items() if v}, q, r)

    def tangent(self, point: Any) -> tuple[dict[int, Fraction], Fraction]:
        """Return slopes and constant of the tangent at a point."""
        z, slope, r = gathered(point), dict(self.q), self.r
        for (i, j), v in self.P.items():
            for a, b in {(i, j), (j, i)}:
                x = v * z.get(b, Fraction(0))
                slope[a] = slope.get(a, Fraction(0)) + x
                r -= x * z.get(a, Fraction(0)) / 2
        return slope, r


class Curved:
    """A row with products as leaves may use it: by tangents of its rewriting, where that is convex."""

    def __init__(self, kkt: Kkt, i: int, weights: Any) -> None:
        self.row = kkt.rows[i]
        need(self.row.products and self.row.switch is None, "a row that is not curved is rewritten")
        self.function = Function.of(kkt, self.row.terms.items(), self.row.products, Fraction(0), weights)
        self.convex, self.concave = is_psd(self.function.P), is_psd({k: -v for k, v in self.function.P.items()})

    def tangent(self, price: Fraction, point: Any) -> tuple[dict[int, Fraction], Fraction]:
        """Return slopes and side of the linear row a price of this sign is for."""
        need(self.concave if price > 0 else self.convex, "a price on a row that is not convex")
        slope, constant = self.function.tangent(point)
        end = self.row.low if price > 0 else self.row.high
        need(end is not None, "a price has the wrong sign")
        return slope, end - constant  # type: ignore[operator]


class Goal:
    """The minimised objective with the vanishing products in it, and the chords that replace what is concave in it."""

    def __init__(self, kkt: Kkt, goal: Any, weights: Any, chords: Any) -> None:
        P, linear, self.r = Function.of(kkt, goal["linear"], goal["products"], F(goal["constant"]), weights)
        self.chords = gathered(chords)
        need(all(e > 0 for e in self.chords.values()), "a chord has no positive weight")
        for j, e in self.chords.items():
            P[j, j] = P.get((j, j), Fraction(0)) + e
        need(is_psd(P), "the rewritten objective is not convex")
        self.unit = lcm(1, *(v.denominator for v in (*P.values(), *linear.values())))
        self.q = {j: int(v * self.unit) for j, v in linear.items()}
        self.P: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for (i, j), v in P.items():
            for a, b in {(i, j), (j, i)} if v else ():
                self.P[a].append((b, int(v * self.unit)))

    def tangent(self, leaf: Any, box: Box) -> tuple[dict[int, Any], int, Fraction]:
        """Return slopes, in units of 1 / the second, and constant of a linear function below the objective in a box."""
        z = {j: F(v) for j, v in leaf[1]}
        near = lcm(1, *(v.denominator for v in z.values()))
        whole = {j: int(v * near) for j, v in z.items()}
        slope: dict[int, Any] = defaultdict(int, {j: v * near for j, v in self.q.items()})
        bent = 0
        for i, x in whole.items():
            for j, v in self.P[i]:
                slope[j] += v * x
                bent += v * x * whole.get(j, 0)
        constant = self.r - Fraction(bent, 2 * near * near * self.unit)
        for j, e in self.chords.items():  # -e/2 z^2 >= -e/2 ((low + high) z - low high) between low and high
            low, high = box[j]
            need(low is not None and high is not None, "a chord without a box")
            slope[j] -= e * (low + high) * near * self.unit / 2  # type: ignore[operator]
            constant += e * low * high / 2  # type: ignore[operator]
        return slope, near * self.unit, constant


def lower_bound(kkt: Kkt, goal: Goal | None, leaf: Any, box: Box, tight: frozenset[int]) -> Fraction:
    """Return what the prices of a leaf prove of the objective there; of the number zero where ``goal`` is None."""
    slope, size, total = ({}, 1, Fraction(0)) if goal is None else goal.tangent(leaf, box)
    prices = [(i, F(v)) for i, v, *point in leaf[-1] if not point]
    bent = [(F(v), *kkt.curved[i - len(kkt.rows)].tangent(F(v), point[0])) for i, v, *point in leaf[-1] if point]
    wide = lcm(1, *(v.denominator for _, v in prices))
    paid: dict[int, int] = defaultdict(int)
    sums: dict[int, Any] = defaultdict(int)
    for i, v in prices:
        row, y = kkt.rows[i], int(v * wide)
        end = row.low if v > 0 and i not in tight else row.high
        need(end is not None, "a price has the wrong sign")
        need(not row.products, "a price on a row with products needs a point")
        need(row.switch is None or box[row.switch[0]] == (F(row.switch[1]),) * 2, "a price on a row that is off")
        sums[end.denominator] += y * end.numerator
        for j, a in kkt.whole(i):
            paid[j] += a * y
    total += sum((Fraction(v, d * wide) for d, v in sums.items()), Fraction(0))
    sums.clear()
    mine = wide * kkt.unit
    for price, terms, end in bent:
        total += price * end
        for j, v in terms.items():
            slope[j] = slope.get(j, 0) - price * v * size
    for j in {*slope, *paid}:
        g = slope.get(j, 0) * mine - paid.get(j, 0) * size
        if g:
            end = box[j][g < 0]
            need(end is not None, "a column without a bound has a reduced cost")
            sums[end.denominator] += g * end.numerator  # type: ignore[union-attr]
    return total + sum((Fraction(v) / (d * size * mine) for d, v in sums.items()), Fraction(0))


def check_tree(kkt: Kkt, goal: Goal, tree: Any, bound: Fraction) -> int:
    """Check that a tree covers everything and every leaf of it proves the bound; return the number of leaves."""
    stack: list[tuple[Box, frozenset[int]]] = [(kkt.box, frozenset())]
    leaves = 0
    for place, node in enumerate(tree):
        need(stack, "the tree goes on behind its last leaf")
        box, tight = stack.pop()
        if node[0] in ("pair", "column", "set"):
            stack += reversed(kkt.children(node, box, tight))
            continue
        leaves += 1
        if node[0] == "empty":
            need(any(a is not None and b is not None and a > b for a, b in box.values()), f"leaf {place}: is not empty")
            continue
        try:
            value = lower_bound(kkt, goal if node[0] == "bound" else None, node, box, tight)
        except Refused as reason:
            raise Refused(f"leaf {place}: {reason}") from None
        if node[0] == "bound":
            need(value >= bound, f"leaf {place}: falls short of the bound by {rounded(bound - value, '.1e')}")
        else:
            need(node[0] == "ray" and value > 0, f"leaf {place}: is not shown empty")
    need(not stack, f"the tree leaves {len(stack)} parts open")
    return leaves


def check_point(kkt: Kkt, problem: Any, z: list[Fraction]) -> Fraction:
    """Check that a point is bilevel-feasible; return its minimised objective."""
    need(len(z) == len(problem["names"]), "the point has another length")
    for i, row in enumerate(kkt.rows):
        if row.switch is None or z[row.switch[0]] == F(row.switch[1]):
            value = amount(row.terms.items(), row.products, z)
            need(row.low is None or value >= row.low, f"the point violates row {i}")
            need(row.high is None or value <= row.high, f"the point violates row {i}")
    for j, (low, high) in kkt.box.items():
        need(
            (low is None or z[j] >= low) and (high is None or z[j] <= high), f"the point violates a bound of column {j}"
        )
        need(j not in kkt.integers or z[j].denominator == 1, f"column {j} of the point is no integer")
    for price, i in kkt.pairs.items():
        need(z[price] == 0 or amount(kkt.rows[i].terms.items(), [], z) == kkt.rows[i].high, "a pair has no zero")
    for columns in kkt.sets:
        need(sum(z[j] != 0 for j in columns) <= 1, "a set has two entries at the point")
    for follower in problem["followers"]:
        need(is_psd(hessian(follower["products"], set(follower["y"]))), "the cost of a follower is not convex")
    goal = problem["objective"]
    return amount(goal["linear"], goal["products"], z) + F(goal["constant"])


def amount(terms: Iterable[Any], products: Iterable[Any], z: list[Fraction]) -> Fraction:
    """Return ``sum v z_j + sum v z_i z_j``."""
    linear = sum((F(v) * z[j] for j, v in terms if v), Fraction(0))
    return linear + sum((F(v) * z[i] * z[j] for i, j, v in products), Fraction(0))


def check(proof: Any) -> dict[str, Any]:
    """Return what a proof proves: ``bound`` and ``value`` (minimised), ``leaves``.

    Raises
    ------
    Refused
        It proves nothing; says why.
    """
    try:
        need(proof["form"] == FORM, "another format")
        need(digest(proof["problem"]) == proof["digest"], "the problem is not the one of the digest")
        need(digest({k: v for k, v in proof.items() if k != "seal"}) == proof["seal"], "changed after it was made")
        return check_unsealed(proof)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Refused(f"this is no proof: {type(error).__name__}: {error}") from None


def check_unsealed(proof: Any) -> dict[str, Any]:
    """Return what a proof proves, whoever changed it and when (see :func:`check`)."""
    problem, bound = proof["problem"], F(proof["bound"])
    need(type(problem["sense"]) is int and problem["sense"] in (1, -1), "the sense is neither 1 nor -1")
    need(isinstance(problem["name"], str), "the problem has no name")
    kkt = Kkt(problem)
    kkt.curved = [Curved(kkt, i, weights) for i, weights in proof["curved"]]
    value = check_point(kkt, problem, [F(v) for v in proof["point"]])
    leaves = check_tree(kkt, Goal(kkt, problem["objective"], proof["weights"], proof["chords"]), proof["tree"], bound)
    need(bound <= value, "the point is better than the bound")
    return {"bound": bound, "value": value, "leaves": leaves}


def statement(proof: Any, found: Mapping[str, Any]) -> str:
    """Return what was checked, in words."""
    problem, nodes = proof["problem"], len(proof["tree"])
    up = problem["sense"] < 0
    bound, value = (problem["sense"] * found[key] for key in ("bound", "value"))
    return "\n".join([
        f"{problem['name'] if problem['name'].isprintable() else ascii(problem['name'])}: proved",
        f"  the leader {'maximises' if up else 'minimises'}; digest of the problem {proof['digest'][:16]}",
        f"  the point is bilevel-feasible, its objective is {shown(value)}",
        f"  no bilevel-feasible point has one {'above' if up else 'below'} {shown(bound)}",
        f"  gap {rounded(abs(value - bound), '.2e')}; tree of {nodes} nodes, {found['leaves']} leaves",
    ])  # fmt: skip


def rounded(value: Fraction, digits: str = ".15g") -> str:
    """Return the nearest float as a text."""
    if abs(value) > sys.float_info.max:
        return f"{'-' if value < 0 else ''}1e308 and more"
    return format(float(value), digits)


def shown(value: Fraction) -> str:
    """Return a fraction as a short text: exactly where it is short, else as the nearest float."""
    near = rounded(value)
    if abs(value) > sys.float_info.max:
        return near
    short = max(abs(value.numerator), value.denominator) < 10**24
    exact = near if Fraction(near) == value else str(value) if short else ""
    return exact if 0 < len(exact) <= 24 else f"{near} (up to rounding)"


def main(arguments: list[str]) -> int:
    """Check a file and print what came out; return 0 where it holds, else 1."""
    try:
        with open(arguments[0], "rb") as file:
            data = file.read()
        proof = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (IndexError, OSError, ValueError, EOFError, RecursionError, zlib.error) as error:
        print(f"give a proof as FILE.proof.json.gz: {error}")
        return 1
    try:
        print(statement(proof, check(proof)))
    except Refused as reason:
        print(f"REFUSED\n{reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
