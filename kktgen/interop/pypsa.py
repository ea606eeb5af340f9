"""PyPSA networks with a leader: a firm that bids strategically, or one that chooses capacities.

PyPSA itself is never imported: the network that is given makes its own model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError, UnsupportedError
from ..problem.bilevel import Bilevel
from ..problem.by_labels import by_labels
from ..problem.combine import stack
from ..problem.coords import of_array
from ..problem.expressions import Affine, Quad
from ..wording import first_names, near
from .linopy import LinopyFollower, import_model
from .networks import NetworkFollower

__all__ = ["NetworkFollower", "follower", "merchant", "strategic"]
INSTALL = "pip install 'kktgen[pypsa]'"


def follower(
    m: Bilevel,
    network: Any,
    *,
    leader: Sequence[str] | Mapping[str, Any] = (),
    rows_of_leader: Sequence[str] | Mapping[str, Any] = (),
    given: Mapping[str, Affine] | None = None,
    model: Any = None,
    name: str = "market",
    **options: Any,
) -> NetworkFollower:
    """Declare what ``network.optimize()`` would solve as a follower; some of its variables are the leader's.

    Parameters
    ----------
    m : Bilevel
    network : pypsa.Network
    leader, rows_of_leader, given
        As of :func:`kktgen.interop.linopy.follower`, ``{"Link-p_nom": {"name": ["cable"]}}`` for one.
    model : linopy.Model, optional
        What ``network.optimize.create_model()`` has made, with variables and constraints of your own; made here by
        default.
    name : str
        Of the follower.
    options
        Of PyPSA's ``create_model``, ``snapshots`` for one.

    Returns
    -------
    NetworkFollower
        ``market["Generator-p"].sel(name="wind")``, ``market.price("north")``.

    Raises
    ------
    ProblemError
        No network, committable components, whatever :func:`kktgen.interop.linopy.follower` refuses.
    UnsupportedError
        Scenarios or investment periods.

    See Also
    --------
    kktgen.interop.pypsa.strategic, kktgen.interop.pypsa.merchant : A leader that is a firm.

    Examples
    --------
    Which tax on coal halves what it gives?

    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("pypsa"):                     # pip install 'kktgen[pypsa]'
    ...     import pypsa
    ...     n = pypsa.Network()
    ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
    ...     _ = n.add("Generator", ["coal", "gas"], bus="north", p_nom=[90, 90], marginal_cost=[20, 35])
    ...     m = kg.Bilevel("tax")
    ...     tax = m.var("tax", lb=0, ub=50)
    ...     market = kg.pypsa.follower(m, n)
    ...     coal = market["Generator-p"].sel(name="coal")
    ...     market.follower.minimize(market.follower.cost + tax * coal.sum())
    ...     _ = m.add(coal.sum() <= 45)
    ...     m.minimize(tax)
    ...     assert abs(kg.optimize(m).solution[tax] - 15) < 1e-6
    """
    _refuse(network)
    if model is None:
        model = network.optimize.create_model(**options)
    imported = import_model(m, model, leader, rows_of_leader, given, name)
    weights = network.snapshot_weightings.objective.reindex(_snapshots(network, imported)).to_numpy(dtype=float)
    return NetworkFollower(imported, network, weights)


def strategic(
    network: Any, generators: Sequence[str], *, cap: Any, floor: Any = 0.0, name: str = "strategic", **options: Any
) -> tuple[Bilevel, NetworkFollower]:
    """Return the problem of a firm that offers its generators at prices of its choice; the network is the market.

    The firm maximises what its generators earn at the prices of their buses less their marginal costs, linear and
    quadratic, by the weightings of the snapshots. The market dispatches at least cost, with the offers in the place of
    the firm's linear marginal costs.

    Parameters
    ----------
    network : pypsa.Network
    generators : sequence of str
        Of the firm, at one bus or several; not extendable.
    cap, floor : float or array
        Highest and lowest offer, broadcast to (snapshots, generators); frames and Series by their labels. A cap is
        needed: without one, demand that only the firm can serve pays any price.
    name : str
        Of the problem.
    options
        Of PyPSA's ``create_model``, ``snapshots`` for one.

    Returns
    -------
    Bilevel, NetworkFollower
        The follower has ``offer`` (snapshots, generators) and ``profit``.

    Raises
    ------
    ProblemError
        Unknown or extendable generators, committable components.
    UnsupportedError
        Scenarios or investment periods.

    See Also
    --------
    kktgen.robust : An offer nearby at which ties of the market are settled.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("pypsa"):                     # pip install 'kktgen[pypsa]'
    ...     import pypsa
    ...     n = pypsa.Network()
    ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
    ...     _ = n.add("Generator", ["own", "rival"], bus="north", p_nom=[60, 80], marginal_cost=[10, 30])
    ...     m, market = kg.pypsa.strategic(n, ["own"], cap=60)
    ...     result = kg.optimize(m)
    ...     market.assign(result.solution)
    ...     assert abs(result.solution.objective - 1200) < 1e-6
    """
    _refuse(network)
    firm = _firm(network, generators, extendable=False)
    m = Bilevel(name)
    market = follower(m, network, **options)
    p, costs, slopes = _dispatch(market, firm), _costs(market, firm), _slopes(market, firm)
    offer = m.var("offer", lb=floor, ub=cap, coords=of_array(p.labels))
    offer.labels = p.labels
    change = (offer.ravel() - costs.ravel()) * np.repeat(market.weights, len(firm))
    market.follower.minimize(market.follower.cost + change @ p.ravel())
    market.objective = market.objective + change @ p.ravel()
    market.offer, market.profit = offer, _margin(market, firm, p, costs, slopes)
    m.maximize(market.profit)
    return m, market


def merchant(
    network: Any, generators: Sequence[str], *, cap: Any = None, name: str = "merchant", **options: Any
) -> tuple[Bilevel, NetworkFollower]:
    """Return the problem of a firm that chooses the capacities of its generators; the network is the market.

    The firm maximises what its generators earn at the prices of their buses less their marginal costs and what
    PyPSA's objective says their capacities cost. The market, at least cost, takes these capacities as given.

    Parameters
    ----------
    network : pypsa.Network
    generators : sequence of str
        Of the firm, all of them extendable.
    cap : float or array, optional
        Most capacity of each, a Series by its labels; ``p_nom_max`` holds in any case.
    name : str
        Of the problem.
    options
        Of PyPSA's ``create_model``, ``snapshots`` for one.

    Returns
    -------
    Bilevel, NetworkFollower
        The follower has ``capacity`` (generators,) and ``profit``.

    Raises
    ------
    ProblemError
        Unknown generators, or some that are not extendable; committable components.
    UnsupportedError
        Scenarios or investment periods.

    Examples
    --------
    A rival at 30 with a capacity of 80 serves what a firm at 10 leaves of a demand of 100. Beyond 100 the price would
    fall to the firm's own cost.

    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("pypsa"):                     # pip install 'kktgen[pypsa]'
    ...     import pypsa
    ...     n = pypsa.Network()
    ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
    ...     _ = n.add("Generator", "rival", bus="north", p_nom=80, marginal_cost=30)
    ...     _ = n.add("Generator", "own", bus="north", p_nom_extendable=True, marginal_cost=10, capital_cost=5)
    ...     m, market = kg.pypsa.merchant(n, ["own"], cap=90)
    ...     result = kg.optimize(m)
    ...     assert abs(result.solution.objective - 90 * (30 - 10 - 5)) < 1e-4
    """
    _refuse(network)
    firm = _firm(network, generators, extendable=True)
    m = Bilevel(name)
    market = follower(m, network, leader={"Generator-p_nom": {"name": firm}}, **options)
    capacity = market["Generator-p_nom"].sel(name=firm)
    if cap is not None:
        m.add(capacity <= by_labels(cap, of_array(capacity.labels), "cap"), name="cap")
    p = _dispatch(market, firm)
    linear = np.zeros(len(m.space))
    linear[market.objective.linear.indices] = market.objective.linear.data
    margin = _margin(market, firm, p, _costs(market, firm), _slopes(market, firm))
    market.capacity, market.profit = capacity, margin - linear[capacity.cols] @ capacity
    m.maximize(market.profit)
    return m, market


def _refuse(network: Any) -> None:
    """Refuse what is no network, and networks that kktgen does not hold."""
    if not all(hasattr(network, part) for part in ("generators", "optimize", "snapshot_weightings")):
        raise ProblemError(f"a pypsa.Network is expected, got {type(network).__name__}; {INSTALL}")
    if getattr(network, "has_scenarios", False) or getattr(network, "has_investment_periods", False):
        raise UnsupportedError("networks with scenarios or investment periods are not supported; take one of them")
    for parts in (network.generators, network.links):
        on = [*parts.index[parts.committable.astype(bool)]] if "committable" in parts else []
        if on:
            raise ProblemError(
                f"{first_names(on)}: committable, which makes the market a problem in binaries: an integer follower "
                "has no prices, and no KKT conditions. Set committable to False: there are no minimum loads and "
                "start-ups then"
            )


def _firm(network: Any, generators: Sequence[str], extendable: bool) -> list[str]:
    """Return the names of the firm's generators, checked."""
    names = [generators] if isinstance(generators, str) else list(generators)
    known = network.generators.index[network.generators.active.astype(bool)].tolist()
    lost = [name for name in names if name not in known]
    if lost or not names:
        word = f"no generator {lost[0]!r}{near(lost[0], known)}" if lost else "no generators of the firm are given"
        off = ", it is not active" if lost and lost[0] in network.generators.index else ""
        raise ProblemError(f"{word}{off}; the network has {first_names(known, 6)}")
    wrong = [name for name in names if bool(network.generators.p_nom_extendable[name]) is not extendable]
    if wrong:
        cure = (
            "the firm's capacities are to be chosen: set p_nom_extendable to True" if extendable else
            "kktgen.pypsa.merchant is for capacities; set p_nom_extendable to False"
        )  # fmt: skip
        raise ProblemError(f"{first_names(wrong)}: {'not ' if extendable else ''}extendable; {cure}")
    return names


def _snapshots(network: Any, imported: LinopyFollower) -> Any:
    """Return the snapshots of the model."""
    found = [labels.indexes["snapshot"] for labels in imported.labels.values() if "snapshot" in labels.dims]
    return found[0] if found else network.snapshots


def _dispatch(market: NetworkFollower, firm: list[str]) -> Affine:
    """Return what the firm's generators give (t, g)."""
    return market["Generator-p"].sel(name=firm)


def _costs(market: NetworkFollower, firm: list[str]) -> np.ndarray:
    """Return the linear marginal costs of the firm's generators (t, g)."""
    return _table(market, firm, "marginal_cost")


def _table(market: NetworkFollower, firm: list[str], column: str) -> np.ndarray:
    """Return a number of the firm's generators in every snapshot (t, g)."""
    n = market.network
    table: np.ndarray = n.get_switchable_as_dense("Generator", column, _snapshots(n, market))[firm].to_numpy(
        dtype=float
    )
    return table


def _slopes(market: NetworkFollower, firm: list[str]) -> np.ndarray:
    """Return the quadratic marginal costs of the firm's generators (t, g)."""
    return _table(market, firm, "marginal_cost_quadratic")


def _margin(market: NetworkFollower, firm: list[str], p: Affine, costs: np.ndarray, slopes: np.ndarray) -> Quad:
    """Return what the generators earn at the prices of their buses less their marginal costs."""
    n, weights = market.network, market.weights[:, None]
    sign = n.generators.sign[firm].to_numpy(dtype=float)
    revenue = stack([market.balance(n.generators.bus[name]) for name in firm], axis=1) * sign
    flat = p.ravel()
    margin: Quad = (revenue.ravel() - (weights * costs).ravel()) @ flat
    return margin - ((weights * slopes).ravel() * flat) @ flat if slopes.any() else margin
