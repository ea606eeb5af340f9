"""What a record must hold so that figures can be made of it: its keys, and what each may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .verdict import VERDICTS, solves

Test = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _or_none(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _track(value: Any) -> bool:
    """Return whether it is a list of seconds, value, bound."""
    known = _or_none(_number)
    return isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 3 and _number(one[0]) and known(one[1]) and known(one[2]) for one in value
    )


NEEDED: dict[str, tuple[Test, str]] = {
    **dict.fromkeys(("id", "instance", "way", "encoding", "solver", "status"), (_text, "a text")),
    "seed": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "limits": (_table, "a table"),
    "limits.time": (lambda value: _number(value) and value > 0, "a number above 0"),
    "verdict": (lambda value: value in VERDICTS, f"one of {', '.join(VERDICTS)}"),
    "ok": (lambda value: isinstance(value, bool), "true or false"),
    **dict.fromkeys(("claim", "says", "error"), (_or_none(_text), "a text or null")),
    **dict.fromkeys(("value", "bound"), (_or_none(_number), "a number or null")),
    "known": (_table, "a table"),
    "track": (_track, "a list of [seconds, value, bound]"),
}
"""Keys of every record; a dot leads into a table."""
FREE: dict[str, tuple[Test, str]] = {
    "sense": (_or_none(lambda value: value in ("min", "max")), "min or max"),
    "time": (_or_none(lambda value: _number(value) and value >= 0), "a number of 0 or more"),
    **dict.fromkeys(("problem", "began", "machine.host", "versions.code"), (_or_none(_text), "a text or null")),
    **dict.fromkeys(("load", "gap", "nodes", "rss_mb", "machine.cores"), (_or_none(_number), "a number or null")),
    "machine.calibration": (_number, "a number"),
    **dict.fromkeys(("machine", "versions"), (_table, "a table")),
    "report": (_or_none(_table), "a table or null"),
}
"""Keys that a record may lack."""
_NOTHING = object()


def flaw(record: Mapping[str, Any]) -> str:
    """Return what is missing in a record or of another kind than it must be, in words; nothing where all is well."""
    for keys in (NEEDED, FREE):
        for key, (test, wanted) in keys.items():
            value = _at(record, key)
            if value is _NOTHING:
                if keys is NEEDED:
                    return f"{key!r} is missing"
            elif not test(value):
                return f"{key!r} is not {wanted}"
    if solves(record) and record.get("time") is None:
        return "'time' is missing of a run that is solved"
    if _at(record, "machine.host") not in (_NOTHING, None) and _at(record, "machine.calibration") is _NOTHING:
        return "'machine.calibration' is missing"
    return ""


def _at(record: Mapping[str, Any], key: str) -> Any:
    """Return what stands at a key, through a table; a mark of its own where nothing does."""
    value: Any = record
    for word in key.split("."):
        value = value.get(word, _NOTHING) if isinstance(value, Mapping) else _NOTHING
    return value
