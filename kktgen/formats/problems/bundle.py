"""Bilevel problems as data: ``.bilevel.json``, which holds whatever :class:`kktgen.Bilevel` holds, bit for bit.

The schema is one JSON object::

    {"format": "kktgen bilevel", "version": 1, "name": "toll", "columns": 5,
     "about": {"model": "toll", "parameters": {"cap": 3}, "known": {"objective": 2.0}, "version": "0.1",
               "files": {"toll.lp": "<sha256>"}, "source": "..", "names": {}},     every key may be missing
     "declarations": [variable | rows, ...],          in the order of declaration
     "followers": [{"name": "driver", "sense": "min", "cost": function | null}, ...],
     "leader": {"sense": "max", "objective": function, "rows": [rows, ...], "quadratic_rows": [{"name": "q",
                "lo": null, "hi": 1.0, "function": function}, ...], "sos1": [{"name": "s", "column": [0, 2]}, ...],
                "indicators": [{"binary": 4, "value": 1, "rows": rows}, ...]}}

    variable  {"variable": "road", "follower": "driver" | null, "shape": [], "lb": [0.0], "ub": [1.0], "kind": "C"}
    rows      {"rows": "balance", "follower": "driver" | null, "shape": [2], "lo": [null, 0.0], "hi": [1.0, 0.0],
               "start": [0, 2, 3], "column": [0, 3, 1], "value": [1.0, -1.0, 2.0]}
    function  {"i": [0], "j": [1], "v": [1.0], "column": [1], "value": [-2.0], "constant": 0.0}

* A *function* is ``sum v z_i z_j + sum value z_column + constant``; *rows* are ``lo <= M z <= hi`` with M by rows: the
  entries of row k are those from ``start[k]`` to ``start[k + 1] - 1``, columns rising. null in ``lo`` and ``lb`` is
  -infinity, in ``hi`` and ``ub`` +infinity. ``shape`` [] is a scalar; entries stand in C order.
* ``z`` are the columns in the order they arise: every variable its entries; then, for a follower's variable with
  finite bounds, and for a follower's rows, their multipliers: first one for every equation (lo = hi), then one for
  every other finite lower side, then one for every other finite upper side. So prices stand in the leader's problem by
  their column. ``columns`` is the number of columns there must be at the end.
* ``kind`` is C (continuous), B (binary) or I (integer) for all entries, or one letter each. Followers are continuous in
  version 1; in version 2 their variables may be integer, too.
* Every cost is the minimised one, and the leader's objective likewise; ``sense`` tells what the user asked for.
* Numbers are the shortest decimals that read back to the same float64. Other keys than these are refused.
* ``version`` is 1 wherever that says it. In version 2 variables and rows may have labels (``"coords"``,
  :mod:`kktgen.formats.problems.bundle_labels`), rows only where these are not those of the variables in them; variables
  and the leader may have a ``"unit"``. Rows of a follower may hold products besides,
  ``"i": [0], "j": [0], "v": [-1.0]`` for ``sum v z_i z_j``, and ``"row": [0]``, the entry each of them stands in,
  unless the shape is []. Those of the leader's variables alone are one column more a row; those of a leader's binary
  with the follower's own variables one a row and binary (none where the same product, up to sign, stands in an earlier
  row). These columns arise before the multipliers of the rows, the latter first, and stand in no ``column``; for the
  latter four multipliers each arise behind those of the rows (:mod:`kktgen.problem.lifting`).
  ``"when": {"column": [4], "value": [1]}``, one a row, makes rows hold only where a binary has a value; equations then
  have two multipliers. A follower with ``"products": true`` may hold products of continuous variables of the leader
  with its own: one column more a row and variable, behind those before, and behind the multipliers of the rows one for
  the product of each with each multiplier (:mod:`kktgen.problem.varying_rows`). Products of a follower's own variables
  make a convex quadratic row: the same columns, one a row and variable and one a multiplier and variable
  (:mod:`kktgen.problem.curved_rows`). Rows with ``"norm": true`` say ``|e| <= t`` with ``(t, e) = M z - lo``, lo = hi:
  first arise the columns of the normal, one an entry of e, then the multiplier, then the products of the normal
  with e and with the multiplier (:mod:`kktgen.problem.cones`). A follower with ``"complements": true`` stands for
  complementarity said directly, :mod:`kktgen.problem.complementarity`: it has one variable w and the cost F'w, and rows
  of the leader under its name tie w to the second expression. ``"objective": null`` is that of a leader who has none,
  beside conditions or several followers. ``"every_response": true`` marks rows of the leader, linear and
  quadratic, that are to hold for every response of the followers.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import orjson

from ...errors import ProblemError, UnsupportedError
from ...numerics.sparse import Csr, csr
from ...problem.bilevel import Bilevel
from ...problem.columns import Space
from ...problem.cones import Cone, with_leader
from ...problem.coords import Coords
from ...problem.expressions import Quad
from ...problem.follower import Follower
from ...problem.follower_rows import Declared
from ...problem.integers import has_integers
from ...problem.labelled import labels_of
from ...problem.lifted_rows import Natural
from ...problem.rows import QuadRow, Rows
from .about import check_about
from .bundle_labels import plain_coords

SUFFIX = ".bilevel.json"
FORMAT, VERSIONS = "kktgen bilevel", (1, 2)
EVERY = "every_response"
"""Key of the leader's rows that are to hold for every response."""


def dump(m: Bilevel, file: IO[bytes]) -> None:
    """Write a bilevel problem to a binary file; the same problem gives the same bytes.

    Raises
    ------
    ProblemError
        NaN or inf in the data, or ``about`` holds what JSON cannot.
    UnsupportedError
        It is no bilevel problem.
    """
    if not isinstance(m, Bilevel):
        raise UnsupportedError(f"{SUFFIX} holds a bilevel problem; give the Bilevel, not a {type(m).__name__}")
    check_about(m.about, f"{m.name!r}.about", ProblemError)
    version = VERSIONS[_asks_second(m)]
    head = {"format": FORMAT, "version": version, "name": m.name, "columns": len(m.space)}
    leader = [
        b'"objective":' + _text(None if m.is_equilibrium else _function(m.objective, "the leader's objective")),
        _list("rows", [
            _rows(rows, rows.name) | _coords(m.space, rows.M, rows.shape, rows.coords) | _every(rows) for rows in m.rows
        ]),
        _list("quadratic_rows", [
            {"name": q.name, "lo": q.lo, "hi": q.hi, "function": _function(q.quad, f"row {q.name!r}")} | _every(q)
            for q in m.quads
        ]),
        _list("sos1", [{"name": name, "column": columns} for name, columns in m.sets]),
        _list("indicators", [
            {"binary": binary, "value": value, "rows": _rows(rows, name)} for name, binary, value, rows in m.conditions
        ]),
    ]  # fmt: skip
    followers = [
        {"name": f.name, **({"products": True} if with_leader(f.varying, f.cones) else {}),
         **({"complements": True} if f.is_condition else {}), "sense": "min" if f.sense > 0 else "max",
         "cost": None if f.cost is None else _function(f.cost, f"follower {f.name!r}")}
        for f in m.followers
    ]  # fmt: skip
    file.write(_text(head)[:-1] + b',\n"about":' + _text(m.about) + b",\n")
    file.write(_list("declarations", declarations(m)) + b",\n" + _list("followers", followers) + b",\n")
    sense = b"min" if m.sense > 0 else b"max"
    unit = b',"unit":' + _text(m.unit) if m.unit else b""
    file.write(b'"leader":{"sense":"' + sense + b'"' + unit + b",\n" + b",\n".join(leader) + b"}}\n")


def _asks_second(m: Bilevel) -> bool:
    """Return whether version 1 of the schema cannot hold a problem."""
    followers = any(f.terms or f.products.natural or f.cones or f.is_condition for f in m.followers)
    every = any(rows.every_response for rows in m.rows) or any(row.every_response for row in m.quads)
    return followers or has_integers(m) or m.is_equilibrium or _labelled(m) or every


def _every(row: Rows | QuadRow) -> dict[str, Any]:
    """Return what says that a row is for every response."""
    return {EVERY: True} if row.every_response else {}


def _labelled(m: Bilevel) -> bool:
    """Return whether labels or units were given."""
    return bool(m.unit) or any(b.coords or b.unit for b in m.space.blocks) or any(rows.coords for rows in m.rows)


def _coords(space: Space, M: Csr, shape: tuple[int, ...], coords: Coords | None) -> dict[str, Any]:
    """Return the labels of rows where they are others than those of the variables in them."""
    return {"coords": plain_coords(coords)} if coords is not None and coords != labels_of(space, M, shape) else {}


def declarations(m: Bilevel) -> list[dict[str, Any]]:
    """Return variables and followers' rows in an order in which they can be declared again, to the same columns."""
    space, out = m.space, []
    lifted = {int(part.columns[0]) for f in m.followers for part in f.products.lifted}
    for block in space.blocks:
        if block.role in ("leader", "follower") and block.start not in lifted:
            part = slice(block.start, block.stop)
            kinds = space.kind[part]
            kind = str(kinds[0]) if (kinds == kinds[0]).all() else "".join(kinds.tolist())
            out.append((block.start, 0, {
                "variable": block.word, "follower": block.follower or None, "shape": block.shape,
                "lb": space.lb[part], "ub": space.ub[part], "kind": kind,
                **({"coords": plain_coords(block.coords)} if block.coords else {}),
                **({"unit": block.unit} if block.unit else {}),
            }))  # fmt: skip
    for follower in m.followers:
        natural = {row.name: row for row in follower.products.natural}
        cones = {cone.name: cone for cone in follower.cones}
        of_rows = {row.name: row.coords for row in follower.products.conditional}
        of_rows |= {declared.word: declared.coords for declared in follower.declared if not declared.is_bound}
        out += [
            (row.first, 1, _natural(follower, row) | _coords(space, row.quads.M, row.quads.shape, of_rows[row.name]))
            for row in natural.values()
        ]
        out += [(int(cone.u[0]), 1, _norm(follower, cone)) for cone in cones.values()]
        place, terms = -1, {term.row: term for term in follower.terms}
        for declared in follower.declared:
            if (declared.word in natural or declared.word in cones) and not declared.is_bound:
                continue
            term = None if declared.is_bound else terms.get(declared.word)
            place = _place(declared, place) if term is None else term.column
            if not declared.is_bound:
                M = declared.M if term is None else _without(declared.M, term.column)
                rows = _rows(Rows(space, M, declared.lo, declared.hi, declared.shape), declared.word)
                rows |= _coords(space, M, declared.shape, declared.coords)
                if term is not None:
                    rows |= {key: _contiguous(getattr(term.quad, key)) for key in "ijv"}
                out.append((place, 1, {"follower": follower.name, **rows}))
    out.sort(key=lambda item: item[:2])
    return [item[2] for item in out]


def _natural(follower: Follower, row: Natural) -> dict[str, Any]:
    """Return rows with products, or with a condition, as they were declared."""
    quads = row.quads
    out = {"follower": follower.name, **_rows(Rows(quads.space, quads.M, row.lo, row.hi, quads.shape), row.name)}
    at, i, j, v = quads.terms()
    if len(v):
        _finite(v, f"row {row.name!r}")
        out |= {key: _contiguous(part) for key, part in zip("ijv", (i, j, v), strict=True)}
        out |= {"row": _contiguous(at)} if quads.shape else {}
    if row.when is not None:
        out["when"] = {key: _contiguous(part) for key, part in zip(("column", "value"), row.when, strict=True)}
    return out


def _norm(follower: Follower, cone: Cone) -> dict[str, Any]:
    """Return a norm below a side of the follower's own."""
    both = Rows(follower.space, cone.M, -cone.c, -cone.c, (len(cone.c),))
    return {"follower": follower.name, **_rows(both, cone.name), "norm": True}


def _without(M: Csr, column: int) -> Csr:
    """Return a row without its entry in a column."""
    keep = M.indices != column
    return csr(M.data[keep], M.indices[keep], np.array([0, keep.sum()], dtype=M.indptr.dtype), M.shape)


def _place(declared: Declared, last: int) -> int:
    """Return the column rows begin with; rows without multipliers stand behind all they need."""
    columns = np.concatenate([declared.lam, declared.mu_lo, declared.mu_hi])
    own = columns[columns >= 0]
    return int(own.min()) if len(own) else max(last, int(declared.M.indices.max(initial=-1)))


def _rows(rows: Rows, name: str) -> dict[str, Any]:
    M = _rising(rows.M)
    _finite(M.data, f"row {name!r}")
    if np.isnan(rows.lo).any() or np.isnan(rows.hi).any():
        raise ProblemError(f"row {name!r}: NaN in its sides")
    return {
        "rows": name, "shape": rows.shape, "lo": _contiguous(rows.lo), "hi": _contiguous(rows.hi),
        "start": M.indptr, "column": M.indices, "value": M.data,
    }  # fmt: skip


def _function(quad: Quad, where: str) -> dict[str, Any]:
    linear = _rising(quad.linear)
    _finite(np.concatenate([quad.v, linear.data, [quad.r]]), where)
    return {
        "i": _contiguous(quad.i), "j": _contiguous(quad.j), "v": _contiguous(quad.v),
        "column": linear.indices, "value": linear.data, "constant": float(quad.r),
    }  # fmt: skip


def _rising(M: Csr) -> Csr:
    """Return M with its columns rising in every row and none twice; zeros stay."""
    rising = np.diff(M.indices, prepend=-1) > 0
    rising[M.indptr[:-1][np.diff(M.indptr) > 0]] = True
    if not rising.all():
        M = Csr((M.data.copy(), M.indices.copy(), M.indptr.copy()), shape=M.shape)
        M.sum_duplicates()
    return M


def _finite(values: np.ndarray, where: str) -> None:
    if not np.isfinite(values).all():
        raise ProblemError(f"NaN or inf in the data of {where}; a file needs finite numbers")


def _contiguous(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values)


def _text(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise ProblemError(
            f"{SUFFIX} cannot hold this: {error}; names are texts, about holds what JSON holds"
        ) from None


def _list(key: str, items: list[dict[str, Any]]) -> bytes:
    """Return a key with a list, one line an item."""
    return b'"' + key.encode() + b'":[\n' + b",\n".join(map(_text, items)) + b"]"
