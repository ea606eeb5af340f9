"""What records say: proofs, whether they differ, grades; and the records that sentences of older files hold."""

from __future__ import annotations

import pytest

from kktgen.library.records import PROVED, better, beyond, different, first_records, grade, is_backed, proofs

ONE = {"objective": 1.0, "bound": 1.0, "claim": "optimal", "encoding": "SOS1 3", "solver": "SCIP 10.0.2"}
BY = {"by": "kktgen 0.1.0, auto, SCIP 10.0.2, 0.4 s of 60 s, 1 thread", "seconds": 0.4}


def known(*history, claim="optimal", value=1.0):
    return {"objective": value, "claim": claim, "history": list(history)}


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({"encoding": "Indicator 3", "solver": "SCIP 10.0.2"}, True),
        ({"encoding": "SOS1 2, BigM 1", "solver": "SCIP 10.0.2"}, True),
        ({"encoding": "sos1 99", "solver": "SCIP 9.0.0"}, False),
        ({"encoding": "SOS1 3", "solver": "HiGHS 1.11"}, True),
        ({"by": "somebody"}, False),
    ],
)
def test_proofs_differ_in_encoding_or_solver(other, differs):
    assert different(ONE, other) is differs
    assert is_backed(known(ONE, {**other, "bound": 1.0})) is differs


def test_one_proof_with_all_boxes_is_enough():
    assert is_backed(known({**ONE, "boxes": PROVED}))
    assert not is_backed(known(ONE)) and not is_backed(known({**ONE, "boxes": PROVED, "bound": 1.1}))


def test_a_bound_that_leaves_a_gap_is_no_proof():
    assert proofs(known(ONE, {**ONE, "bound": 1.001}, {"objective": 1.0})) == [ONE]
    assert len(proofs(known({**ONE, "bound": 1e4 + 0.5}, value=1e4))) == 1


@pytest.mark.parametrize(
    ("seconds", "by", "claim", "expected"),
    [
        (0.4, BY["by"], "optimal", "trivial"),
        (1.0, BY["by"], "optimal", "easy"),
        (59.9, "kktgen 0.1.0, SCIP 10, default recipe", "optimal", "easy"),
        (60.0, BY["by"], "optimal", "hard"),
        (0.4, "kktgen 0.1.0, sos1, SCIP 10.0.2", "optimal", "hard"),
        (0.4, BY["by"], "bilevel-feasible", "open"),
    ],
)
def test_grades(seconds, by, claim, expected):
    assert grade(known({**ONE, "by": by, "seconds": seconds, "claim": claim}, claim=claim)) == expected


def test_a_problem_proved_to_have_no_point_has_a_grade():
    assert grade(known({**BY, "claim": "infeasible"}, claim="infeasible")) == "trivial"


def test_senses():
    assert beyond("max", 2.0, 1.9) and not beyond("max", 1.9, 2.0) and beyond("min", 1.9, 2.0)
    assert not beyond("max", 2.0, 2.0 - 1e-5)
    assert better("max", 2.0, 1.9) and better("min", 1.9, 2.0) and not better("min", 2.0 - 1e-9, 2.0)


def test_sentences_become_records():
    said = "kktgen 0.1.0, auto, SCIP 10.0.2, 0.4 s of 60 s; pairs: 6 BigM (proved), 2 SOS1 (exact); gap 0.0e+00"
    told = {"objective": 1890.0, "bound": 1890.0, "claim": "optimal", "source": said}
    first, second = first_records({**told, "check": "indicator encoding, SCIP 10.0.2: optimal at 1890"})
    assert first == {
        "objective": 1890.0, "bound": 1890.0, "claim": "optimal", "by": said, "seconds": 0.4,
        "encoding": "BigM 6, SOS1 2", "solver": "SCIP 10.0.2",
    }  # fmt: skip
    assert different(first, second) and second["claim"] == "optimal"
    assert len(first_records({**told, "check": "a scan of L finds 1890"})) == 1
    assert len(first_records({**told, "check": "indicator encoding, SCIP 10.0.2: optimal at 17"})) == 1
    assert first_records({**told, "history": [first]}) == []
