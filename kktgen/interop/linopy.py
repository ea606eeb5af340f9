"""A follower from a linopy model, and the answer back into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError, UnsupportedError
from ..problem.bilevel import Bilevel
from ..problem.columns import labels
from ..problem.expressions import Affine
from ..problem.follower import Follower
from ..wording import first_names
from . import matrices
from .data import named
from .imported import Imported
from .names import matching

__all__ = ["LinopyFollower", "follower"]
INSTALL = "pip install 'kktgen[linopy]'"


class LinopyFollower(Imported):
    """A linopy model as a follower: its variables and the multipliers of its constraints, with their labels.

    ``market["Generator-p"].sel(name="strat")`` and ``market.dual["Bus-nodal_balance"].sel(name="north")`` are
    expressions of kktgen, in the shape and order of linopy's arrays, zero where an entry is masked.

    Attributes
    ----------
    model : linopy.Model

    See Also
    --------
    kktgen.interop.linopy.follower : Makes one.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("linopy"):                    # pip install 'kktgen[linopy]'
    ...     import linopy, pandas as pd
    ...     model, plants = linopy.Model(), pd.Index(["wind", "gas"], name="plant")
    ...     g = model.add_variables(lower=0, upper=60, coords=[plants], name="g")
    ...     _ = model.add_constraints(g.sum() == 100, name="balance")
    ...     _ = model.add_objective((pd.Series([1, 30], plants) * g).sum())
    ...     market = kg.linopy.follower(kg.Bilevel("market"), model)
    ...     assert market["g"].sel(plant="gas").shape == market.dual["balance"].shape == ()
    """

    def __init__(
        self, plain: Imported, model: Any, scales: _Scales, labels: Mapping[str, Any], row_labels: Mapping[str, Any]
    ) -> None:
        super().__init__(
            plain.follower, plain.z, plain.sides, plain.places, plain.rows, plain.objective, labels, row_labels
        )
        self.model = model
        self._scales = scales

    def assign(self, solution: Any) -> None:
        """Write a solution into the linopy model: ``.solution``, ``.dual``, ``objective.value``, ``status``.

        The multipliers of rows that went to the leader are nan: it has none.

        Parameters
        ----------
        solution : Solution
            Of :func:`kktgen.optimize` and the like, with a point.

        Raises
        ------
        NoSolutionError
            There is no point in it.

        Examples
        --------
        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("linopy"):                # pip install 'kktgen[linopy]'
        ...     import linopy
        ...     model = linopy.Model()
        ...     x, y = model.add_variables(lower=0, upper=5, name="x"), model.add_variables(lower=0, name="y")
        ...     _ = model.add_constraints(y >= x, name="row")
        ...     _ = model.add_objective(3 * y)
        ...     m = kg.Bilevel("back")
        ...     f = kg.linopy.follower(m, model, leader=["x"])
        ...     m.maximize(f["x"])
        ...     f.assign(kg.optimize(m).solution)
        ...     assert abs(float(y.solution) - 5) < 1e-6
        """
        from linopy.constants import Result, Status
        from linopy.constants import Solution as Values

        model, scales = self.model, self._scales
        point, dual = self.point(solution), self.dual.point(solution)
        row_lower, row_upper = self.sides[2:]
        dual = np.where((row_lower >= 0) | (row_upper >= 0), dual, np.nan)
        primal = _by_label(model.variables, self.labels, self.places, point * scales.columns)
        prices = _by_label(
            model.constraints, self.dual.labels, self.rows, self.follower.sense * dual * scales.objective / scales.rows
        )
        found = Values(primal, prices, float(solution[self.objective]) * scales.objective)
        model.assign_result(Result(Status.from_termination_condition("optimal"), found))


def follower(
    m: Bilevel,
    model: Any,
    *,
    leader: Sequence[str] | Mapping[str, Any] = (),
    rows_of_leader: Sequence[str] | Mapping[str, Any] = (),
    given: Mapping[str, Affine] | None = None,
    name: str = "follower",
) -> LinopyFollower:
    """Declare a linopy model as a follower; some of its variables are the leader's.

    Write the leader's variables into the linopy model, with ``add_variables``, and their products with the follower's
    into its objective; then say which they are.

    Parameters
    ----------
    m : Bilevel
    model : linopy.Model
        Masks are honoured: entries that are absent are zero here.
    leader : sequence of str, or mapping of str to labels
        The leader's variables, names or patterns such as ``"offer*"``. In a mapping, by name which entries:
        ``{"Generator-p_nom": {"name": ["strat"]}}``, all of them with ``None``.
    rows_of_leader : sequence of str, or mapping of str to labels
        Constraints with variables of the follower that the leader keeps; those without any are the leader's anyway.
    given : mapping of str to Affine, optional
        Expressions of the leader, declared already, that stand for whole variables, in their shapes.
    name : str
        Of the follower.

    Returns
    -------
    LinopyFollower
        Variables by name, ``dual`` by name of the constraint, both with labels: ``dual["balance"].sel(bus="north")``.

    Raises
    ------
    ProblemError
        No linopy model, unknown names or labels, integer variables of the follower, a cost that is not convex.
    UnsupportedError
        Semi-continuous variables, SOS sets, indicator constraints.

    See Also
    --------
    kktgen.interop.pypsa.strategic : A network with a strategic firm in one call.

    Notes
    -----
    * Terms of the objective in the leader's variables alone are no cost of the follower, nor of the leader.
    * linopy's legacy semantics, its default, read ``a * y`` as ``+a`` where ``y`` is masked, which cannot be seen
      afterwards. With the leader's ``a`` that is no cost of the follower; of two variables of the follower it is wrong.
      Set ``linopy.options["semantics"] = "v1"``, or use ``(a * y).where(mask)``.
    * linopy drops constraints that are left without variables, even where the numbers violate them; with one of the
      leader's in it the row stays.
    * Bounds that are constraints, as in PyPSA, have their multipliers in ``dual``, not in ``upper_dual``.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("linopy"):                    # pip install 'kktgen[linopy]'
    ...     import linopy, pandas as pd
    ...     model, plant = linopy.Model(), pd.Index(["own", "rival"], name="plant")
    ...     offer = model.add_variables(lower=0, upper=60, name="offer")
    ...     g = model.add_variables(lower=0, upper=pd.Series([60, 80], plant), coords=[plant], name="g")
    ...     _ = model.add_constraints(g.sum() == 100, name="balance")
    ...     own, rival = g.sel(plant="own", drop=True), g.sel(plant="rival", drop=True)
    ...     _ = model.add_objective(offer * own + 30 * rival)
    ...     m = kg.Bilevel("bidding")
    ...     market = kg.linopy.follower(m, model, leader=["offer"], name="market")
    ...     own = market["g"].sel(plant="own")
    ...     m.maximize(market.dual["balance"] @ own - 10 * own)
    ...     result = kg.optimize(m)
    ...     market.assign(result.solution)
    ...     assert abs(result.solution.objective - 1200) < 1e-6
    ...     assert abs(float(model.dual["balance"]) - 30) < 1e-6
    """
    return import_model(m, model, leader, rows_of_leader, given, name)


def import_model(
    m: Bilevel, model: Any, leader: Any, rows_of_leader: Any, given: Mapping[str, Affine] | None, name: str
) -> LinopyFollower:
    """Return a linopy model as a follower, as :func:`follower` does."""
    where = f"follower {name!r}"
    _refuse(model, where)
    M = model.matrices
    variables = {key: model.variables[key].labels for key in model.variables}
    constraints = {key: model.constraints[key].labels for key in model.constraints}
    names, rows = _places(variables, M.vlabels), _places(constraints, M.clabels)
    scales = _Scales(model, M, rows)
    if np.isnan(M.c).any():
        raise ProblemError(
            f"{where}: linopy's costs are NaN of {first_names(named(np.isnan(M.c), names))}. A product with "
            "masked entries is written (a * y).sum() or (a * y).fillna(0), not a * y.fillna(0)"
        )
    n, k = len(M.vlabels), len(M.clabels)
    A = sp.csr_array(M.A) if M.A is not None else sp.csr_array((0, n))
    sense = np.asarray(M.sense)
    plain = matrices.follower(
        m, scales.hessian(M.Q), scales.cost(M.c), scales.body(A), np.where(sense == "<", -np.inf, M.b) / scales.rows,
        np.where(sense == ">", np.inf, M.b) / scales.rows, M.lb / scales.columns, M.ub / scales.columns,
        leader=_chosen(leader, variables, names, n, "variables", where), names=names, rows=rows, kinds=M.vtypes,
        rows_of_leader=_chosen(rows_of_leader, constraints, rows, k, "constraints", where),
        given=given, sense=model.objective.sense, name=name, coords=_coords(variables), row_coords=_coords(constraints),
    )  # fmt: skip
    _refuse_integers(plain.follower, where)
    return LinopyFollower(plain, model, scales, _positions(variables), _positions(constraints))


def _refuse(model: Any, where: str) -> None:
    """Refuse what is no linopy model, and what kktgen does not hold."""
    if not all(hasattr(model, part) for part in ("variables", "constraints", "matrices", "objective")):
        raise ProblemError(f"{where}: a linopy.Model is expected, got {type(model).__name__}; {INSTALL}")
    kinds = {"semi_continuous": "semi-continuous variables", "sos": "SOS sets over variables"}
    for word, what in kinds.items():
        found = [*getattr(model.variables, word, ())]
        if found:
            raise UnsupportedError(f"{where}: {what} {first_names(found)}, which a follower cannot hold")
    found = [key for key in model.constraints if getattr(model.constraints[key], "is_indicator", False)]
    if found:
        raise UnsupportedError(f"{where}: indicator constraints {first_names(found)}, which a follower cannot hold")


def _refuse_integers(follower: Follower, where: str) -> None:
    """Refuse integer variables of the follower: its answer in linopy has duals, and there are none."""
    own = follower.columns
    whole = own[follower.space.kind[own] != "C"]
    if len(whole):
        found = first_names(labels(follower.space.blocks, whole[:3]), count=len(whole))
        raise ProblemError(
            f"{where}: {len(whole)} of its variables are integer: {found}; answers to linopy have duals, which an "
            "integer follower lacks. Take its matrices, kg.matrices.follower(.., kinds=..), or give them to the leader"
        )


class _Scales:
    """The factors by which linopy scales columns, rows and objective for solvers: taken out again here."""

    def __init__(self, model: Any, M: Any, rows: Mapping[str, np.ndarray]) -> None:
        self.columns = np.asarray(getattr(M, "var_scaling", np.ones(len(M.vlabels))))
        self.rows = np.ones(len(M.clabels))
        for key, at in rows.items():
            factor = getattr(model.constraints[key], "scaling", None)
            if factor is not None and at.size:
                self.rows[at[at >= 0]] = np.broadcast_to(np.asarray(factor), at.shape)[at >= 0]
        self.objective = float(getattr(model.objective, "scaling", 1.0))

    def body(self, A: sp.csr_array) -> sp.csr_array:
        """Return the rows in the user's units."""
        return sp.diags_array(1.0 / self.rows) @ A @ sp.diags_array(self.columns)

    def cost(self, c: np.ndarray) -> np.ndarray:
        """Return the linear cost in the user's units."""
        return c * self.columns / self.objective

    def hessian(self, Q: Any) -> sp.csr_array | None:
        """Return the quadratic cost in the user's units, None where there is none."""
        if Q is None:
            return None
        columns = sp.diags_array(self.columns)
        return columns @ sp.csr_array(Q) @ columns / self.objective


def _places(labels: Mapping[str, Any], active: np.ndarray) -> dict[str, np.ndarray]:
    """Return the positions of linopy's labels among the active ones, -1 where an entry is absent."""
    active = np.asarray(active, dtype=np.int64)
    every = [np.asarray(one.values).ravel() for one in labels.values()]
    size = int(max([-1, *(one.max(initial=-1) for one in every), active.max(initial=-1)])) + 2
    at = np.full(size, -1)
    at[active] = np.arange(len(active))
    return {key: at[np.asarray(one.values).astype(np.int64)] for key, one in labels.items()}


def _coords(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels of arrays of xarray by dimension; of those alone that have some in every dimension."""
    return {
        key: {str(dim): one.indexes[dim] for dim in one.dims}
        for key, one in labels.items()
        if one.dims and all(dim in one.indexes for dim in one.dims)
    }


def _positions(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays with the labels of dimensions that hold flat positions."""
    return {key: one.copy(data=np.arange(one.size).reshape(one.shape)) for key, one in labels.items()}


def _chosen(
    wanted: Any, labels: Mapping[str, Any], places: Mapping[str, np.ndarray], count: int, word: str, where: str
) -> np.ndarray:
    """Return which columns or rows are meant by names, patterns and labels (n,) bool."""
    out = np.zeros(count, dtype=bool)
    wanted = {wanted: None} if isinstance(wanted, str) else wanted
    chosen = wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted)
    for pattern, entries in chosen.items():
        for key in matching(pattern, labels, word, where):
            positions = labels[key].copy(data=places[key])
            try:
                at = positions if entries is None else positions.sel(**entries)
            except (KeyError, ValueError, TypeError) as error:
                dims = ", ".join(map(str, positions.dims)) or "none"
                words = error.args[0] if error.args else error
                raise ProblemError(f"{where}: labels of {key!r}: {words}; its dimensions are {dims}") from None
            flat = np.asarray(at.values).ravel()
            out[flat[flat >= 0]] = True
    return out


def _by_label(
    owners: Any, labels: Mapping[str, Any], places: Mapping[str, np.ndarray], values: np.ndarray
) -> np.ndarray:
    """Return values by position as linopy's solutions hold them: by label, nan where an entry is absent."""
    size = max([0, *(owners[key].range[1] for key in labels)])
    out = np.full(size, np.nan)
    for key, at in places.items():
        label = np.asarray(owners[key].labels.values).ravel()
        there = at.ravel() >= 0
        out[label[there]] = values[at.ravel()[there]]
    return out
