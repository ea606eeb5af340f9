"""Some items are taken away before a knapsack is packed: interdiction of a continuous knapsack.

The leader takes items i away, at most ``take`` of n, so that the best packing of what is left is worth least. The
packer fills the knapsack of capacity c and may cut items::

    min_x    p'y             s.t.  sum x <= take,  x in {0, 1}^n   (or 0 <= x <= 1 where parts may be taken)
             y solves  max p'y    s.t.  w'y <= c  (mu),   y_i <= 1 - x_i  (nu_i),   y >= 0

The interests are opposite, ``min_x max_y p'y``. By duality ``max_y = min c mu + sum (1 - x) nu`` over
``w mu + nu >= p``, so for a binary x the problem is a mixed-integer one, and ``kg.alignment`` finds it to be one level
with products. For a given x the best packing is Dantzig's: by ``p_i / w_i``, the last item cut. Where the critical
ratio ``mu`` is known, the leader takes the items of largest ``(p_i - mu w_i)+``: enumeration of x is the oracle for
small n.

Data: drawn by ``seed``. Weights are whole numbers from 1 to 99; worths are the same (``"free"``), or weight + 10
(``"correlated"``, hard for knapsacks as all ratios are alike). The capacity is half of all weight, rounded down.

Source: S. DeNegre, Interdiction and Discrete Bilevel Linear Programming, PhD thesis, Lehigh University 2011; correlated
draws as of S. Martello, P. Toth, Knapsack Problems, Wiley 1990. Simplified: the packer of the thesis packs whole items;
here it may cut them, so that its answer is a linear program. Own draws, no terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    items : int
        Number of items.
    take : int
        How many of them the leader may take away.
    worths : str
        ``"free"`` of the weights, or ``"correlated"``: weight + 10.
    parts : bool
        Whether the leader may take parts of items, too.
    seed : int
        Another seed draws other items.
    """

    items: int = 10
    take: int = 3
    worths: Literal["free", "correlated"] = "free"
    parts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.items < 1 or not 0 <= self.take <= self.items:
            raise kg.ProblemError(f"knapsack: take is {self.take} of {self.items} items; give 0 to all of at least one")
        if self.worths not in ("free", "correlated"):
            raise kg.ProblemError(f"knapsack: worths is {self.worths!r}; give 'free' or 'correlated'")


class Knapsack(kg.Bilevel):
    """Interdiction of a knapsack.

    Attributes
    ----------
    parameters : Parameters
    weight, worth : ndarray (n,)
    capacity : int
    taken, packed : Affine (n,)
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("knapsack")
        rng = np.random.default_rng(p.seed)
        self.parameters = p
        self.weight = rng.integers(1, 100, p.items)
        self.worth = rng.integers(1, 100, p.items) if p.worths == "free" else self.weight + 10
        self.capacity = int(self.weight.sum() // 2)
        item = {"item": [f"i{k + 1}" for k in range(p.items)]}
        self.taken = self.var("taken", coords=item, lb=0, ub=1, kind="C" if p.parts else "B")
        self.add(self.taken.sum() <= p.take, name="budget")
        packer = self.follower("packer")
        self.packed = packer.var("packed", coords=item, lb=0)
        packer.add(self.weight @ self.packed <= self.capacity, name="weight")
        packer.add(self.packed <= 1 - self.taken, name="left")
        packer.maximize(self.worth @ self.packed)
        self.minimize(self.worth @ self.packed)


def build(**parameters: Any) -> Knapsack:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Knapsack(Parameters(**parameters))


def packing(weight: np.ndarray, worth: np.ndarray, capacity: float, taken: np.ndarray) -> float:
    """Return what the best packing is worth when a share ``taken`` of every item is gone (Dantzig 1957)."""
    order = np.argsort(-worth / weight, kind="stable")
    room = np.maximum(capacity - np.concatenate([[0.0], np.cumsum((weight * (1 - taken))[order])[:-1]]), 0.0)
    share = np.minimum(1 - taken[order], room / weight[order])
    return float(worth[order] @ share)


def report(result: Any) -> kg.Findings:
    """Return the worth with and without the leader, and what is taken.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "packed", "knapsack")
    table = summary.answer(result, "Worth of the packing left")
    taken = np.round(result.solution[game.taken], 6)
    untouched = packing(game.weight, game.worth, game.capacity, np.zeros(len(taken)))
    rows = tuple(
        (f"i{k + 1}", f"{game.weight[k]}", f"{game.worth[k]}", f"{taken[k]:.4g}") for k in np.flatnonzero(taken > 0)
    )
    items = kg.Table("Taken away", ("item", "weight", "worth", "share"), rows, f"untouched worth: {untouched:.7g}")
    return kg.Findings((table, items), "drawn data")
