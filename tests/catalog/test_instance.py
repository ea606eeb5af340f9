"""Every instance with a known value is solved against it; those not marked quick are slow tests."""

from __future__ import annotations

import pytest
from found import instance_answer

from kktgen import catalog

LONG = {"dso_vpp/published", "dlc_contract/short"}
"""Quick for a user, but not among thousands of tests."""
KNOWN = [
    pytest.param(name, marks=[] if catalog.load_instance(name).quick and name not in LONG else [pytest.mark.slow])
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
    assert result.report.claim == known["claim"], str(result)
    assert result.solution.objective == pytest.approx(known["objective"], rel=1e-5)
    if "bound" in known:
        assert result.bound == pytest.approx(known["bound"], rel=1e-4)
    assert known["source"]
