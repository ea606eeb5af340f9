"""Random followers with convex quadratic rows as matrices, solved as cone programs that know nothing of kktgen."""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
import scipy.sparse as sp

import kktgen as kg


@dataclass
class Case:
    """``min c'x + x'C x + d'y + x'D y  s.t.  e'y <= s``, where y solves a follower's program at x in [lb, ub]."""

    lb: np.ndarray
    ub: np.ndarray
    c: np.ndarray
    C: np.ndarray
    d: np.ndarray
    D: np.ndarray
    e: np.ndarray
    s: float
    P: np.ndarray
    q: np.ndarray
    Q: np.ndarray
    A: np.ndarray
    B: np.ndarray
    G: np.ndarray
    H: np.ndarray
    h: np.ndarray
    curved: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]
    box: float

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The linear inequalities with the bounds on y."""
        if not np.isfinite(self.box):
            return self.G, self.H, self.h
        eye, none = np.eye(len(self.q)), np.zeros((2 * len(self.q), len(self.lb)))
        return np.vstack([self.G, eye, -eye]), np.vstack([self.H, none]), np.append(self.h, [self.box] * 2 * len(eye))


def case(seed: int) -> Case:
    """Return a problem whose follower has some point strictly inside its curved rows at every x."""
    r = np.random.default_rng(seed)
    nx, ny = 1 + seed % 2, 2 + seed % 3

    def numbers(*shape: int) -> np.ndarray:
        return np.round(r.uniform(-1, 1, shape), 2)

    curved = []
    for k in range(1 + seed // 3 % 2):
        rank = max(1, ny - k)
        F = numbers(rank, ny) + np.eye(rank, ny)
        F = np.diag(np.diag(F)) if seed % 4 == 3 and rank == ny else F
        curved.append((F.T @ F, 0.5 * numbers(ny), 0.4 * numbers(nx), float(np.round(r.uniform(0.6, 2.0), 2))))
    follows = seed % 5 == 4
    P = np.diag(np.round(r.uniform(0.2, 1.0, ny), 2)) if seed % 3 else np.zeros((ny, ny))
    inside = np.round(r.uniform(0.1, 0.6), 2)
    return Case(
        -0.5 * np.ones(nx), 0.5 * np.ones(nx), numbers(nx), np.diag(np.abs(numbers(nx))), numbers(ny),
        numbers(nx, ny) * (seed % 2), numbers(ny), 0.4 if seed % 4 == 1 else np.inf, P, numbers(ny),
        2 * numbers(ny, nx),
        numbers(int(follows), ny) + follows, 0.3 * numbers(int(follows), nx), numbers(2, ny), 0.2 * numbers(2, nx),
        np.array([inside, 0.5]), curved, np.inf if seed % 7 == 6 and len(curved[0][0]) == ny else 3.0,
    )  # fmt: skip


def problem(one: Case) -> kg.Bilevel:
    """Return the problem in kktgen's words."""
    m = kg.Bilevel("case")
    x = m.var("x", len(one.lb), lb=one.lb, ub=one.ub)
    f = m.follower("f")
    y = f.var("y", len(one.q), lb=-one.box, ub=one.box)
    if len(one.A):
        f.add(one.A @ y + one.B @ x == 0, name="balance")
    f.add(one.G @ y + one.H @ x <= one.h, name="limit")
    for k, (R, a, H, h) in enumerate(one.curved):
        f.add(0.5 * (y @ (R @ y)) + a @ y + H @ x <= h, name=f"curved{k}")
    f.minimize(0.5 * (y @ (one.P @ y)) + one.q @ y + (one.Q @ x) @ y)
    m.minimize(one.c @ x + x @ (one.C @ x) + one.d @ y + (one.D.T @ x) @ y)
    if np.isfinite(one.s):
        m.add(one.e @ y <= one.s, name="quota")
    return m


def response(one: Case, x: np.ndarray) -> np.ndarray | None:
    """Return the follower's answer at x, None where it has none; a little of ``y'y`` chooses among ties."""
    ny = len(one.q)
    G, H, h = one.rows
    rows, sides = [one.A, G], [-one.B @ x, h - H @ x]
    cones = [clarabel.ZeroConeT(len(one.A)), clarabel.NonnegativeConeT(len(h))]
    for R, a, Hc, hc in one.curved:  # |(2 S y, 2 t - 1)| <= 2 t + 1, t = hc - Hc x - a'y, S'S = R
        size, vectors = np.linalg.eigh(R)
        S = np.sqrt(np.maximum(size, 0.0))[:, None] * vectors.T
        top = 2 * (hc - Hc @ x)
        rows.append(np.vstack([2 * a, 2 * a, -2 * S]))
        sides.append(np.concatenate([[top + 1, top - 1], np.zeros(ny)]))
        cones.append(clarabel.SecondOrderConeT(2 + ny))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    P = sp.triu(sp.csc_matrix(one.P + 1e-9 * np.eye(ny)), format="csc")
    found = clarabel.DefaultSolver(
        P, one.q + one.Q @ x, sp.csc_matrix(np.vstack(rows)), np.concatenate(sides), cones, settings
    ).solve()
    return np.array(found.x) if "Solved" in str(found.status) else None


def cost(one: Case, x: np.ndarray, y: np.ndarray) -> float:
    """Return the follower's cost."""
    return float(0.5 * y @ one.P @ y + (one.q + one.Q @ x) @ y)


def grid(one: Case, steps: int) -> list[np.ndarray]:
    """Return decisions, evenly over the box."""
    axes = [np.linspace(lo, hi, steps if len(one.lb) == 1 else int(np.sqrt(steps)) + 1)
            for lo, hi in zip(one.lb, one.ub, strict=True)]  # fmt: skip
    return [np.array(point) for point in np.stack(np.meshgrid(*axes), -1).reshape(-1, len(axes))]


def best(one: Case, steps: int) -> float:
    """Return the leader's least value over a grid of decisions, inf where it has none."""
    values = [np.inf]
    for x in grid(one, steps):
        y = response(one, x)
        if y is not None and one.e @ y <= one.s:
            values.append(float(one.c @ x + x @ one.C @ x + one.d @ y + x @ one.D @ y))
    return min(values)
