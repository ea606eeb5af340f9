"""Every instance with a known value is solved against it; those not marked quick are slow tests."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen import catalog

KNOWN = [
    pytest.param(name, marks=[] if catalog.load_instance(name).quick else [pytest.mark.slow])
    for name in catalog.instance_names()
    if catalog.load_instance(name).known.get("objective") is not None
]


def test_the_published_case_is_among_them():
    assert "dso_vpp/published" in [case.values[0] for case in KNOWN if not case.marks]


@pytest.mark.parametrize("name", KNOWN)
def test_known_value(name):
    instance = catalog.load_instance(name)
    known = instance.known
    result = kg.optimize(catalog.build(instance.model, instance.parameters))
    assert result.report.claim == known["claim"], str(result)
    assert result.solution.objective == pytest.approx(known["objective"], rel=1e-5)
    if "bound" in known:
        assert result.bound == pytest.approx(known["bound"], rel=1e-4)
    assert known["source"]
