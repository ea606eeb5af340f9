"""A bilevel problem from MathOptFormat files, such as JuMP and BilevelJuMP write, and the answer by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from ..formats.problems import linked
from ..formats.writing.files import file_path
from ..problem.bilevel import Bilevel
from ..problem.expressions import Affine
from ..problem.refusals import NoSuchKey
from ..wording import first_names, near

__all__ = ["MofMap", "read"]


class MofMap(Mapping[str, Affine]):
    """Where the variables of the files are in the problem: ``at["g[1]"]`` is an expression, of a price its multiplier.

    See Also
    --------
    kktgen.interop.mof.read : Makes one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll, driver = m.var("toll", lb=0, ub=3), m.follower("driver")
    >>> road = driver.var("road", 2, lb=0, ub=1)
    >>> driver.minimize(toll @ road[0] + 2 * road[1])
    >>> one = driver.add(road.sum() == 1, name="one")
    >>> m.maximize(toll @ road[0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write(m, pathlib.Path(folder) / "toll.mof.json")
    ...     m, at = kg.mof.read(path)
    >>> sorted(at)
    ['road[0]', 'road[1]', 'toll']
    >>> solution = kg.optimize(m).solution
    >>> print(f"{solution[at['toll']]:.2f} {solution[at.dual('one')]:.2f}")
    2.00 2.00
    """

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __init__(self, found: linked.Linked) -> None:
        self._linked = found

    def __getitem__(self, name: str) -> Affine:
        known = self._linked.columns
        if name not in known:
            raise NoSuchKey(
                f"no variable is named {name!r}{near(str(name), known)}; there are {first_names([*known], 6)}"
            )
        return self._linked.declared.z[known[name]]

    def dual(self, row: str, follower: str | None = None) -> Affine:
        """Return the multiplier of a follower's row: d(minimised cost)/d(right-hand side), as MathOptInterface has it.

        Parameters
        ----------
        row : str
        follower : str, optional
            Needed where several followers have a row of this name.

        Raises
        ------
        ProblemError
            No row, or several, have this name.

        Examples
        --------
        See :class:`kktgen.interop.mof.MofMap`.

        >>> import kktgen as kg
        >>> "dual" in dir(kg.mof.MofMap)
        True
        """
        names = [f.name for f in self._linked.declared.followers]
        found = [
            k for k, rows in enumerate(self._linked.rows) if row in rows and follower in (None, names[k])
        ]  # fmt: skip
        if len(found) != 1:
            rows = [name for part in self._linked.rows for name in part]
            said = "no follower has" if not found else f"followers {first_names([names[k] for k in found])} have each"
            raise NoSuchKey(
                f"{said} a row {row!r}{'' if found else near(str(row), rows)}; there are {first_names(rows, 6)}"
            )
        return self._linked.declared.dual(found[0], np.array(self._linked.rows[found[0]][row]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._linked.columns)

    def __len__(self) -> int:
        return len(self._linked.columns)

    def __repr__(self) -> str:
        return f"MofMap({first_names([*self], 6)})"


def read(
    upper: str | os.PathLike[str],
    lower: str | os.PathLike[str] | None = None,
    *,
    link: str | os.PathLike[str] | Mapping[str, Any] | None = None,
) -> tuple[Bilevel, MofMap]:
    """Return the bilevel problem of two MathOptFormat files and a link, as the recipe for BilevelJuMP writes them.

    Parameters
    ----------
    upper : path
        The leader's ``.mof.json``; alone, with ``NAME.link.json`` beside it as :func:`kktgen.write` makes them.
    lower : path, optional
        The follower's.
    link : path or dict, optional
        What the two files do not say: ``{"owns": ["y", "g*"], "prices": {"lambda": "balance"}}``, the follower's
        variables, and which variables of the leader are multipliers (``DualOf``) of which rows.

    Returns
    -------
    Bilevel, MofMap

    Raises
    ------
    FormatError
        The files are not what they should be, or do not fit together: file, place, what was expected.
    ProblemError
        Integer followers, costs that are not convex.
    UnsupportedError
        Functions and sets that kktgen does not hold.

    See Also
    --------
    kktgen.read : The same without the names.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> import kktgen as kg
    >>> def level(sense, goal, variable, rows):
    ...     def affine(terms):
    ...         parts = [{"coefficient": c, "variable": name} for name, c in terms.items()]
    ...         return {"type": "ScalarAffineFunction", "terms": parts, "constant": 0.0}
    ...     constraints = [{"name": "", "function": {"type": "Variable", "name": variable[0]}, "set": variable[1]}]
    ...     constraints += [{"name": name, "function": affine(terms), "set": kind} for name, terms, kind in rows]
    ...     return {"version": {"major": 1, "minor": 7}, "variables": [{"name": "x"}, {"name": "y"}],
    ...             "objective": {"sense": sense, "function": affine(goal)}, "constraints": constraints}
    >>> def le(side):
    ...     return {"type": "LessThan", "upper": side}
    >>> upper = level("min", {"x": 1, "y": 3}, ("x", {"type": "Interval", "lower": 0, "upper": 8}),
    ...               [("cap", {"y": 1}, le(5))])
    >>> lower = level("max", {"y": 1}, ("y", {"type": "GreaterThan", "lower": -9}), [
    ...     ("c1", {"x": 1, "y": 1}, le(8)), ("c2", {"x": -1, "y": -4}, le(-8)), ("c3", {"x": 1, "y": 2}, le(13)),
    ...     ("c4", {"y": 2, "x": -7}, le(0))])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     u, l = pathlib.Path(folder) / "u.mof.json", pathlib.Path(folder) / "l.mof.json"
    ...     _ = u.write_text(json.dumps(upper)), l.write_text(json.dumps(lower))
    ...     m, at = kg.mof.read(u, l, link={"owns": ["y"]})
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution.objective:.4f} {result.solution[at['y']]:.4f} {result.report.claim}")
    6.1333 1.8667 optimal
    """
    first = file_path(upper)
    if lower is None and link is None:
        return _returned(linked.load_mof(first))
    if lower is None or link is None:
        raise FormatError(f"{first}: the follower's file and a link are both needed: read(upper, lower, link=..)")
    second = file_path(lower)
    where = first if isinstance(link, Mapping) else file_path(link)
    said = dict(link) if isinstance(link, Mapping) else linked.json_table(where)
    if not isinstance(said, dict) or "owns" not in said or not said.keys() <= {"owns", "prices", "name"}:
        raise FormatError(f"{where}: link: expected an object with owns, and prices or name, got {said!r}"[:300])
    root = {
        "name": said.get("name", "lower"), "file": os.path.relpath(second, where.parent), "owns": said["owns"]
    }  # fmt: skip
    table = {"leader": {"file": os.path.relpath(first, where.parent)}, "follower": [root]}
    table |= {"prices": said["prices"]} if "prices" in said else {}
    return _returned(linked.link(table, where, Path(first.name.removesuffix(".mof.json")).name))


def _returned(found: linked.Linked) -> tuple[Bilevel, MofMap]:
    return found.m, MofMap(found)
