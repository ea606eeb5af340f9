"""The printed form of a model: its blocks, their sizes and meaning."""

from __future__ import annotations

from typing import Any

import numpy as np

_MEANING = {
    "stationarity": "P y + Q x + q - A'lam + G'mu = 0",
    "equality": "A y + B x = b",
    "inequality": "G y + H x <= h",
    "complementarity": "0 <= h - G y - H x  _|_  mu >= 0",
}


def summary(model: Any, followers: int = 6) -> str:
    """Return a table of the model's blocks: sizes and meaning, the first few followers one by one."""
    lines = [f"{model.name}: {model.n} columns, {len(model.rows)} rows, {model.rows.M.nnz} entries"]

    def line(what: str, size: int, unit: str, meaning: str) -> None:
        lines.append(f"  {what:<28} {size:>8} {unit:<8} {meaning}".rstrip())

    roles, counts = np.unique(model.space.role, return_counts=True)
    words = {
        "leader": "leader variables",
        "follower": "follower variables",
        "lam": "prices lam",
        "mu": "multipliers mu >= 0",
    }
    for role in ("leader", "follower", "lam", "mu", "slack", "binary"):
        if role in roles:
            line(words.get(role, f"{role} columns"), int(counts[roles == role][0]), "columns", "")
    leader = sum(b.stop - b.start for b in model.rows.blocks if b.role == "leader")
    if leader:
        line("leader", leader, "rows", "")
    kkt = model.kkt
    if kkt is not None:
        pairs = model.pairs
        for k, name in enumerate(kkt.followers[:followers]):
            line(f"stationarity({name})", int((kkt.y_of == k).sum()), "rows", _MEANING["stationarity"])
            line(f"primal({name})", int((kkt.lam_of == k).sum()), "rows", _MEANING["equality"])
            line(
                f"primal({name})",
                int((kkt.mu_of == k).sum()),
                "rows",
                _MEANING["inequality"] + " (bounds as column bounds)",
            )
            if pairs is not None and (pairs.follower == k).any():
                line(f"complementarity({name})", int((pairs.follower == k).sum()), "pairs", _MEANING["complementarity"])
        if len(kkt.followers) > followers:
            rest = len(kkt.followers) - followers
            left = 0 if pairs is None else int((pairs.follower >= followers).sum())
            line(f"{rest} more followers", left, "pairs", f"{int((kkt.y_of >= followers).sum())} variables")
    added = sum(b.stop - b.start for b in model.rows.blocks if b.role in ("encoding", "cut"))
    for what, size, unit in (
        ("encoding", added, "rows"),
        ("SOS1", len(model.sos1), "sets"),
        ("indicator", 0 if model.indicators is None else len(model.indicators), "rows"),
        ("quadratic", len(model.quads), "rows"),
    ):
        if size:
            line(what, size, unit, "")
    products = len(model.objective.canonical().v)
    line(
        "objective",
        products,
        "products",
        "minimised" if model.sense > 0 else "maximised (the negated one is minimised)",
    )
    return "\n".join(lines + [f"  {note}" for note in model.notes])
