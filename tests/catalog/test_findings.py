"""Tables of reports: aligned, and complete as plain data."""

from __future__ import annotations

import json

import pytest

import kktgen as kg
from kktgen import catalog


def test_a_table_aligns_figures_right_and_words_left():
    table = kg.Table("Costs", ("who", "cost", "was"), (("DSO", "1.5", "tie"), ("VPP1", "-12.25", "3")), "k EUR")
    assert str(table).splitlines() == [
        "Costs",
        "-----------------",
        "who     cost  was",
        "-----------------",
        "DSO      1.5  tie",
        "VPP1  -12.25    3",
        "k EUR",
    ]


def test_findings_say_what_the_data_are_and_what_was_met():
    table = kg.Table("T", ("a",), (("x",),))
    text = str(kg.Findings((table, table), "Data reconstructed", compared=3, matched=2))
    assert text.startswith("Data reconstructed\n\nT\n")
    assert text.endswith("2 of 3 figures of the paper are met within its rounding (ties not counted)")
    assert str(kg.Findings((table,))) == str(table)
    plain = kg.Findings((table,), compared=1).to_dict()
    assert json.loads(json.dumps(plain))["tables"][0]["rows"] == [["x"]]


def test_a_part_beside_a_model_is_loaded_once_and_missed_by_name():
    model = catalog.load_model("carbon_vpp")
    assert kg.beside(model.__file__, "../common/vpp_plots") is kg.beside(model.__file__, "../common/vpp_plots")
    with pytest.raises(kg.ProblemError, match="no_such"):
        kg.beside(model.__file__, "_no_such")
