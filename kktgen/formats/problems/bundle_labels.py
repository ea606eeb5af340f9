"""Labels of variables and rows in a bundle.

``"coords": [{"dim": "hour", "labels": ["07:00", 8, 2.5, {"time": "2030-01-01T09:00:00"}, ["a", 1]]}, ...]``: one
dimension after the other. A label is a text, a number, a time, or a list of these for one of several parts. With
``"bare": true`` the labels of the one dimension are names by themselves, as of a file's columns.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from ...problem.coords import Coords, names_of
from .fields import Fields


def plain_coords(coords: Coords) -> list[dict[str, Any]]:
    """Return labels as JSON holds them."""
    parts, bare = zip(coords.dims, coords.labels, strict=True), {"bare": True} if coords.bare else {}
    return [{"dim": dim, "labels": [_plain(label) for label in labels], **bare} for dim, labels in parts]


def _plain(label: Any) -> Any:
    if isinstance(label, np.datetime64):
        return {"time": str(np.datetime_as_string(label, unit="auto"))}
    if isinstance(label, datetime):
        return {"time": label.isoformat()}
    return [_plain(part) for part in label] if isinstance(label, tuple) else label


def read_coords(one: Fields, key: str = "coords") -> dict[str, list[Any]] | Coords:
    """Return labels by dimension, or refuse what is none."""
    out: dict[str, list[Any]] = {}
    for k, value in enumerate(one.items(key)):
        bare = isinstance(value, dict) and value.get("bare") is True
        part = Fields(value, one.file, one.place(f"{key}[{k}]"), f"dim labels {'bare' if bare else ''}")
        dim = part.text("dim")
        if dim in out:
            raise part.fault("dim", f"{dim!r} stands twice")
        out[dim] = [_label(label, part, f"labels[{i}]") for i, label in enumerate(part.items("labels"))]
        if bare:
            if len(one.items(key)) > 1 or not all(isinstance(label, str) for label in out[dim]):
                raise part.fault("bare", "names by themselves are texts, of one dimension")
            return names_of(out[dim], dim)
    return out


def _label(value: Any, part: Fields, key: str) -> Any:
    if isinstance(value, list):
        return tuple(_label(one, part, key) for one in value)
    if isinstance(value, dict) and set(value) == {"time"} and isinstance(value["time"], str):
        try:
            time = datetime.fromisoformat(value["time"][:26])
            return datetime.fromisoformat(value["time"]) if time.tzinfo else np.datetime64(value["time"])
        except ValueError:
            pass
    if isinstance(value, str | int | float):
        return value
    raise part.fault(key, f"expected a text, a number, {{'time': ..}} or a list of these, got {value!r}"[:300])
