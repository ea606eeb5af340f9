"""The printed form of a model: its blocks, their sizes and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .model import Model
    from .pairs import Pairs

_MEANING = {
    "stationarity": "P y + Q x + q - A'lam + G'mu = 0",
    "equalities": "A y + B x = b",
    "inequalities": "G y + H x <= h (bounds as column bounds)",
    "complementarity": "0 <= h - G y - H x  _|_  mu >= 0",
}
_CONDITION = "l <= x <= u  _|_  F, said directly"
_COLUMNS = {
    "leader": "leader variables",
    "follower": "follower variables",
    "term": "products in followers' rows",
    "lam": "prices lam",
    "mu": "multipliers mu >= 0",
    "slack": "slack columns",
    "binary": "binary columns",
    "product": "columns for products",
}
_TRUST = {
    "exact": "exact",
    "proved": "every constant proved",
    "user": "constants given, not proved",
    "heuristic": "constants not proved",
    "eps": "up to a tolerance on the product",
}


@dataclass(frozen=True)
class Line:
    """A block of a model: what it is, its size, and what it means."""

    what: str
    size: int | str
    unit: str
    meaning: str = ""

    def __str__(self) -> str:
        return f"  {self.what:<28} {self.size:>8} {self.unit:<8} {self.meaning}".rstrip()


def summary(model: Model, followers: int = 6) -> str:
    """Return a table of the model's blocks: sizes and meaning, the first few followers one by one."""
    head = f"{model.name}: {model.n} columns, {len(model.rows)} rows, {model.rows.M.nnz} entries"
    return "\n".join([head, *map(str, lines(model, followers)), *(f"  {note}" for note in model.notes)])


def lines(model: Model, followers: int = 6) -> list[Line]:
    """Return the model's blocks one by one, those of the first few followers."""
    own = (*_columns(model, 0), *_leader(model), *_followers(model, followers), *_added(model))
    return [*own, _objective(model)]


def changes(model: Model, before: Model) -> str:
    """Return what an encoding made of a model: sizes, the columns, rows and sets that are new, the objective."""
    sizes = (
        f"{new} {what} ({new - old:+d})" if new != old else f"{new} {what}"
        for what, new, old in (
            ("columns", model.n, before.n), ("rows", len(model.rows), len(before.rows)),
            ("entries", model.rows.M.nnz, before.rows.M.nnz),
        )
    )  # fmt: skip
    encoded = model.encodings[len(before.encodings) :]
    head = f"{model.name}: {', '.join(sizes)}"
    new = [Line(f"pairs as {e.encoding}", e.pairs, "pairs", _TRUST.get(e.trust, e.trust)) for e in encoded]
    new += [*_columns(model, before.n), *_added(model), _objective(model)]
    return "\n".join([head, *map(str, new), *(f"  {note}" for note in model.notes if note not in before.notes)])


def _columns(model: Model, start: int) -> Iterator[Line]:
    """Count the columns from ``start`` on by their role."""
    roles, counts = np.unique(model.space.role[start:], return_counts=True)
    for role, word in _COLUMNS.items():
        if role in roles:
            yield Line(word, int(counts[roles == role][0]), "columns")


def _leader(model: Model) -> Iterator[Line]:
    rows = sum(b.stop - b.start for b in model.rows.blocks if b.role == "leader")
    if rows:
        yield Line("leader", rows, "rows")


def _followers(model: Model, shown: int) -> Iterator[Line]:
    kkt, pairs = model.kkt, model.pairs
    if kkt is None:
        return
    for k, name in enumerate(kkt.followers[:shown]):
        if kkt.conditions[k]:
            yield Line(f"complementarity({name})", int((kkt.y_of == k).sum()), "pairs", _CONDITION)
            if pairs is not None:
                yield from _bounds(name, pairs, pairs.follower == k)
            continue
        for word, count in (
            ("stationarity", (kkt.y_of == k).sum()),
            ("equalities", (kkt.lam_of == k).sum()),
            ("inequalities", (kkt.mu_of == k).sum()),
            ("complementarity", 0 if pairs is None else (pairs.follower == k).sum()),
        ):
            if count:
                yield Line(f"{word}({name})", int(count), "pairs" if "comp" in word else "rows", _MEANING[word])
        if pairs is not None:
            yield from _bounds(name, pairs, pairs.follower == k)
    if len(kkt.followers) > shown:
        left = 0 if pairs is None else int((pairs.follower >= shown).sum())
        variables = int((kkt.y_of >= shown).sum())
        yield Line(f"{len(kkt.followers) - shown} more followers", left, "pairs", f"{variables} variables")


def _bounds(name: str, pairs: Pairs, here: np.ndarray) -> Iterator[Line]:
    """Say which tiers bound a follower's multipliers, and how large the constants of a big-M would be."""
    value, proof = pairs.dual_max.value[here], pairs.dual_max.proof[here]
    known = value[np.isfinite(value)]
    if not len(known):
        return
    tiers, counts = np.unique(proof[proof != ""], return_counts=True)
    parts = ", ".join(f"{count} {tier}" for count, tier in zip(counts, tiers, strict=True))
    missing = f", {len(value) - len(known)} without proof" if len(known) < len(value) else ""
    slack = pairs.slack_max.value[here]
    sizes = f"M on mu {_sizes(known)}; on s {_sizes(slack[np.isfinite(slack)])}"
    yield Line(f"bounds({name})", len(known), "pairs", f"{parts}{missing}; {sizes}")


def _sizes(values: np.ndarray) -> str:
    return f"median {np.median(values):.3g}, largest {values.max():.3g}" if len(values) else "none"


def bounds(model: Model, followers: int = 6) -> str:
    """Return a line per follower on its proved bounds, and the notes of the bounding."""
    kkt, pairs = model.kkt, model.pairs
    if kkt is None or pairs is None:
        return ""
    names = kkt.followers[:followers]
    out = [str(line) for k, name in enumerate(names) for line in _bounds(name, pairs, pairs.follower == k)]
    if len(kkt.followers) > followers:
        out.append(f"  bounds: {len(kkt.followers) - followers} more followers")
    return "\n".join([*out, *(f"  {note}" for note in model.notes if note.startswith("bounds"))])


def _added(model: Model) -> Iterator[Line]:
    for what, size, unit in (
        ("encoding", sum(b.stop - b.start for b in model.rows.blocks if b.role in ("encoding", "cut")), "rows"),
        ("SOS1", len(model.sos1), "sets"),
        ("indicator", 0 if model.indicators is None else len(model.indicators), "rows"),
        ("quadratic", len(model.quads), "rows"),
    ):
        if size:
            yield Line(what, size, unit)


def _objective(model: Model) -> Line:
    products = len(model.objective.canonical().v)
    shape = "nonconvex" if "qobj_nonconvex" in model.features else "convex"
    sense = "minimised" if model.sense > 0 else "maximised (its negative is minimised)"
    if not products:
        return Line("objective", "linear", "", sense)
    return Line("objective", products, "products", f"{shape}, {sense}")
