"""Bundles read: every declaration is made again, so whatever declaring refuses a file cannot smuggle in."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from ...errors import FormatError
from ...numerics.sparse import Csr, csr
from ...problem.bilevel import Bilevel
from ...problem.complementarity import check_condition, mark
from ...problem.expressions import Affine, Quad, QuadArray
from ...problem.follower import Follower
from ...problem.norms import NormRow
from ...problem.rows import QuadRow, QuadRows, Rows
from ...problem.variables import unit_rows
from .about import check_about
from .bundle import EVERY, FORMAT, VERSIONS
from .bundle_labels import read_coords
from .fields import Fields, placed

_TOP = "format version name columns about declarations followers leader"
_VARIABLE, _ROWS = "variable follower shape lb ub kind", "rows shape lo hi start column value"
_MORE_OF_FOLLOWERS = ("products", "complements")
_MORE, _MORE_OF_VARIABLES = ("i", "j", "v", "row", "when", "coords", "norm"), ("coords", "unit")
"""What rows of a follower and variables may hold besides in version 2."""
_LEADER = "sense objective rows quadratic_rows sos1 indicators"


def load(data: bytes, file: str) -> Bilevel:
    """Return the bilevel problem of a bundle.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.

    Raises
    ------
    FormatError
        It is no bundle, of another version, or not as the schema (:mod:`kktgen.formats.problems.bundle`) asks.
    """
    try:
        root = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{file}, line {error.lineno}, column {error.colno}: no JSON: {error.msg}") from None
    if not isinstance(root, dict) or root.get("format") != FORMAT:
        raise FormatError(f'{file}: no bundle; expected an object with "format": "{FORMAT}"')
    if type(root.get("version")) is not int or root["version"] not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise FormatError(f"{file}: version {root.get('version')!r} of the schema; this kktgen reads {known}"[:300])
    top = Fields(root, file, "", _TOP)
    with placed(file, "name"):
        m = Bilevel(top.text("name"))
    m.about = check_about(root["about"], f"{file}: about", FormatError)
    followers = _followers(m, top, root["version"])
    for k, value in enumerate(top.items("declarations")):
        _declare(m, followers, value, file, f"declarations[{k}]", root["version"])
    if top.count("columns") != len(m.space):
        raise top.fault("columns", f"{root['columns']}, but the declarations make {len(m.space)}")
    for k, (value, follower) in enumerate(zip(top.items("followers"), m.followers, strict=True)):
        _cost(follower, value, file, f"followers[{k}]")
    more = _more(root["leader"], root["version"], ("unit",))
    _leader(m, Fields(root["leader"], file, "leader", f"{_LEADER} {more}"), root["version"])
    for k, follower in enumerate(m.followers):
        if follower.is_condition:
            with placed(file, f"followers[{k}]"):
                check_condition(m, follower)
    return m


def _followers(m: Bilevel, top: Fields, version: int) -> dict[str, Follower]:
    for k, value in enumerate(top.items("followers")):
        more = _more(value, version, _MORE_OF_FOLLOWERS)
        one = Fields(value, top.file, f"followers[{k}]", f"name sense cost {more}")
        for key in more.split():
            if value[key] is not True:
                raise one.fault(key, f"expected true, or no such key, got {value[key]!r}"[:300])
        with placed(top.file, one.place("name")):
            made = m.follower(one.text("name"), products="products" in more.split())
        if "complements" in more.split():
            mark(made)
    return {follower.name: follower for follower in m.followers}


def _declare(m: Bilevel, followers: dict[str, Follower], value: Any, file: str, where: str, version: int) -> None:
    """Declare a variable, or rows of a follower."""
    is_variable = isinstance(value, dict) and "variable" in value
    keys = _more(value, version, _MORE_OF_VARIABLES if is_variable else _MORE)
    one = Fields(value, file, where, f"{_VARIABLE if is_variable else f'follower {_ROWS}'} {keys}")
    name = one.value["follower"]
    owner: Bilevel | Follower = m
    if name is not None or not is_variable:
        if not isinstance(name, str) or name not in followers:
            raise one.fault("follower", f"expected the name of a follower ({', '.join(followers)}), got {name!r}"[:300])
        owner = followers[name]
    if is_variable:
        _variable(m, owner, one, version)
        return
    rows, label = _rows(m, one)
    if "norm" in keys.split():
        with placed(file, where):
            owner.add(_norm(one, rows, keys), name=label)
        return
    row: Rows | QuadRow | QuadRows = _with_products(m, one, rows) if "v" in keys.split() else rows
    condition: dict[str, Any] = {"when": _condition(m, one, rows)} if "when" in keys.split() else {}
    with placed(file, where):
        owner.add(row, name=label, coords=_coords(one), **condition)


def _norm(one: Fields, rows: Rows, keys: str) -> NormRow:
    """Return the row ``norm(e) <= t`` whose sides (t, e) stand in rows."""
    if one.value["norm"] is not True:
        raise one.fault("norm", f"expected true, or no such key, got {one.value['norm']!r}"[:300])
    if keys != "norm":
        raise one.fault("", f"a norm has no other keys of rows, got {keys}")
    if len(rows.shape) != 1 or len(rows) < 3 or not (rows.lo == rows.hi).all():
        raise one.fault("", "expected (t, e) with two entries of e or more, and lo equal to hi")
    both = Affine(rows.space, rows.M, -rows.lo, rows.shape)
    return NormRow(both[1:], both[0])


def _more(value: Any, version: int, keys: tuple[str, ...]) -> str:
    """Return those of the keys of version 2 that an object has."""
    return " ".join(key for key in keys if version > 1 and isinstance(value, dict) and key in value)


def _coords(one: Fields) -> Any:
    """Return the labels that stand in an object, None where there are none."""
    return read_coords(one) if "coords" in one.value else None


def _with_products(m: Bilevel, one: Fields, rows: Rows) -> QuadRow | QuadRows:
    """Return rows with their products."""
    v, n, k = one.numbers("v"), len(m.space), len(rows)
    for key in "ij":
        if key not in one.value:
            raise one.fault("", f"the key {key!r} is missing")
    i, j = (one.indices(key, n, len(v)) for key in "ij")
    if not len(v):
        raise one.fault("v", "expected products, or no keys i, j and v")
    if not rows.shape:
        return QuadRow(Quad(m.space, i, j, v, rows.M, 0.0), float(rows.lo[0]), float(rows.hi[0]))
    if "row" not in one.value:
        raise one.fault("", "the key 'row' is missing: the entry each product stands in")
    at = one.indices("row", k, len(v))
    return QuadRows(QuadArray.of_terms(m.space, at, i, j, v, rows.M, np.zeros(k), rows.shape), rows.lo, rows.hi)


def _condition(m: Bilevel, one: Fields, rows: Rows) -> Affine:
    """Return the condition of rows, ``x`` or ``1 - x`` of a binary each."""
    part = Fields(one.value["when"], one.file, one.place("when"), "column value")
    columns, value = part.indices("column", len(m.space), len(rows)), part.indices("value", 2, len(rows))
    x = Affine(m.space, unit_rows(columns, len(m.space)), np.zeros(len(columns)), rows.shape)
    return x * np.where(value == 1, 1.0, -1.0).reshape(rows.shape) + np.where(value == 1, 0.0, 1.0).reshape(rows.shape)


def _variable(m: Bilevel, owner: Bilevel | Follower, one: Fields, version: int) -> None:
    lb = one.numbers("lb", missing=-np.inf)
    ub = one.numbers("ub", len(lb), missing=np.inf)
    shape, kind = one.shape("shape", len(lb)), one.text("kind")
    mixed = len(kind) != 1
    if set(kind) - set("CBI") or (mixed and len(kind) != len(lb)):
        raise one.fault("kind", f"expected C, B or I, once or for each of {len(lb)} entries, got {kind!r}"[:300])
    if owner is not m and version < 2 and set(kind) != {"C"}:
        raise one.fault("kind", f"expected C, as followers are continuous in version 1, got {kind!r}"[:300])
    kinds = np.array(list(kind))
    outside = np.broadcast_to(kinds == "B", lb.shape) & ((lb < 0) | (ub > 1))
    if outside.any():
        raise one.fault(f"lb[{int(np.flatnonzero(outside)[0])}]", "expected the bounds of a binary within 0 and 1")
    with placed(one.file, one.where):
        made = owner.var(one.text("variable"), shape, lb=lb.reshape(shape), ub=ub.reshape(shape),
                         kind="C" if mixed else kind, coords=_coords(one),
                         unit=one.text("unit") if "unit" in one.value else "")  # fmt: skip
    if mixed:
        m.space.kind[made.cols.ravel()] = kinds


def _rows(m: Bilevel, one: Fields) -> tuple[Rows, str]:
    """Return rows over the columns declared so far, and their name."""
    lo = one.numbers("lo", missing=-np.inf)
    hi = one.numbers("hi", len(lo), missing=np.inf)
    return Rows(m.space, one.matrix(len(lo), len(m.space)), lo, hi, one.shape("shape", len(lo))), one.text("rows")


def _function(m: Bilevel | Follower, value: Any, file: str, where: str) -> Quad:
    one, n = Fields(value, file, where, "i j v column value constant"), len(m.space)
    v = one.numbers("v")
    i, j = (one.indices(key, n, len(v)) for key in "ij")
    linear = one.numbers("value")
    column = one.indices("column", n, len(linear))
    if (np.diff(column) <= 0).any():
        raise one.fault("column", "expected columns that rise, none twice")
    row = csr(linear, column.astype(np.int32), np.array([0, len(column)], dtype=np.int32), (1, n))
    return Quad(m.space, i, j, v, row, one.number("constant"))


def _cost(follower: Follower, value: Any, file: str, where: str) -> None:
    one = Fields(value, file, where, f"name sense cost {_more(value, VERSIONS[-1], _MORE_OF_FOLLOWERS)}")
    sense = one.choice("sense", "min", "max")
    if value["cost"] is None:
        return
    cost = _function(follower, value["cost"], file, one.place("cost"))
    with placed(file, one.place("cost")):
        if sense == "min":
            follower.minimize(cost)
        else:
            follower.maximize(-cost)


def _leader(m: Bilevel, leader: Fields, version: int) -> None:
    file = leader.file
    sense = leader.choice("sense", "min", "max")
    none = version > 1 and leader.value["objective"] is None
    goal = Quad.of(m.space, 0.0) if none else _function(m, leader.value["objective"], file, "leader.objective")
    unit = leader.text("unit") if "unit" in leader.value else ""
    if sense == "min":
        m.minimize(goal, unit=unit)
    else:
        m.maximize(-goal, unit=unit)
    m.aims = not none
    for k, value in enumerate(leader.items("rows")):
        keys = _more(value, version, ("coords", EVERY))
        one = Fields(value, file, f"leader.rows[{k}]", f"{_ROWS} {keys}")
        rows, label = _rows(m, one)
        with placed(file, one.where):
            m.add(rows, name=label, coords=_coords(one), every_response=_every(one))
    for k, value in enumerate(leader.items("quadratic_rows")):
        keys = _more(value, version, (EVERY,))
        one = Fields(value, file, f"leader.quadratic_rows[{k}]", f"name lo hi function {keys}")
        lo, hi = one.number("lo", -np.inf), one.number("hi", np.inf)
        quad = _function(m, value["function"], file, one.place("function"))
        with placed(file, one.where):
            m.add(QuadRow(quad, lo, hi), name=one.text("name"), every_response=_every(one))
    for k, value in enumerate(leader.items("sos1")):
        one = Fields(value, file, f"leader.sos1[{k}]", "name column")
        with placed(file, one.where):
            m.sos1(_columns(m, one.indices("column", len(m.space))), one.text("name"))
    for k, value in enumerate(leader.items("indicators")):
        one = Fields(value, file, f"leader.indicators[{k}]", "binary value rows")
        binary = _columns(m, np.array([one.count("binary", len(m.space))]))
        rows, label = _rows(m, Fields(value["rows"], file, one.place("rows"), _ROWS))
        with placed(file, one.where):
            m.indicator(binary, one.choice("value", 0, 1), rows, label)


def _every(one: Fields) -> bool:
    """Return whether a leader's row is for every response: the key has no other value than true."""
    return EVERY in one.value and bool(one.choice(EVERY, True))


def _columns(m: Bilevel, columns: np.ndarray) -> Affine:
    return Affine(m.space, Csr(unit_rows(columns, len(m.space))), np.zeros(len(columns)), (len(columns),))
