"""The grid of a model's parameters: every combination of the values that are given for each."""

from __future__ import annotations

import itertools
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import checked, load_model, resolve
from ..catalog.parameters import Parameter, parameters_of
from ..errors import ProblemError
from ..formats.problems import is_table, suffix_of
from ..wording import near
from .ranges import values
from .sets import Entry

MOST = 100_000
"""Most points of a grid."""


@dataclass(frozen=True)
class Grid:
    """The points of a grid.

    Parameters
    ----------
    model : str
    varied : tuple of str
        The parameters that have several values, in the order given.
    entries : tuple of Entry
        The last parameter runs fastest.
    """

    model: str
    varied: tuple[str, ...]
    entries: tuple[Entry, ...]


def grid(target: str, given: Mapping[str, str]) -> Grid:
    """Return the grid of a model's parameters.

    Parameters
    ----------
    target : str
        A model's name, an instance or a file; of an instance the parameters that are not given stand.
    given : mapping of str to str
        Values with commas between them, or a range; of a parameter that is itself a list, lists with semicolons
        between them.

    Raises
    ------
    ProblemError
        A problem file, an unknown parameter, a value that does not fit its type, or too many points.
    """
    if suffix_of(target) or is_table(target):
        raise ProblemError(f"{target} holds a finished problem, in which {', '.join(given) or 'nothing'} cannot be set")
    model, fixed = resolve(target)
    module = load_model(model)
    known = {one.name: one for one in parameters_of(module)}
    lists = {}
    for name, text in given.items():
        if name not in known:
            raise ProblemError(
                f"model {target!r} has no parameter {name!r}{near(name, known)}; it has: {', '.join(known) or 'none'}"
            )
        lists[name] = _split(text, known[name])
    count = 1
    for found in lists.values():
        count *= len(found)
    if count > MOST:
        raise ProblemError(f"the grid has {count} points; at most {MOST} are taken")
    out = []
    for point in itertools.product(*lists.values()):
        chosen = dict(zip(lists, point, strict=True))
        full = checked(module, {**fixed, **chosen})
        read = {name: full[name] for name in chosen}
        words = ",".join(f"{name}={_word(chosen[name])}" for name in lists if len(lists[name]) > 1)
        out.append(Entry(f"{target}{f'/{words}' if words else ''}", target, {}, _plain(read)))
    return Grid(target, tuple(name for name in lists if len(lists[name]) > 1), tuple(out))


def _split(text: str, parameter: Parameter) -> list[str]:
    """Return the values of one parameter."""
    where = f"--set {parameter.name}"
    kinds = {typing.get_origin(hint) or hint for hint in (parameter.type, *typing.get_args(parameter.type))}
    if ";" in text or kinds & {list, tuple}:
        out = [part.strip() for part in text.split(";") if part.strip()]
        return out or values(text, where)
    return values(text, where)


def _word(value: str) -> str:
    return value.replace("/", "_")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON takes them."""
    out: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return out
