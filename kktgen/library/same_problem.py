"""Whether two bundles hold the same problem: the same structure, and numbers equal but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Differences up to which two numbers are one."""


def difference(stored: bytes, made: bytes) -> str:
    """Return in words where two bundles differ first; empty where they hold the same problem.

    What they say about the problem beside its mathematics does not count.

    Raises
    ------
    ValueError
        The stored one is no bundle.
    """
    if stored == made:
        return ""
    one, other = orjson.loads(stored), orjson.loads(made)
    if not isinstance(one, dict):
        raise ValueError(f"a JSON {type(one).__name__}, not an object")
    one.pop("about", None)
    other.pop("about", None)
    return _differs("", one, other)


def _differs(where: str, one: Any, other: Any) -> str:
    """Return where two values differ first."""
    place = where or "the problem"
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            odd = sorted(one.keys() ^ other.keys())
            return f"{place}: {', '.join(odd)} {'stands' if len(odd) == 1 else 'stand'} in one of them alone"
        found = (_differs(f"{where}.{key}".lstrip("."), one[key], other[key]) for key in one)
        return next((text for text in found if text), "")
    if isinstance(one, list) and isinstance(other, list):
        return _lists(where, one, other)
    if _number(one) and _number(other):
        return "" if _close(np.array([one]), np.array([other])).all() else f"{place}: {one!r} is {other!r} now"
    return "" if one == other else f"{place}: {_short(one)} is {_short(other)} now"


def _lists(where: str, one: list[Any], other: list[Any]) -> str:
    if len(one) != len(other):
        return f"{where}: {len(one)} entries are {len(other)} now"
    if not one or isinstance(one[0], (dict, list, str)):
        found = (_differs(f"{where}[{k}]", a, b) for k, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((text for text in found if text), "")
    try:
        a, b = np.array(one, dtype=float), np.array(other, dtype=float)  # null, infinity, becomes nan
    except (TypeError, ValueError):
        return "" if one == other else f"{where}: the entries differ"
    off = np.flatnonzero(~(_close(a, b) | (np.isnan(a) & np.isnan(b))))
    return f"{where}[{off[0]}]: {one[off[0]]!r} is {other[off[0]]!r} now" if len(off) else ""


def _close(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(a - b) <= np.maximum(RELATIVE * np.maximum(np.abs(a), np.abs(b)), ABSOLUTE))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return repr(value)[:60]
