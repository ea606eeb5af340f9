"""Problems whose levels are files of their own: a table says which, who owns which columns, and what are prices.

The table is TOML (``problem.toml``), or JSON beside ``.mof.json`` files (``NAME.link.json``)::

    name = "bidding"                          may be missing
    [leader]
    file = "firm.lp"                          .lp, .mps or .mof.json, in the folder of the table
    [[follower]]
    name = "market"
    file = "market.lp"
    owns = ["g*"]                             names of its columns; * and ? stand for any text and any letter
    [prices]                                  may be missing
    price = {follower = "market", row = "balance"}

* A column is the same in all files that name it. Columns that no follower owns are the leader's, or prices.
* A price is a column of the leader's file that stands for a multiplier: d(minimised cost)/d(right-hand side) of a
  follower's row. With ``side = "lower"`` or ``"upper"`` it is the nonnegative multiplier of this side alone; with
  ``variable = "g0"`` instead of ``row`` that of a bound. ``price = "balance"`` will do where there is one follower.
* Bounds and kinds are those of the owner's file; of a column of the leader that its file does not name, those of the
  first follower's that does. Tighter bounds in another file are rows of that level, but for the lower bound 0, which
  ``.lp`` and ``.mps`` give by themselves.
* Terms of a follower's objective without a column of its own are no cost of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ...errors import FormatError, UnsupportedError
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.from_levels import PRICE, Declared, Priced, declare_levels
from ...wording import first_names, near
from ..writing.files import contents
from .fields import Fields, placed
from .level_body import Body, read_linear
from .linked_levels import columns_of, level_of
from .mof_read import SUFFIX as MOF
from .mof_read import read_mof

TABLE, LINK = ".toml", ".link.json"


@dataclass(frozen=True, eq=False)
class Linked:
    """A problem, and where the names of its files are in it.

    Parameters
    ----------
    m : Bilevel
    declared : Declared
    columns : mapping of str to int
    rows : sequence of mapping of str to int
        Of every follower.
    """

    m: Bilevel
    declared: Declared
    columns: Mapping[str, int]
    rows: Sequence[Mapping[str, int]]


def load_table(path: Path) -> Linked:
    """Return the problem of a ``.toml`` table.

    Raises
    ------
    FormatError
        The table or a file it names is not what it should be: file, key, what was expected.
    ProblemError
        Integer followers, costs that are not convex.
    UnsupportedError
        What the levels cannot hold.
    """
    try:
        root = tomllib.loads(contents(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: no TOML: {error}") from None
    return link(root, path, path.name.removesuffix(TABLE))


def load_mof(path: Path) -> Linked:
    """Return the problem of a ``.mof.json`` file with the ``.link.json`` beside it; raises as :func:`load_table`."""
    stem = re.sub(r"(?i)\.mof\.json$", "", path.name)
    beside = path.with_name(stem + LINK)
    if not beside.is_file():
        raise FormatError(
            f"{path}: {beside.name} beside it is missing, which says what the follower's file is and what it owns; "
            "kktgen help levels shows one"
        )
    return link(json_table(beside), beside, stem)


def json_table(path: Path) -> Any:
    """Return the table of a ``.json`` file."""
    try:
        return orjson.loads(contents(path))
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{path}, line {error.lineno}, column {error.colno}: no JSON: {error.msg}") from None


def is_table(path: Path) -> bool:
    """Tell whether a ``.toml`` file is a table of levels, and no instance of a model."""
    try:
        root = tomllib.loads(contents(path).decode("utf-8"))
    except (FormatError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    return "model" not in root and bool({"leader", "follower"} & root.keys())


def link(root: Any, path: Path, stem: str) -> Linked:
    """Return the problem of a table.

    Parameters
    ----------
    root : dict
        The table.
    path : Path
        Of the table: names of files are relative to its folder.
    stem : str
        The problem's name where the table has none.
    """
    top = Fields(root, str(path), "", _keys(root, "leader follower", "name prices"))
    name = top.text("name") if "name" in top.value else stem
    leader = Fields(top.value["leader"], str(path), "leader", "file")
    entries = [
        Fields(one, str(path), f"follower[{k}]", "name file owns") for k, one in enumerate(top.items("follower"))
    ]
    if not entries:
        raise top.fault("follower", "expected one or more [[follower]]")
    bodies = [_read(one, path) for one in (leader, *entries)]
    names = [one.text("name") for one in entries]
    every = np.array(list(dict.fromkeys(np.concatenate([body.columns for body in bodies]).tolist())), dtype=str)
    place = {name: k for k, name in enumerate(every.tolist())}
    at = [np.array([place[name] for name in body.columns.tolist()], dtype=int) for body in bodies]
    owner = _owners(entries, bodies[1:], every, at[1:])
    rows = [{row: k for k, row in enumerate(body.rows.tolist())} for body in bodies[1:]]
    prices = _prices(top, names, {*bodies[0].columns.tolist()}, place, rows, owner)
    owner[[one.column for one in prices]] = PRICE
    columns = columns_of(every, owner, bodies, at, path)
    levels = [
        level_of(body, here, columns, k - 1, len(every)) for k, (body, here) in enumerate(zip(bodies, at, strict=True))
    ]
    with placed(str(path), "the levels"):
        m = Bilevel(name)
        declared = declare_levels(m, columns, levels[0], dict(zip(names, levels[1:], strict=True)), prices)
    return Linked(m, declared, place, rows)


def _keys(value: Any, needed: str, optional: str) -> str:
    """Return the keys a table must have, with those of the optional ones that are there."""
    there = [key for key in optional.split() if isinstance(value, dict) and key in value]
    return " ".join([*needed.split(), *there])


def _read(entry: Fields, path: Path) -> Body:
    """Return the level of a file that a table names."""
    name = entry.text("file")
    file = path.parent / name
    plain = name.lower().removesuffix(".gz")
    if not plain.endswith((".lp", ".mps", MOF)):
        raise entry.fault("file", f"expected an .lp, .mps or {MOF} file, got {name!r}")
    if not file.is_file():
        raise entry.fault("file", f"there is no {file}")
    body = read_mof(file) if plain.endswith(MOF) else read_linear(file)
    if entry.where != "leader":
        if body.quads:
            raise UnsupportedError(f"{file}: row {body.quads[0].name!r} is quadratic; a follower's rows are linear")
        if not body.sense:
            raise FormatError(f"{file}: no objective; a follower has one")
    return body


def _owners(
    entries: Sequence[Fields], bodies: Sequence[Body], every: np.ndarray, at: Sequence[np.ndarray]
) -> np.ndarray:
    """Return whose every column is."""
    owner = np.full(len(every), LEADER)
    for k, (entry, body) in enumerate(zip(entries, bodies, strict=True)):
        names = body.columns.tolist()
        known = {name: j for j, name in enumerate(names)}
        patterns = [entry.value["owns"]] if isinstance(entry.value["owns"], str) else entry.items("owns")
        for i, pattern in enumerate(patterns):
            if not isinstance(pattern, str):
                raise entry.fault(f"owns[{i}]", "expected the name of a column, or a pattern such as 'g*'")
            mine = at[k][_fits(pattern, known, names)]
            if not len(mine):
                there = first_names(body.columns.tolist(), 6)
                hint = near(pattern, body.columns.tolist())
                raise entry.fault(
                    f"owns[{i}]", f"no column of {entry.text('file')} fits {pattern!r}{hint}; it has {there}"
                )
            other = mine[(owner[mine] != LEADER) & (owner[mine] != k)]
            if len(other):
                first = entries[int(owner[other[0]])].text("name")
                raise entry.fault(f"owns[{i}]", f"{every[other[0]]} is owned by follower {first!r} already")
            owner[mine] = k
    return owner


def _fits(pattern: str, known: Mapping[str, int], names: Sequence[str]) -> np.ndarray:
    """Return the positions of the names that are meant: the one that is it, else those that fit."""
    if pattern in known:
        return np.array([known[pattern]])
    if "*" not in pattern and "?" not in pattern:
        return np.empty(0, dtype=int)
    fits = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")).fullmatch
    return np.flatnonzero([fits(name) is not None for name in names])


def _prices(
    top: Fields, names: Sequence[str], leaders: Collection[str], place: Mapping[str, int],
    rows: Sequence[Mapping[str, int]], owner: np.ndarray,
) -> list[Priced]:  # fmt: skip
    """Return which columns are multipliers of what."""
    given = top.value.get("prices", {})
    if not isinstance(given, dict):
        raise top.fault("prices", 'expected a table, such as price = {follower = "market", row = "balance"}')
    out = []
    for key, value in given.items():
        where, column = f"prices.{key}", place.get(key, -1)
        if key not in leaders:
            raise top.fault(where, f"the leader's file has no column {key!r}{near(key, leaders)}")
        if owner[column] != LEADER:
            raise top.fault(where, f"{key} is a column of follower {names[owner[column]]!r}; it cannot be a price too")
        value = {"row": value} if isinstance(value, str) else value
        what = "variable" if isinstance(value, dict) and "variable" in value else "row"
        needed = "variable side" if what == "variable" else "row"
        one = Fields(value, top.file, where, _keys(value, needed, "follower side"))
        if "follower" not in one.value and len(names) > 1:
            raise one.fault("", f"the key 'follower' is missing; there are {', '.join(names)}")
        k = names.index(one.choice("follower", *names)) if "follower" in one.value else 0
        side = one.choice("side", "lower", "upper") if "side" in one.value else None
        known, said = place if what == "variable" else rows[k], one.text(what)
        position = known.get(said, -1)
        if position < 0:
            raise one.fault(what, f"follower {names[k]!r} has no {what} {said!r}{near(said, known)}")
        if what == "variable" and owner[position] != k:
            raise one.fault(what, f"{said} is no variable that follower {names[k]!r} owns")
        out.append(Priced(column, k, position, side, what == "variable"))
    return out
