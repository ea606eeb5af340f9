"""What an instance file may hold: every key with its type, and refusals that say which key was meant."""

from __future__ import annotations

import math
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
CLAIMS = (
    "infeasible", "unverified", "bilevel-feasible", "equilibrium verified", "pessimistic bracket",
    "pessimistic optimal", "optimal", "proved",
)  # fmt: skip
"""What may be claimed of an instance: the claims of reports (``kktgen help claims``)."""
VALUES = ("objective", "best", "value")
"""Keys of the value of ``[known]``: proved, not proved, or either."""
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
CHOICES = {
    "grade": GRADES, "status": STATUSES, "sense": ("min", "max"), "format": ("bilevel.json/1",), "claim": CLAIMS,
}  # fmt: skip
"""Keys, of whichever table, whose values are words of a list."""
NAMES = ("file", "point", "proof")
"""Keys that name a file beside the instance's."""
NEVER_NEGATIVE = ("infeasibility", "seconds", "gap")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"(?!\.{1,2}$)[^/\\\0]{1,200}")
_WORDS = {
    NUMBER: "a number", ANY: "a number, text or list", (date, str): "a date", str: "a text", bool: "true or false",
    dict: "a table", list: "a list",
}  # fmt: skip


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
    yield from _tags(data.get("tags", []))
    known = data.get("known", {})
    if isinstance(known, dict):
        yield from _values(known)
        yield from _history(known.get("history", []))


def _tags(tags: Any) -> Iterator[str]:
    """Yield what is wrong with the tags."""
    if isinstance(tags, list) and not all(isinstance(tag, str) for tag in tags):
        yield f"'tags' must be a list of words, not {str(tags)[:60]!r}"


def _values(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys of the value: one of them, and that of a proved one where it is proved."""
    held = [key for key in VALUES if key in known]
    if len(held) > 1:
        yield f"'known' holds {' and '.join(held)}: keep one, objective where it is proved"
    elif held == ["best"] and known.get("claim") in ("optimal", "proved"):
        yield f"'known.claim' is {known['claim']}: call the value objective, not best, or lower the claim"


def _history(history: Any) -> Iterator[str]:
    """Yield what is wrong with the records."""
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
            yield f"{stem + key!r} must be {_WORDS[keys[key]]}, not {_short(value)}"
        elif said := _value(key, value, keys[key]):
            yield f"{stem + key!r} {said}"


def _value(key: str, value: Any, kind: Any) -> str:
    """Return what is wrong with a value of the right type, in words; empty where nothing is."""
    if kind is NUMBER and not _is_finite(value):
        return f"must be a finite number, not {_short(value)}: leave the key out where there is none"
    if key in NEVER_NEGATIVE and value < 0:
        return f"must not be negative, got {value!r}"
    if key in CHOICES and value not in CHOICES[key]:
        return f"must be one of {', '.join(CHOICES[key])}, not {_short(value)}{near(value, CHOICES[key])}"
    if key in NAMES and not _NAME.fullmatch(value):
        return f"must be the name of a file beside the instance's, not {_short(value)}"
    if key == "sha256" and value and not _SHA256.fullmatch(value):
        return f"must be 64 hexadecimal digits, not {value[:80]!r}"
    if key == "date" and isinstance(value, str) and not _is_date(value):
        return f"must be a date such as 2026-11-30, not {_short(value)}"
    return ""


def _short(value: Any) -> str:
    """Return a value as a message shows it."""
    return repr(str(value)[:60])


def _is_finite(value: Any) -> bool:
    """Return whether a number is one that calculations take: no infinity, none, and no integer beyond all floats."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type, or one of several; a truth value is no number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
