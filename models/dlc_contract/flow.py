"""The radial network by the paper's equations P_nm = U_n (U_n - U_m) / z, losses and all.

They are those of a resistive network: line l carries the current i, the sum of P/U behind it, U_m = U_n - z i, and
loses z i^2. Currents and voltages are computed in turn until the voltages settle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg

SWEEPS = 500
"""Most sweeps."""
SETTLED = 1e-13
"""Largest change of a voltage (per unit) between two sweeps at the end."""
COLLAPSE = 0.5
"""Voltages (per unit) below this are none the network can be run at."""


@dataclass(frozen=True, eq=False)
class PowerFlow:
    """Purchase and losses (T,) in MW, voltages of buses 2..34 (33, T) per unit, cost of the DSO in EUR."""

    purchase: np.ndarray
    losses: np.ndarray
    voltage: np.ndarray
    cost: float


def power_flow(data: Any, substation: float, price: float, dlc: np.ndarray) -> PowerFlow:
    """Return the flow under a schedule of DLC (Z, T) in MW.

    Parameters
    ----------
    data : Case
    substation : float
        Voltage there (per unit).
    price : float
        Contract price (EUR/MWh).
    dlc : ndarray (Z, T)

    Raises
    ------
    ProblemError
        A schedule of another shape, or a load the network cannot carry.
    """
    dlc = np.asarray(dlc, dtype=float)
    if dlc.shape != data.most.shape:
        raise kg.ProblemError(f"exact: dlc has the shape {dlc.shape}, not {data.most.shape} (zones, hours)")
    load, u = data.load - data.split @ dlc, np.full_like(data.load, substation)
    for _ in range(SWEEPS):
        current = data.reach @ (load / u)
        before, u = u, substation - data.reach.T @ (data.z[:, None] * current)
        if not (u > COLLAPSE).all():
            break
        if np.abs(u - before).max() < SETTLED:
            purchase = data.first + substation * current[data.upstream < 0].sum(axis=0)
            cost = price * dlc.sum() + data.rho @ purchase
            return PowerFlow(purchase, data.z @ current**2, u, float(cost))
    raise kg.ProblemError("exact: the network cannot carry this load: its voltages collapse")
