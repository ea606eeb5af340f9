"""A PyPSA network that has become a follower: prices at its buses, and the answer back into it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ProblemError
from ..problem.expressions import Affine, Quad
from ..wording import first_names, near
from .linopy import LinopyFollower
from .names import matching

BALANCE = "Bus*-nodal_balance"
"""Names of the rows whose multipliers are prices; PyPSA puts buses of many branches into rows of their own."""


class NetworkFollower(LinopyFollower):
    """A PyPSA network as a follower: its linopy model, prices at buses, and the answer back into the network.

    Attributes
    ----------
    network : pypsa.Network
    weights : ndarray (t,)
        Objective weightings of the snapshots.
    offer : Affine (t, g) or None
        The leader's offers, of :func:`kktgen.interop.pypsa.strategic`.
    capacity : Affine (g,) or None
        The leader's capacities, of :func:`kktgen.interop.pypsa.merchant`.
    profit : Quad or None
        The leader's profit.

    See Also
    --------
    kktgen.interop.pypsa.strategic, kktgen.interop.pypsa.merchant, kktgen.interop.pypsa.follower : Make one.

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
    ...     assert market.price("north").shape == market["Generator-p"].sel(name="own").shape == (1,)
    """

    def __init__(self, imported: LinopyFollower, network: Any, weights: np.ndarray) -> None:
        self.__dict__.update(vars(imported))
        self.network, self.weights = network, weights
        self.offer: Affine | None = None
        self.capacity: Affine | None = None
        self.profit: Quad | None = None

    def price(self, bus: str) -> Affine:
        """Return the prices at a bus (t,): the multipliers of its balance by the weightings of the snapshots.

        Parameters
        ----------
        bus : str

        Raises
        ------
        ProblemError
            The bus is not there, or nothing is connected to it.

        Examples
        --------
        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("pypsa"):                 # pip install 'kktgen[pypsa]'
        ...     import pypsa
        ...     n = pypsa.Network()
        ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
        ...     _ = n.add("Generator", ["cheap", "dear"], bus="north", p_nom=[60, 80], marginal_cost=[10, 30])
        ...     m = kg.Bilevel("prices")
        ...     market = kg.pypsa.follower(m, n)
        ...     m.minimize(market.price("north").sum())
        ...     assert abs(kg.optimize(m).solution.objective - 30) < 1e-6
        """
        return self.balance(bus) / self.weights

    def balance(self, bus: str) -> Affine:
        """Return the multipliers of the balance of a bus (t,): its prices times the weightings of the snapshots.

        Raises
        ------
        ProblemError
            The bus is not there, or nothing is connected to it.

        Examples
        --------
        ``balance(bus) @ p`` is what a generator earns: the weightings are in the multipliers.

        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("pypsa"):                 # pip install 'kktgen[pypsa]'
        ...     import pypsa
        ...     n = pypsa.Network()
        ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
        ...     _ = n.add("Generator", "wind", bus="north", p_nom=160, marginal_cost=1)
        ...     market = kg.pypsa.follower(kg.Bilevel("earnings"), n)
        ...     earnings = market.balance("north") @ market["Generator-p"].sel(name="wind")
        """
        found: list[str] = []
        for name in matching(BALANCE, self.dual, "constraints", f"follower {self.follower.name!r}"):
            buses = self.dual.labels[name].coords["name"].values.tolist()
            if bus in buses:
                return self.dual[name].sel(name=bus)
            found += buses
        raise ProblemError(f"no bus {bus!r} has a balance{near(bus, found)}; there are {first_names(found, 6)}")

    def assign(self, solution: Any) -> None:
        """Write a solution into the network: dispatch, flows, prices, capacities, as ``n.optimize()`` does.

        Parameters
        ----------
        solution : Solution

        Raises
        ------
        NoSolutionError
            There is no point in it.
        ProblemError
            The network has made another model in the meantime.

        Examples
        --------
        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("pypsa"):                 # pip install 'kktgen[pypsa]'
        ...     import pypsa
        ...     n = pypsa.Network()
        ...     _ = n.add("Bus", "north"), n.add("Load", "town", bus="north", p_set=100)
        ...     _ = n.add("Generator", ["own", "rival"], bus="north", p_nom=[60, 80], marginal_cost=[10, 30])
        ...     m, market = kg.pypsa.strategic(n, ["own"], cap=60)
        ...     market.assign(kg.optimize(m).solution)
        ...     assert abs(n.buses_t.marginal_price["north"].iloc[0] - 30) < 1e-6
        ...     assert abs(n.generators_t.p["own"].iloc[0] - 60) < 1e-6
        """
        n = self.network
        if getattr(n, "model", None) is not self.model:
            raise ProblemError("the network has made another model since it was imported; import it again")
        super().assign(solution)
        n.optimize.assign_solution()
        n.optimize.assign_duals()
        n.optimize.post_processing()
