"""What an instance file may hold: every key with its type, and refusals that say which key was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import ProblemError
from ..wording import near

GRADES = ("trivial", "easy", "hard", "open")
"""How hard an instance is: proved in a second or a minute by the default recipe, by any documented way, or not yet."""
STATUSES = ("published", "reconstructed", "calibrated", "drawn")
"""Where the data come from: printed in a paper, rebuilt from its words, fitted to its figures, or drawn by a seed."""
NUMBER = (int, float)
ANY = (int, float, str, list, dict)
TOP: dict[str, Any] = {
    "model": str, "description": str, "quick": bool, "grade": str, "tags": list, "parameters": dict, "data": dict,
    "problem": dict, "known": dict,
}  # fmt: skip
"""Keys of the file and their types."""
DATA: dict[str, Any] = {"source": str, "terms": str, "status": str}
PROBLEM: dict[str, Any] = {"format": str, "sha256": str, "file": str}
KNOWN: dict[str, Any] = {
    "sense": str, "objective": NUMBER, "best": NUMBER, "value": NUMBER, "bound": NUMBER, "claim": str, "point": str,
    "infeasibility": NUMBER, "proof": str, "range": list, "published": ANY, "planted": NUMBER, "check": str,
    "source": str, "history": list,
}  # fmt: skip
"""Keys of ``[known]``: ``objective`` is a proved value, ``best`` one that is not; ``published`` the literature's."""
HISTORY: dict[str, Any] = {
    "date": (date, str), "objective": NUMBER, "best": NUMBER, "bound": NUMBER, "claim": str, "by": str,
    "seconds": NUMBER, "encoding": str, "solver": str, "boxes": str, "gap": NUMBER,
}  # fmt: skip
"""Keys of a ``[[known.history]]`` table: one run or proof."""
CHOICES = {("", "grade"): GRADES, ("data", "status"): STATUSES, ("known", "sense"): ("min", "max")}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORDS = {NUMBER: "number", ANY: "number, text or list", (date, str): "date"}


def check(data: Mapping[str, Any], path: Path | str) -> None:
    """Refuse what no instance file holds.

    Raises
    ------
    ProblemError
        The first fault: which key of which file, what it must be, and which key may have been meant.
    """
    for fault in faults(data):
        raise ProblemError(f"instance {path}: {fault}")


def faults(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys and types of an instance file, in words."""
    yield from _table("", data, TOP)
    for name, keys in (("data", DATA), ("problem", PROBLEM), ("known", KNOWN)):
        part = data.get(name, {})
        if isinstance(part, dict):
            yield from _table(name, part, keys)
    tags = data.get("tags", [])
    if isinstance(tags, list) and not all(isinstance(tag, str) for tag in tags):
        yield f"'tags' must be a list of words, not {str(tags)[:60]!r}"
    digest = data.get("problem", {}).get("sha256", "") if isinstance(data.get("problem"), dict) else ""
    if isinstance(digest, str) and digest and not _SHA256.fullmatch(digest):
        yield f"'problem.sha256' must be 64 hexadecimal digits, not {digest[:80]!r}"
    history = data.get("known", {}).get("history", []) if isinstance(data.get("known"), dict) else []
    for k, entry in enumerate(history if isinstance(history, list) else []):
        if isinstance(entry, dict):
            yield from _table(f"known.history[{k}]", entry, HISTORY)
        else:
            yield f"'known.history' must be a list of tables, [[known.history]], not {str(history)[:60]!r}"


def _table(name: str, part: Mapping[str, Any], keys: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys of one table and the types of their values."""
    stem = f"{name}." if name else ""
    for key, value in part.items():
        if key not in keys:
            yield f"unknown key {(stem + key)[:60]!r}{near(key, keys)}"
        elif not _is(value, keys[key]):
            word = _WORDS.get(keys[key]) or keys[key].__name__
            yield f"{stem + key!r} must be a {word}, not {str(value)[:60]!r}"
        elif (name, key) in CHOICES and value not in CHOICES[name, key]:
            known = CHOICES[name, key]
            yield f"{stem + key!r} must be one of {', '.join(known)}, not {value!r}{near(value, known)}"


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type, or one of several; a truth value is no number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
