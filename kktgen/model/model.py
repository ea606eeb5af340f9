"""A single-level model: columns, objective, rows, complementarity pairs, sets and indicators.

One type serves every stage from :func:`kktgen.kkt` to the written file; complementarity pairs are
a kind of row that :func:`kktgen.encode` replaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..numerics.convexity import is_psd
from ..numerics.sparse import Csr
from ..problem.columns import Space
from ..problem.expressions import Quad
from .appended_columns import Encoded, Lift, Products
from .html import model_html
from .kkt_system import Kkt
from .pairs import Pairs
from .printed import summary
from .tables import Indicators, QuadTable, RowTable, Sos1, join, psd_rows
from .terms import Terms
from .units import Units

FEATURES = {
    "int": "integer variables",
    "qobj": "a convex quadratic objective",
    "qobj_nonconvex": "a nonconvex quadratic objective",
    "qrow": "convex quadratic rows",
    "qrow_nonconvex": "nonconvex quadratic rows (products of variables)",
    "sos1": "SOS1 sets",
    "indicator": "indicator rows",
    "pairs": "complementarity pairs (encode the model first)",
}
"""What a model may need, and a format or solver may offer, in words."""


@dataclass(frozen=True)
class Origin:
    """Which problem a model stands for, see :mod:`kktgen.model.fingerprint`.

    Parameters
    ----------
    problem : tuple of (str, str)
        Parts of the problem with their digests.
    model : tuple of (str, str)
        Parts of the model, as the last stage left it, with theirs.
    stages : tuple of str
        What was done since the KKT model, in order: ``eliminate``, ``bound``, ...
    """

    problem: tuple[tuple[str, str], ...]
    model: tuple[tuple[str, str], ...]
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Cutoff:
    """That boxes of a model hold for points of a given value or better alone.

    Parameters
    ----------
    value : float
        Of a verified point, in the user's sense.
    space : Space
        The columns with the boxes that hold for all points.
    notes : tuple of str
        The model's notes without it.
    rows : RowTable or None
        The model's rows without those that rest on it; None where there are none.
    """

    value: float
    space: Space
    notes: tuple[str, ...]
    rows: RowTable | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """A single-level model.

    Parameters
    ----------
    name : str
    space : Space
        Columns with bounds and kinds.
    objective : Quad
        Minimised.
    sense : int
        +1 when the user minimises, -1 when the user maximises (the objective is then the negated one).
    rows, quads, pairs, sos1, indicators
        What constrains z.
    kkt : Kkt or None
        The followers' KKT system, when there are followers.
    notes : tuple of str
        What was done to the model (eliminated products, encodings), in words; printed.
    encodings : tuple of Encoded
        How the pairs were encoded, for the printed summary and the claim.
    lifts : tuple of Lift or Products
        Columns the encodings appended, in terms of the KKT point.
    constants : ndarray (k,), k <= n
        Values of the leader's columns whose products were made linear, NaN elsewhere (:mod:`kktgen.model.constants`).
    cutoff : Cutoff or None
        Set where bounds rest on the value of a verified point (:mod:`kktgen.reformulate.level`): the optimum is the
        same, points that are worse may be missing.
    units : Units or None
        Units in which the numbers are of order one; None where they are so as they stand. The model itself is in the
        user's units, see :mod:`kktgen.reformulate.scale`.
    origin : Origin or None
        Digests of the problem it was made from, and of itself; a change by hand does not fit them, so that no optimum
        is claimed of it.
    unit : str
        What the objective is counted in; empty where nobody said.
    equilibrium : bool
        Whether no objective of the leader was set beside conditions or several followers: any point will do.
    bounded : bool
        Whether :func:`kktgen.bound` has tried to prove bounds; the later stages then do not try again.

    See Also
    --------
    kktgen.kkt : Makes one of a bilevel problem.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> mpec = kg.kkt(m)
    >>> mpec.n, len(mpec.rows), len(mpec.pairs), sorted(mpec.features)
    (4, 1, 2, ['pairs', 'qobj_nonconvex'])
    >>> milp = kg.encode(mpec, kg.BigM())
    >>> milp.n, len(milp.rows), sorted(milp.features), milp.encodings[0].trust
    (6, 5, ['int', 'qobj_nonconvex'], 'proved')
    """

    name: str
    space: Space
    objective: Quad
    sense: int
    rows: RowTable
    quads: QuadTable
    pairs: Pairs | None = None
    sos1: Sos1 = field(default_factory=Sos1.empty)
    indicators: Indicators | None = None
    kkt: Kkt | None = None
    notes: tuple[str, ...] = ()
    encodings: tuple[Encoded, ...] = ()
    lifts: tuple[Lift | Products, ...] = ()
    constants: np.ndarray = field(default_factory=lambda: np.empty(0))
    cutoff: Cutoff | None = None
    units: Units | None = None
    origin: Origin | None = None
    bounded: bool = False
    unit: str = ""
    equilibrium: bool = False

    @property
    def n(self) -> int:
        """Number of columns.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("columns")
        >>> x = m.var("x", 3)
        >>> kg.kkt(m).n
        3
        """
        return len(self.space)

    @cached_property
    def matrices(self) -> tuple[Csr, np.ndarray, float]:
        """The minimised objective ``1/2 z'Pz + q'z + r`` as (P, q, r) over the columns.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("quadratic")
        >>> x = m.var("x", 2)
        >>> m.maximize(3 * x[0] - x @ x)                # its negative is minimised
        >>> P, q, r = kg.kkt(m).matrices
        >>> P.toarray().tolist(), (q + 0.0).tolist(), abs(r)
        ([[2.0, 0.0], [0.0, 2.0]], [-3.0, 0.0], 0.0)
        """
        return self.objective.matrices(self.n)

    def value(self, z: np.ndarray) -> float:
        """Return the objective at z in the user's own sense.

        Examples
        --------
        >>> import numpy as np
        >>> import kktgen as kg
        >>> m = kg.Bilevel("linear")
        >>> x = m.var("x", 2)
        >>> m.maximize(3 * x[0] - x[1])
        >>> kg.kkt(m).value(np.array([2.0, 1.0]))
        5.0
        """
        return self.sense * self.objective.value(z)

    @cached_property
    def terms(self) -> Terms:
        """Columns that stand for products of the leader's variables in followers' rows (:mod:`kktgen.model.terms`).

        Examples
        --------
        The follower's row holds a product of the leader's variables, for which a column of the model stands.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("terms")
        >>> a, b = m.var("a", lb=0, ub=2), m.var("b", lb=0, ub=2)
        >>> lower = m.follower("lower")
        >>> y = lower.var("y", lb=0)
        >>> row = lower.add(y >= a * b)
        >>> lower.minimize(y)
        >>> len(kg.kkt(m).terms.columns)
        1
        """
        return Terms.of(self.space.role, self.rows, self.quads)

    def complete(self, z: np.ndarray) -> np.ndarray:
        """Return a point over all columns from a point of the KKT model (its columns come first).

        Examples
        --------
        The binaries of a big-M encoding follow from a point of the KKT model: 1 where a row is active.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> milp = kg.encode(kg.kkt(m), kg.BigM())
        >>> z = kg.search.respond(m, [1.0])             # toll 1, road 1, and the multipliers of road >= 0, road <= 1
        >>> z.tolist(), milp.complete(z)[len(z):].tolist()
        ([1.0, 1.0, 0.0, 1.0], [0.0, 1.0])
        """
        out = np.zeros(self.n)
        out[: len(z)] = z[: self.n]
        out = self.terms.settled(out)
        for lift in self.lifts:
            out[lift.columns] = lift.values(out, self.units, self.space.owner)
        return out

    def with_rows(self, *tables: RowTable) -> Model:
        """Return the model with more rows; by hand, it is another problem's model then (give the problem the rows).

        See Also
        --------
        Bilevel.add : Rows of the problem itself, under which an optimum can be claimed.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("rows")
        >>> x = m.var("x", lb=0, ub=1)
        >>> half = m.add(x <= 0.5, name="half")
        >>> model = kg.kkt(m)
        >>> twice = model.with_rows(model.rows)
        >>> len(model.rows), len(twice.rows)
        (1, 2)
        """
        return replace(self, rows=join([self.rows, *tables], self.n))

    @cached_property
    def features(self) -> frozenset[str]:
        """What a format or solver must offer to take this model (keys of ``FEATURES``).

        See Also
        --------
        kktgen.readers : Which solver takes a model.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> mpec = kg.kkt(m)
        >>> sorted(mpec.features)
        ['pairs', 'qobj_nonconvex']
        >>> sorted(kg.encode(kg.eliminate(mpec), kg.SOS1()).features)
        ['sos1']
        """
        out: set[str] = set()
        if (self.space.kind != "C").any():
            out.add("int")
        P = self.matrices[0]
        if P.nnz:
            out.add("qobj" if is_psd(P) else "qobj_nonconvex")
        if len(self.quads):
            out |= {"qrow" if ok else "qrow_nonconvex" for ok in psd_rows(self.quads, self.n)}
        if len(self.sos1):
            out.add("sos1")
        if self.indicators is not None and len(self.indicators):
            out.add("indicator")
        if self.pairs is not None and len(self.pairs):
            out.add("pairs")
        return frozenset(out)

    def __str__(self) -> str:
        return summary(self)

    def __repr__(self) -> str:
        pairs = 0 if self.pairs is None else len(self.pairs)
        return f"Model({self.name!r}, {self.n} columns, {len(self.rows)} rows, {pairs} pairs)"

    def _repr_html_(self) -> str:
        return model_html(self)
