"""Every instance with a known value is solved against it; those not marked quick are slow tests."""

from __future__ import annotations

import pytest
from found import instance_answer

from kktgen import catalog

LONG = {"dso_vpp/published", "dlc_contract/short"}
"""Quick for a user, but not among thousands of tests."""
FAMILIES = {
    "classics": "clark_westerberg_1990_31", "cournot": "duopoly", "forecast": "p1_d5", "hyper": "lasso_60x5",
    "inverse": "", "knapsack": "i10_k3", "paths": "sioux_1_k3", "portfolio": "a6", "qpec": "n4_m8",
    "roads": "braess_close", "unit_commitment": "t3",
}  # fmt: skip
"""Families that tests/models holds against oracles, and the one case of each that is solved here every time."""


def is_quick(name):
    """Return whether an instance is solved every time."""
    family, case = name.split("/")
    return catalog.load_instance(name).quick and name not in LONG and FAMILIES.get(family, case) == case


KNOWN = [
    pytest.param(name, marks=[] if is_quick(name) else [pytest.mark.slow])
    for name in catalog.instance_names()
    if catalog.load_instance(name).known.get("objective") is not None
]


def test_the_published_case_is_among_them():
    quick = [case.values[0] for case in KNOWN if not case.marks]
    assert "dso_vpp/published" in [case.values[0] for case in KNOWN] and "dso_vpp/short" in quick


@pytest.mark.parametrize("name", KNOWN)
def test_known_value(name):
    instance = catalog.load_instance(name)
    known = instance.known
    result = instance_answer(name)[1]
    assert result.report.claim == known["claim"].replace("proved", "optimal"), str(result)
    assert result.solution.objective == pytest.approx(known["objective"], rel=1e-5)
    if "bound" in known:
        assert result.bound == pytest.approx(known["bound"], rel=2e-4)  # proved bounds lie up to 1e-4 off
    assert known["source"]
