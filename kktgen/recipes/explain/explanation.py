"""What an explanation consists of, and how it prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...wording import Table
from ..html import explanation_html
from .attained import Attainment

KINDS = {
    "feasible": "there is a bilevel-feasible point",
    "high_point_infeasible": "the leader's and the followers' rows contradict, whatever is optimal",
    "follower_infeasible": "the followers' own rows contradict at every decision the leader may take",
    "follower_unbounded": "a follower's cost falls without end at every decision at which it has a point",
    "no_response": "at no decision do all followers have an optimal response together",
    "coupling_infeasible": "every optimal response to every decision breaks a coupling row",
    "leader_unbounded": "the leader's objective improves without end over bilevel-feasible points",
    "unknown": "nothing was proved",
}
"""What an explanation may say, and what it means."""
SHOWN = 12
"""Most lines of a table that are printed."""


@dataclass(frozen=True)
class ConflictingRow:
    """A side of a row or a bound that takes part in a contradiction.

    Parameters
    ----------
    label : str
        What it is: ``coupling row 'cap'``, ``row 'bal(market,3)' of follower 'market'``, ``bound of 'x'``.
    says : str
        The side itself, ``x + y(f) <= 3``.
    alone : float
        By how much it would have to give if it alone gave, in its own units; nan where that is not known.
    gives : float
        By how much it gives at the least total violation; nan where that is not known.
    in_conflict : bool
        Whether it belongs to the contradicting subset; the others only give at the least total violation.
    """

    label: str
    says: str
    alone: float
    gives: float
    in_conflict: bool = True


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a bilevel problem has no optimum, or that it has points.

    Parameters
    ----------
    name : str
        Of the problem.
    kind : str
        A key of :data:`KINDS`.
    sentences : tuple of str
        What was found, and what it rests on.
    follower : str
        The follower it is about (several joined by ", "); empty where it is about the leader or all.
    witness : tuple of ConflictingRow
        The contradicting rows and bounds, irreducible where ``irreducible``.
    irreducible : bool
        Without any single row of the contradiction the others have a point.
    least : float or None
        Least total violation of all rows (of the coupling rows alone for ``coupling_infeasible``).
    ray : tuple of (str, float)
        Nonzero entries of the direction along which a cost falls without end.
    slope : float or None
        Change of that cost a unit along the ray.
    bounded : bool or None
        Whether the leader's objective is bounded; None where that is open or there is no point.
    attained : Attainment or None
        Whether a finite infimum is attained.
    point : ndarray (n,) or None
        The point found, over the problem's columns: a bilevel-feasible one, or for ``coupling_infeasible`` the response
        of least violation.
    notes : tuple of str
        What else was seen, and what was not looked at.
    seconds : float

    See Also
    --------
    kktgen.explain : Makes one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("empty")
    >>> x = m.var("x", lb=0, ub=1)
    >>> rows = m.add(x >= 2, name="more"), m.add(x <= 5, name="less")
    >>> found = kg.explain(m)
    >>> found.kind, found.irreducible, found.rows
    ('high_point_infeasible', True, ("leader row 'more'", "bound of 'x'"))
    >>> print(f"{found.least:.3f}")
    1.000
    >>> [table.title for table in found.tables]
    ['rows in conflict (each of them is needed)']
    """

    name: str
    kind: str
    sentences: tuple[str, ...]
    follower: str = ""
    witness: tuple[ConflictingRow, ...] = ()
    irreducible: bool = False
    least: float | None = None
    ray: tuple[tuple[str, float], ...] = ()
    slope: float | None = None
    bounded: bool | None = None
    attained: Attainment | None = None
    point: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def rows(self) -> tuple[str, ...]:
        """Labels of the contradicting rows and bounds."""
        return tuple(one.label for one in self.witness if one.in_conflict)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The witness rows and the ray as tables."""
        out = []
        if self.witness:
            lines = tuple((w.label, w.says, _number(w.alone), _number(w.gives)) for w in self.witness[:SHOWN])
            title = "rows in conflict" + (" (each of them is needed)" if self.irreducible else "")
            out.append(Table(title, ("row", "says", "alone", "least total"), lines, self._note()))
        if self.ray:
            steps = tuple((name, f"{value:.6g}") for name, value in self.ray[:SHOWN])
            more = len(self.ray) - SHOWN
            out.append(Table("direction", ("variable", "change"), steps, f"... and {more} more" if more > 0 else ""))
        return tuple(out)

    def _note(self) -> str:
        more = len(self.witness) - SHOWN
        head = f"... and {more} more; " if more > 0 else ""
        return f"{head}alone / least total: by how much the row would have to give, in its own units"

    def __repr__(self) -> str:
        return f"Explanation({self.name!r}, {self.kind})"

    def _repr_html_(self) -> str:
        return explanation_html(self, KINDS[self.kind])

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.kind}", *(f"  {sentence}" for sentence in self.sentences)]
        if self.attained is not None:
            lines.append(f"  {self.attained}")
        lines += ["\n" + str(table) for table in self.tables]
        return "\n".join([*lines, *([""] if self.notes and self.tables else []), *(f"  - {n}" for n in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, for JSON; numbers that are not known are None.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("endless")
        >>> x = m.var("x", lb=0)
        >>> m.maximize(x)
        >>> data = kg.explain(m).to_dict()
        >>> data["kind"], data["ray"]
        ('leader_unbounded', {'x': 1.0})
        """
        return {
            "name": self.name,
            "kind": self.kind,
            "meaning": KINDS[self.kind],
            "sentences": list(self.sentences),
            "follower": self.follower,
            "rows": [
                {key: None if isinstance(v, float) and np.isnan(v) else v for key, v in asdict(w).items()}
                for w in self.witness
            ],
            "irreducible": self.irreducible,
            "least": None if self.least is None or np.isnan(self.least) else self.least,
            "ray": dict(self.ray),
            "slope": self.slope,
            "bounded": self.bounded,
            "attained": None if self.attained is None else asdict(self.attained),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"
