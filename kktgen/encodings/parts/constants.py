"""Keys that mean pairs (followers, rows, prices, names), and constants given by such keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import ProblemError
from ...model.model import Model
from ...model.pairs import Bounds, Pairs
from ...numerics.sparse import joined, position, row_index
from ...problem.columns import LEADER, Block
from ...problem.expressions import Affine, numbers
from ...problem.follower import Follower
from ...problem.rows import Rows
from ...reformulate.bounds import WIDTH

KEYS = "a key is a follower, its name, rows that were added to a follower, their dual, a follower's variable, or a name"
STEMS = ("comp", "mu", "s", "z", "slack", "slackM", "dualM", "sos", "off", "zero", "prod")
"""Words that a pair's name begins with, in messages and files."""
Meant = tuple[np.ndarray, np.ndarray, tuple[int, ...]]
"""Multiplier columns, the entry of the key each of them belongs to, the key's shape."""


def multipliers(model: Model, key: Any, what: str) -> Meant:
    """Return the multipliers of the inequalities a key means.

    Parameters
    ----------
    model : Model
    key : Follower, Rows, Affine or str
        A follower or its name: all its inequalities, in the order of ``qp().h``. Rows, their dual (or entries of it),
        a variable (both its bounds), ``y.upper_dual``: one entry a row or bound. A name as printed in messages and
        files: ``comp_ub(market,g,2)``, ``ub(market,g,2)``, ``limit(market,2)``, or without the indices for all.
    what : str
        Begins the message of a refusal.

    Raises
    ------
    ProblemError
        A key that means nothing here; some valid names are listed.
    """
    if isinstance(key, Follower | Rows | Affine) and key.space.serial != model.space.serial:
        raise ProblemError(f"{what}: {key!r} belongs to another problem")
    if isinstance(key, Follower):
        return _of_follower(model, key.index)
    if isinstance(key, str):
        return _of_name(model, key, what)
    if isinstance(key, Rows):
        if key.price is None:
            raise ProblemError(f"{what}: {key!r} was not added to a follower; {KEYS}")
        return _of_prices(model, [key.dual], key, what)
    if isinstance(key, Affine):
        if key.declared is not None and (model.space.owner[key.cols.ravel()] == LEADER).any():
            raise ProblemError(f"{what}: {key.declared.name!r} has no inequality: it is the leader's; {KEYS}")
        return _of_prices(model, [key] if key.declared is None else [key.lower_dual, key.upper_dual], key, what)
    raise ProblemError(f"{what}: {KEYS}, got {type(key).__name__}")


def pairs_of(model: Model, pairs: Pairs, key: Any, what: str) -> np.ndarray:
    """Return which pairs a key means (mask); see :func:`multipliers`."""
    return np.isin(pairs.mu, multipliers(model, key, what)[0])


def given(model: Model, pairs: Pairs, proved: Bounds, value: Any, what: str) -> Bounds:
    """Return proved bounds with the user's own constants wherever those are smaller.

    Parameters
    ----------
    model, pairs, proved
    value : float, array or mapping, optional
        For all pairs; or by key as in :func:`multipliers`, the later of two keys for the same pair counting. Pairs no
        key means keep the proved bound. So do pairs where the constant is no smaller than what was proved before
        :data:`kktgen.reformulate.bounds.WIDTH` was put on top.
    what : str
        Begins the message of a refusal.

    Raises
    ------
    ProblemError
        An unknown key, a wrong shape, a negative number, NaN or inf.
    """
    if value is None:
        return proved
    if not isinstance(value, Mapping):
        return _smaller(proved, _numbers(value, proved.value.shape, what, "pairs"))
    constants = np.full(len(pairs), np.inf)
    for key, one in value.items():
        columns, entry, shape = multipliers(model, key, what)
        numbers_of = _numbers(one, shape, f"{what}: {_word(key)}", "entries").ravel()[entry]
        at = position(pairs.mu, columns)
        here = at >= 0
        if not here.any() and model.pairs is not None and np.isin(columns, model.pairs.mu).any():
            raise ProblemError(f"{what}: {_word(key)}: its pairs get another encoding, which takes no constants")
        constants[at[here]] = numbers_of[here]
    return _smaller(proved, constants)


def _smaller(proved: Bounds, constants: np.ndarray) -> Bounds:
    """Return the bounds with the constants that are smaller than what was proved."""
    narrow = (proved.value - WIDTH) / (1.0 + WIDTH)
    return proved.tightened(np.where(constants < narrow, constants, np.inf), "user")


def _numbers(value: Any, shape: tuple[int, ...], what: str, entries: str) -> np.ndarray:
    """Return constants of a shape, or refuse them."""
    try:
        found = numbers(value)
    except ProblemError as error:
        raise ProblemError(f"{what}: {error}") from None
    if not ((found >= 0) & np.isfinite(found)).all():
        bad = found[~((found >= 0) & np.isfinite(found))].flat[0]
        raise ProblemError(f"{what}: constants are nonnegative finite numbers, got {bad:g}")
    size = int(np.prod(shape, dtype=np.int64))
    try:
        return found.reshape(shape) if found.size == size else np.broadcast_to(found, shape)
    except ValueError:
        raise ProblemError(
            f"{what}: an array of shape {found.shape} was given, there are {size} {entries}, of shape {shape}"
        ) from None


def _word(key: Any) -> str:
    """Return a key in the words of its owner."""
    if isinstance(key, Affine) and key.declared is not None:
        return repr(key.declared.name)
    return repr(key if isinstance(key, str) else getattr(key, "name", key))


def _of_follower(model: Model, index: int) -> Meant:
    assert model.kkt is not None
    columns = model.kkt.mu[model.kkt.mu_of == index]
    return columns, np.arange(len(columns)), (len(columns),)


def _of_prices(model: Model, prices: list[Affine], key: Any, what: str) -> Meant:
    columns = np.concatenate([price.M.indices for price in prices])
    entry = np.concatenate([row_index(price.M) for price in prices])
    is_mu = model.space.role[columns] == "mu"
    if not model.space.is_price[columns].all():
        raise ProblemError(f"{what}: {key!r} is no expression of multipliers alone; {KEYS}")
    if not is_mu.any():
        raise ProblemError(f"{what}: {_word(key)} has no inequality, so no pair (equations have none); {KEYS}")
    return columns[is_mu], entry[is_mu], prices[0].shape


def _of_name(model: Model, name: str, what: str) -> Meant:
    """Return what a name means: a follower, a whole block of pairs or rows, or one entry of it."""
    kkt, pairs = model.kkt, model.pairs
    assert kkt is not None and pairs is not None
    if name in kkt.followers:
        return _of_follower(model, kkt.followers.index(name))
    blocks = [(b, np.arange(b.start, b.stop)) for b in model.space.blocks if b.role == "mu" and b.follower in name]
    blocks += [(b, pairs.mu[b.start : b.stop]) for b in pairs.blocks if b.follower in name]
    whole, single = [], []
    for block, columns in blocks:
        for head in _heads(block):
            if name == head + ")":
                whole.append((columns, block.positions(), block.shape))
            elif name.startswith(head + ",") and name.endswith(")"):
                at = _flat(name[len(head) + 1 : -1], block.shape)
                single.append(columns[block.positions() == at])
    if whole:
        columns, entry, shapes = zip(*whole, strict=True)
        return np.concatenate(columns), np.concatenate(entry), shapes[0]
    columns = joined(single, int)
    if len(columns):
        return columns, np.zeros(len(columns), dtype=np.int64), ()
    known = [*kkt.followers[:2], *(block.label(0) for block in pairs.blocks[:4])]
    raise ProblemError(
        f"{what}: no follower {name!r}, nor rows or pairs of that name; there are {', '.join(known)}, .."
    )


def _heads(block: Block) -> Iterator[str]:
    """Yield what the names of a block's entries may begin with: those of its multipliers, pairs and rows."""
    tail = block.word.removeprefix("comp").removeprefix("mu")
    item = f"{block.follower},{block.item}"
    yield from (f"{stem}{tail}({item}" for stem in STEMS)
    yield f"{tail[1:]}({item}" if tail in ("_lb", "_ub") else f"{block.item}({block.follower}"


def _flat(text: str, shape: tuple[int, ...]) -> int:
    """Return the flat position of indices such as ``2,7``; -1 where there is none."""
    try:
        index = tuple(int(part) for part in text.split(","))
        return int(np.ravel_multi_index(index, shape))
    except ValueError:
        return -1
