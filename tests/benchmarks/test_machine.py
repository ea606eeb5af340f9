"""What is told of a machine."""

from __future__ import annotations

import platform

from kktgen.benchmarks.machine import calibration, machine, versions


def test_a_machine_has_no_name_and_a_speed():
    found = machine()
    assert found["cores"] >= 1 and 0.001 < found["calibration"] < 10
    assert len(found["host"]) == 8 and platform.node() not in str(found.values())
    assert 0.2 < calibration() / calibration() < 5


def test_versions_tell_two_states_of_the_code_apart():
    assert {"kktgen", "numpy", "pyscipopt", "highspy", "code"} <= set(versions())
    assert len(versions()["code"]) == 12
