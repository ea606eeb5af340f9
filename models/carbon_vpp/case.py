"""Data of the low-carbon game: VPPs, wholesale prices, the ladder of carbon prices."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "case.json"
DAY = 24


@dataclass(frozen=True, eq=False)
class Vpp:
    """Data of one VPP: series (T,) in MW, ratings in MW and MWh, fuel costs in kCNY, charge as a share of capacity."""

    name: str
    load: np.ndarray
    wind: np.ndarray
    pv: np.ndarray
    a: float
    bm: float
    c: float
    g_max: float
    down: float
    up: float
    b_max: float
    capacity: float
    soc_min: float
    soc_max: float
    home: float
    trade_max: float


@dataclass(frozen=True, eq=False)
class Carbon:
    """Emission and quota factors (t/MWh) by source, step prices (K,) in kCNY/t, step length in t a day."""

    emission: dict[str, float]
    quota: dict[str, float]
    prices: np.ndarray
    step: float
    surplus: str

    def net(self, source: str) -> float:
        """Emission less quota of a source (t/MWh)."""
        return self.emission[source] - self.quota.get(source, 0.0)


@dataclass(frozen=True, eq=False)
class Case:
    """Wholesale prices (T,), hours (T,), VPPs, and what they have in common; ``charged``: carbon costs money."""

    buy: np.ndarray
    sell: np.ndarray
    hour: np.ndarray
    vpps: tuple[Vpp, ...]
    carbon: Carbon
    charged: bool
    upkeep: dict[str, float]
    certificate: float
    share: float
    compensation: float
    trade_quad: float
    efficiency: float
    wear: float

    @property
    def days(self) -> int:
        """Days, a part of a day counting as one."""
        return -(-len(self.hour) // DAY)

    @property
    def carbon_range(self) -> np.ndarray:
        """Smallest and largest price of carbon at the margin of a VPP (2,) in kCNY/t."""
        if not self.charged:
            return np.zeros(2)
        return np.array([0.0 if self.carbon.surplus == "no_sale" else self.carbon.prices[0], self.carbon.prices[-1]])


@cache
def data() -> dict[str, Any]:
    """Return the data file."""
    return json.loads(DATA.read_text(encoding="utf-8"))


def _vpp(data: dict[str, Any], hour: np.ndarray) -> Vpp:
    turbine, storage = data["micro_turbine"], data["storage"]
    return Vpp(
        data["name"].lower(), np.array(data["load"])[hour], np.array(data["wind"])[hour], np.array(data["pv"])[hour],
        turbine["a"], turbine["b"], turbine["c"], turbine["p_max"], turbine["ramp_down"], turbine["ramp_up"],
        storage["p_max"], storage["capacity"], storage["soc_min"], storage["soc_max"], storage["soc_start_end"],
        data["trade_max"],
    )  # fmt: skip


def _drawn(vpp: Vpp, rng: np.random.Generator, spread: float) -> Vpp:
    """Return a VPP around ``vpp``; its load stays below ``trade_max``, so that it can always be bought."""
    noise = 1.0 + spread * (2.0 * rng.random((3, len(vpp.load))) - 1.0)
    factor = 1.0 + spread * (2.0 * rng.random(6) - 1.0)
    ratings = {"a": 0, "bm": 1, "g_max": 2, "down": 3, "up": 3, "b_max": 4, "capacity": 5}
    return replace(
        vpp,
        load=np.minimum(np.round(vpp.load * noise[0], 4), vpp.trade_max),
        wind=np.round(vpp.wind * noise[1], 4),
        pv=np.round(vpp.pv * noise[2], 4),
        **{word: round(getattr(vpp, word) * float(factor[k]), 4) for word, k in ratings.items()},
    )


def case(parameters: Any) -> Case:
    """Return the data of the case: the reconstructed ones, repeated, cut or drawn as the parameters say."""
    raw, hours = data(), parameters.hours
    ladder = raw["carbon"]
    hour = np.arange(DAY - hours, DAY) if hours < DAY else np.arange(hours) % DAY
    models = [_vpp(one, hour) for one in raw["vpps"]]
    rng = np.random.default_rng(parameters.seed)
    vpps = []
    for j in range(parameters.vpps):
        model = models[j % len(models)]
        vpp = model if parameters.seed is None else _drawn(model, rng, parameters.spread)
        vpps.append(replace(vpp, name=f"vpp{j + 1}"))
    prices = ladder["base"] * (1.0 + parameters.growth * np.arange(ladder["steps"]))
    quota = {**raw["quota"], "trade": parameters.trade_quota}
    return Case(
        np.array(raw["wholesale"]["buy"])[hour], np.array(raw["wholesale"]["sell"])[hour],
        hour + 1 if hours < DAY else np.arange(1, hours + 1), tuple(vpps),
        Carbon(raw["emission"], quota, prices, ladder["step"], parameters.surplus), parameters.carbon,
        raw["upkeep"], raw["certificate"], raw["curtailment"]["share"], raw["curtailment"]["compensation"],
        parameters.trade_quad, parameters.efficiency, parameters.wear,
    )  # fmt: skip
