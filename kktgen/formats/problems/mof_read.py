"""One level from a MathOptFormat file (``.mof.json``), as JuMP's ``write_to_file`` makes it.

Held: variables, bounds, integers; affine rows in ``LessThan``, ``GreaterThan``, ``EqualTo``, ``Interval``; vectors of
them in ``Zeros``, ``Nonnegatives``, ``Nonpositives``; quadratic rows; affine and quadratic objectives. In a quadratic
function the term ``(c, x, x)`` is ``c x^2 / 2``, the term ``(c, x, y)`` is ``c x y``. Rows without a name are called
``c1, c2, ..``. Everything else is refused by name. Schema: https://jump.dev/MathOptFormat, version 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import scipy.sparse as sp

from ...errors import FormatError, UnsupportedError
from ...numerics.sparse import Csr
from ..writing.files import contents
from .fields import kind_of
from .level_body import Body, QuadraticRow

SUFFIX = ".mof.json"
_SIDES = {
    "LessThan": (None, "upper"), "GreaterThan": ("lower", None), "EqualTo": ("value", "value"),
    "Interval": ("lower", "upper"), "Parameter": ("value", "value"),
}  # fmt: skip
"""Keys of the lower and the upper side of a set."""
_VECTORS = {"Zeros": (0.0, 0.0), "Nonnegatives": (0.0, math.inf), "Nonpositives": (-math.inf, 0.0)}


def read_mof(path: Path) -> Body:
    """Return the level of a ``.mof.json`` file.

    Raises
    ------
    FormatError
        It is no such file: file, place, what was expected.
    UnsupportedError
        It holds a function or a set that kktgen does not.
    """
    try:
        root = orjson.loads(contents(path))
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{path}, line {error.lineno}, column {error.colno}: no JSON: {error.msg}") from None
    return _Reader(path, root).body()


@dataclass
class _Row:
    """A function as numbers: linear terms, quadratic terms, constant."""

    at: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    i: list[int] = field(default_factory=list)
    j: list[int] = field(default_factory=list)
    v: list[float] = field(default_factory=list)
    constant: float = 0.0


class _Reader:
    """A file on the way to a level."""

    def __init__(self, path: Path, root: Any) -> None:
        self.path, self.root = path, root
        version = root.get("version") if isinstance(root, dict) else None
        if not isinstance(version, dict) or version.get("major") != 1:
            raise FormatError(f'{path}: expected MathOptFormat, an object with "version": {{"major": 1, ..}}')
        names = [self.text(one, "name", f"variables[{k}]") for k, one in enumerate(self.list(root, "variables", "top"))]
        self.columns = {name: k for k, name in enumerate(names)}
        if len(self.columns) < len(names):
            twice = next(name for k, name in enumerate(names) if self.columns[name] != k)
            raise FormatError(f"{path}: variables: {twice!r} is there twice")
        n = len(names)
        self.lb, self.ub = np.full(n, -math.inf), np.full(n, math.inf)
        self.kind = np.full(n, "C")
        self.rows: list[tuple[str, _Row, float, float]] = []

    def body(self) -> Body:
        """Return the level."""
        for k, one in enumerate(self.list(self.root, "constraints", "top")):
            self.constraint(one, f"constraints[{k}]")
        linear = [row for row in self.rows if not row[1].v]
        n, count = len(self.columns), len(linear)
        names = self._row_names()
        P, q, r, sense = self.objective()
        entries = [
            (k, at, value) for k, row in enumerate(linear) for at, value in zip(row[1].at, row[1].value, strict=True)
        ]
        rows, at, values = (
            (np.array(part) for part in zip(*entries, strict=True)) if entries else (np.empty(0, int),) * 3
        )
        quads = [
            QuadraticRow(name, _square(row, n), _vector(row, n), lo - row.constant, hi - row.constant)
            for name, (_, row, lo, hi) in zip(names, self.rows, strict=True) if row.v
        ]  # fmt: skip
        constants = np.array([row[1].constant for row in linear])
        return Body(
            str(self.root.get("name") or ""), np.array(list(self.columns), dtype=str),
            np.array([name for name, row in zip(names, self.rows, strict=True) if not row[1].v], dtype=str),
            Csr(sp.coo_array((values, (rows, at)), shape=(count, n))), np.array([row[2] for row in linear]) - constants,
            np.array([row[3] for row in linear]) - constants, self.lb, self.ub, q, self.kind, sense, r, P, quads, True,
        )  # fmt: skip

    def _row_names(self) -> list[str]:
        """Return the names of all rows; those without one get one."""
        given = {row[0] for row in self.rows}
        out, used, k = [], set(), 0
        for name, *_ in self.rows:
            while not name:
                k += 1
                name = f"c{k}" if f"c{k}" not in given else ""
            if name in used:
                raise FormatError(f"{self.path}: constraints: {name!r} is there twice")
            used.add(name)
            out.append(name)
        return out

    def objective(self) -> tuple[Csr, np.ndarray, float, int]:
        """Return P, q and the constant of the objective, and 1 (minimised), -1 (maximised) or 0 (none)."""
        one, n = self.root.get("objective"), len(self.columns)
        sense = {"min": 1, "max": -1, "feasibility": 0}.get(self.text(one, "sense", "objective"))
        if sense is None:
            raise FormatError(f"{self.path}: objective.sense: expected min, max or feasibility, got {one['sense']!r}")
        row = self.function(one.get("function"), "objective.function") if sense else _Row()
        return _square(row, n), _vector(row, n), row.constant, sense

    def constraint(self, one: Any, where: str) -> None:
        """Take a constraint: rows, bounds, or a kind."""
        function, kind = self.part(one, "function", where), self.part(one, "set", where)
        name, what = str(one.get("name") or ""), self.text(kind, "type", f"{where}.set")
        said = f"{where}{f' ({name})' if name else ''}"
        if what in _VECTORS:
            parts = self.vector(function, f"{where}.function")
            for k, row in enumerate(parts):
                self.rows.append((f"{name}[{k + 1}]" if name else "", row, *_VECTORS[what]))
            return
        is_bound = function.get("type") in ("Variable", "SingleVariable")
        if what in ("Integer", "ZeroOne") and is_bound:
            at = self.function(function, f"{where}.function").at[0]
            self.kind[at] = "I" if what == "Integer" else "B"
            return
        if what not in _SIDES:
            raise UnsupportedError(
                f"{self.path}: {said}: set {what} is not read; there are {', '.join((*_SIDES, 'Integer', 'ZeroOne'))} "
                f"and, of vectors, {', '.join(_VECTORS)}"
            )
        lo, hi = (
            bound if key is None else self.number(kind, key, f"{where}.set")
            for key, bound in zip(_SIDES[what], (-math.inf, math.inf), strict=True)
        )
        row = self.function(function, f"{where}.function")
        if is_bound:
            at = row.at[0]
            self.lb[at], self.ub[at] = max(self.lb[at], lo), min(self.ub[at], hi)
        else:
            self.rows.append((name, row, lo, hi))

    def function(self, one: Any, where: str) -> _Row:
        """Return a scalar function."""
        kind, row = self.text(one, "type", where), _Row()
        if kind in ("Variable", "SingleVariable"):
            row.at, row.value = [self.column(one, "name" if "name" in one else "variable", where)], [1.0]
            return row
        if kind not in ("ScalarAffineFunction", "ScalarQuadraticFunction"):
            raise UnsupportedError(
                f"{self.path}: {where}: function {kind} is not read; there are Variable, ScalarAffineFunction, "
                "ScalarQuadraticFunction, VectorOfVariables and VectorAffineFunction"
            )
        terms = "terms" if kind == "ScalarAffineFunction" else "affine_terms"
        for k, term in enumerate(self.list(one, terms, where)):
            row.at.append(self.column(term, "variable", f"{where}.{terms}[{k}]"))
            row.value.append(self.number(term, "coefficient", f"{where}.{terms}[{k}]"))
        for k, term in enumerate(self.list(one, "quadratic_terms", where) if terms == "affine_terms" else ()):
            place = f"{where}.quadratic_terms[{k}]"
            row.i.append(self.column(term, "variable_1", place))
            row.j.append(self.column(term, "variable_2", place))
            row.v.append(self.number(term, "coefficient", place))
        row.constant = self.number(one, "constant", where)
        return row

    def vector(self, one: Any, where: str) -> list[_Row]:
        """Return the entries of a vector of functions."""
        kind = self.text(one, "type", where)
        if kind == "VectorOfVariables":
            names = self.list(one, "variables", where)
            return [_Row([self.column({"name": name}, "name", where)], [1.0]) for name in names]
        if kind != "VectorAffineFunction":
            raise UnsupportedError(f"{self.path}: {where}: function {kind} is not read")
        constants = self.list(one, "constants", where)
        rows = [_Row(constant=self.number({"": value}, "", f"{where}.constants")) for value in constants]
        for k, term in enumerate(self.list(one, "terms", where)):
            place = f"{where}.terms[{k}]"
            at, inner = self.part(term, "output_index", place, int), self.part(term, "scalar_term", place)
            if not 1 <= at <= len(rows):
                raise FormatError(f"{self.path}: {place}.output_index: expected 1 to {len(rows)}, got {at}")
            rows[at - 1].at.append(self.column(inner, "variable", place))
            rows[at - 1].value.append(self.number(inner, "coefficient", place))
        return rows

    def part(self, one: Any, key: str, where: str, kind: type = dict) -> Any:
        """Return a value of some type."""
        value = one.get(key) if isinstance(one, Mapping) else None
        if type(value) is not kind:
            wanted = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}[kind]
            raise FormatError(f"{self.path}: {where}.{key}: expected {wanted}, got {kind_of(value)}")
        return value

    def list(self, one: Any, key: str, where: str) -> list[Any]:
        """Return a list."""
        out: list[Any] = self.part(one, key, where, list)
        return out

    def text(self, one: Any, key: str, where: str) -> str:
        """Return a text."""
        out: str = self.part(one, key, where, str)
        return out

    def number(self, one: Any, key: str, where: str) -> float:
        """Return a finite number."""
        value = one.get(key) if isinstance(one, Mapping) else None
        if type(value) not in (int, float):
            raise FormatError(f"{self.path}: {where}.{key}: expected a number, got {kind_of(value)}")
        return float(value)  # type: ignore[arg-type]

    def column(self, one: Any, key: str, where: str) -> int:
        """Return the position of a variable that is named."""
        name = self.text(one, key, where)
        if name not in self.columns:
            raise FormatError(f"{self.path}: {where}: no variable is named {name!r}")
        return self.columns[name]


def _square(row: _Row, n: int) -> Csr:
    """Return P of ``1/2 z'Pz``, symmetric."""
    i, j, v = np.array(row.i, dtype=int), np.array(row.j, dtype=int), np.array(row.v, dtype=float)
    off = i != j
    parts = (np.concatenate([v, v[off]]), (np.concatenate([i, j[off]]), np.concatenate([j, i[off]])))
    return Csr(sp.coo_array(parts, shape=(n, n)))


def _vector(row: _Row, n: int) -> np.ndarray:
    """Return the linear coefficients over all columns."""
    out = np.zeros(n)
    np.add.at(out, row.at, row.value)
    return out
