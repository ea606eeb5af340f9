"""Population searches over the leader's decisions: Harris hawks (HHO) and its chaotic variant (NCHHO).

N hawks X_i hunt a rabbit R, the best decision so far; T iterations, s = t/T. Every draw r, q, .. is uniform in [0, 1),
M is the mean of the hawks, w = 1, and c1..c4 = r1..r4::

    E = E1 (2 r - 1),  E1 = 2 (1 - s)                      energy of the rabbit
    J = 2 (1 - r)                                          strength of its jumps
    |E| >= 1             q < 1/2:  A - c1 |A - 2 c2 X_i|    explore: A is a hawk drawn at random
                         else:     (R - M) - c3 (c4 (ub - lb) + lb)
    |E| < 1, r >= 1/2    |E| >= 1/2:  (R - X_i) - E |J R - X_i|                  soft besiege
                         else:        R - E |R - X_i|                            hard besiege
    |E| < 1, r < 1/2     Y = w R - E |J R - Z|,  Z = X_i where |E| >= 1/2, else M     dive, taken where better; else
                         Y + S L,  S uniform, L = 0.01 (ub - lb) u / |v|^(1/1.5)      a Levy flight, taken where better

with u ~ N(0, sigma^2), v ~ N(0, 1), sigma = (Gamma(2.5) sin(0.75 pi) / (Gamma(1.25) 1.5 2^0.25))^(1/1.5). HHO: Heidari,
Mirjalili, Faris, Aljarah, Mafarja, Chen, "Harris hawks optimization: algorithm and applications", 2019; there L is not
scaled by the box, which is the same on boxes of width one.

NCHHO (Dehkordi, Sadiq, Mirjalili, Ghafoor, "Nonlinear-based chaotic Harris hawks optimizer", Applied Soft Computing
109, 2021) changes the controls. The article was not at hand; these are the equations as found in public code (NCHHO.m
of the repository samoua-alsamoua/MFO-PSO-SSA-Hybrid-Optimization-Algorithm)::

    c1..c4   from the sine map  theta <- |sin(pi theta)|, theta = 0.7, four values a hawk
    E1       |2 (1 - s) - 2| = 2 s
    w        2 exp(-(8 s)^2)

Oddities of the found code, kept: E1 grows where that of HHO falls, so the hunt begins with besieging and ends with
exploring; w falls to nothing after a quarter of the iterations, so later dives leave the rabbit for the lower bounds;
theta begins anew in every iteration, so hawk i always has the same c1..c4; and, as in HHO, the formulas mean
something by zero: shifting all decisions by a constant changes the hunt. Not kept: the found code counts evaluations as
t, evaluates unmoved hawks again, and takes dives where they are worse (its rabbit maximises, its dives minimise).

Here all hawks move at once from the population of the iteration before, so an iteration is two batches of decisions
that are evaluated independently, at most 2 N. Every decision is clipped to its box and repaired (:mod:`.repair`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

THETA = 0.7
"""Where the sine map begins."""
BETA = 1.5
"""Exponent of the Levy flights."""
SIGMA = (
    math.gamma(1 + BETA) * math.sin(math.pi * BETA / 2) / (math.gamma((1 + BETA) / 2) * BETA * 2 ** ((BETA - 1) / 2))
) ** (1 / BETA)
FLIGHT = 0.01
"""Length of a Levy flight in box widths."""


@dataclass(frozen=True)
class Method:
    """What tells HHO and NCHHO apart: E1(s), w(s), where c1..c4 come from, and t of the first iteration."""

    name: str
    energy: Callable[[float], float]
    weight: Callable[[float], float]
    chaotic: bool
    first: int


HHO = Method("hho", lambda s: 2.0 * (1.0 - s), lambda s: 1.0, False, 0)
NCHHO = Method("nchho", lambda s: abs(2.0 * (1.0 - s) - 2.0), lambda s: 2.0 * math.exp(-((8.0 * s) ** 2)), True, 1)


def sine_map(N: int, theta: float = THETA) -> np.ndarray:
    """Return the chaotic c1..c4 of N hawks (N, 4): ``theta <- |(a/4) sin(pi theta)|`` with a = 4."""
    out = np.empty(4 * N)
    for k in range(4 * N):
        theta = out[k] = abs(math.sin(math.pi * theta))
    return out.reshape(N, 4)


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of one iteration: E0, J, q, r (N, 1), c (N, 4), other hawk (N,), Levy flights (N, d)."""

    E0: np.ndarray
    J: np.ndarray
    q: np.ndarray
    r: np.ndarray
    c: np.ndarray
    other: np.ndarray
    flight: np.ndarray


def draw(rng: np.random.Generator, N: int, width: np.ndarray) -> Draws:
    """Draw what one iteration needs: always the same amount, in the same order."""
    E0, J = 2.0 * rng.random((N, 1)) - 1.0, 2.0 * (1.0 - rng.random((N, 1)))
    q, r, c = rng.random((N, 1)), rng.random((N, 1)), rng.random((N, 4))
    other, S = rng.integers(N, size=N), rng.random((N, len(width)))
    u, v = SIGMA * rng.standard_normal(S.shape), rng.standard_normal(S.shape)
    return Draws(E0, J, q, r, c, other, S * (FLIGHT * width * u / np.abs(v) ** (1 / BETA)))


def move(
    X: np.ndarray, R: np.ndarray, lb: np.ndarray, ub: np.ndarray, E1: float, w: float, c: np.ndarray, draws: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Return where every hawk goes, before any repair, and which of them dive.

    Parameters
    ----------
    X : ndarray (N, d)
        Hawks.
    R : ndarray (d,)
        Rabbit.
    lb, ub : ndarray (d,)
    E1, w : float
    c : ndarray (N, 4)
    draws : Draws

    Returns
    -------
    ndarray (N, d), ndarray (N,) of bool
    """
    c1, c2, c3, c4 = c.T[:, :, None]
    E, J, q, r = E1 * draws.E0, draws.J, draws.q, draws.r
    size, M, A = np.abs(E), X.mean(axis=0), X[draws.other]
    perch = A - c1 * np.abs(A - 2.0 * c2 * X)
    tree = (R - M) - c3 * (c4 * (ub - lb) + lb)
    soft = (R - X) - E * np.abs(J * R - X)
    hard = R - E * np.abs(R - X)
    dive = w * R - E * np.abs(J * R - np.where(size >= 0.5, X, M))
    explore, besiege = size >= 1.0, r >= 0.5
    Y = np.select([explore & (q < 0.5), explore, besiege & (size >= 0.5), besiege], [perch, tree, soft, hard], dive)
    return Y, (~explore & ~besiege)[:, 0]


def better(F: np.ndarray, G: np.ndarray) -> np.ndarray:
    """Return where the worth F (N, 2), violation and value, is better than G."""
    return (F[:, 0] < G[:, 0]) | ((F[:, 0] == G[:, 0]) & (F[:, 1] < G[:, 1]))
