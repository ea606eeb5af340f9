"""A solution of one form of the offers as a point of another: what the alliance would post.

With every offer at its clearing price the members' dispatch is one of the market's answers, all their rows at a tie.
A clearing price beyond the caps leaves a multiplier on the quantity that is offered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import kktgen as kg


def posted(parts: Any, solution: kg.Solution, other: Any) -> np.ndarray:
    """Return a solution of ``parts`` as a point over all columns of another game of the same case.

    Parameters
    ----------
    parts : Parts
        Of the game that was solved.
    solution : Solution
    other : Game
        With ``offers`` "both" or "prices".
    """
    assert solution.z is not None
    z, blocks = np.zeros(len(other.space)), {_key(b): b for b in other.space.blocks}
    for block in parts.alliance.wind.space.blocks:
        twin = blocks.get(_key(block))
        if twin is not None:
            z[twin.start : twin.stop] = solution.z[block.start : block.stop]
    for t, (mine, its) in enumerate(zip(parts.hours, other.parts.hours, strict=True)):
        for word in ("s", "b", "ic", "im"):
            z[getattr(its, word).cols] = solution[getattr(mine, word)]
        for columns, values in _offered(parts, solution, other, t):
            z[columns] = values
    return z


def _key(block: Any) -> tuple[str, str, str, str]:
    return block.follower, block.role, block.word, block.item


def _offered(parts: Any, solution: kg.Solution, other: Any, t: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return columns and values of the offers of hour t and of the multipliers of the members' rows."""
    data, hour, offers = parts.case, parts.hours[t], other.parts.offers
    caps, performance = data.caps, data.idrcs.performance[data.members]
    price = solution[hour.balance.dual][data.idrcs.bus[data.members]]
    capacity, mileage = solution[hour.capacity.dual], np.full(len(price), solution[hour.mileage.dual])
    energy, mil = np.clip(price, 0.0, caps["energy"]), np.clip(mileage, 0.0, caps["mileage"])
    over, beyond = np.maximum(price - energy, 0.0), mileage - mil  # of the offered energy, of m <= S c
    worth = capacity - over + performance * beyond
    cap = np.clip(worth, 0.0, caps["capacity"])
    s, b, ic = (solution[x] for x in (hour.s, hour.b, hour.ic))
    out = [
        (offers.sale, energy), (offers.purchase, energy), (offers.capacity, cap), (offers.mileage, mil),
        (offers.most_sale, s + ic), (offers.most_purchase, b), (offers.most_capacity, ic),
    ]  # fmt: skip
    multipliers = {
        ("mu", "s_most"): over, ("mu_lb", "s"): np.maximum(energy - price, 0.0), ("mu", "b_most"): 0.0 * price,
        ("mu_lb", "b"): np.maximum(price - energy, 0.0), ("mu", "ic_most"): np.maximum(worth - cap, 0.0),
        ("mu_lb", "ic"): np.maximum(cap - worth, 0.0), ("mu", "im_most"): beyond, ("mu_lb", "im"): 0.0 * price,
    }  # fmt: skip
    name = f"hour{data.hour[t]}"
    ranges = {(b.word, b.item): b for b in other.space.blocks if b.follower == name and b.role == "mu"}
    found = [(np.arange(ranges[key].start, ranges[key].stop), value) for key, value in multipliers.items()]
    return [(expr[:, t].cols, value) for expr, value in out] + found
