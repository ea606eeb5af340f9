"""The writers stay inside the dialect that all readers share; the check on it objects to each known trap."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from dialect import Broken, check_lp, check_mps
from format_cases import CASES
from format_models import model, random_bilevel, rich_bilevel, with_first_entry
from hypothesis import given, settings
from hypothesis import strategies as st

import kktgen as kg
from kktgen import formats
from kktgen.numerics.sparse import Csr

LP = formats.dumps(CASES["12_everything"].build(), "lp")
MPS = formats.dumps(CASES["12_everything"].build(), "mps")


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    check_lp(formats.dumps(CASES[name].build(), "lp"))
    check_mps(formats.dumps(CASES[name].build(), "mps"))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_random_models(seed: int, rich: bool) -> None:
    p = rich_bilevel(seed) if rich else random_bilevel(seed)
    check_lp(formats.dumps(p, "lp"))
    check_mps(formats.dumps(p, "mps"))


LP_TRAPS = {
    "range": (" c.1:\n", " c.1: 1 <=\n"),
    "range in one line": (" >= -1.5\n", " >= -1.5 <= 3.0\n"),
    "constant": (" - 1.0 y\n", " - 1.0 y\n - 10.5\n"),
    "duplicate term": (" + 1.0 z\n + 1.0 b\n", " + 1.0 z\n + 1.0 z\n + 1.0 b\n"),
    "name of 101 characters": ("a.very_long(name)", "aa.very_long(name)"),
    "objective bracket without half": (" ] / 2\n", " ]\n"),
    "brackets in a name": ("w(1,2)", "w[1,2]"),
    "exponent name": (" w(1,2) >= -3.0", " e1 >= -3.0"),
    "negative upper bound alone": (" 0.0 <= y <= 4.0\n", " y <= -4.0\n"),
    "numeric infinity": (" 0.0 <= y <= 4.0\n", " y <= infinity\n"),
    "comment": ("Bounds\n", "\\ bounds\nBounds\n"),
    "other operator": (" >= -1.5\n", " => -1.5\n"),
    "condition not binary": (" i1: b = 1", " i1: y = 1"),
}
MPS_TRAPS = {
    "negative UP alone": (" UP BND  y  4.0\n", " UP BND  y  -4.0\n"),
    "old sets": (" S1 s1\n", " S1 SOS s1 1\n    y  1\nSOS\n"),
    "triangle": ("QCMATRIX   q1\n", "QCMATRIX   q1\n    y  z  1.0\n"),
    "RANGES": ("BOUNDS\n", "RANGES\n    RNG  c.1  1.0\nBOUNDS\n"),
    "OBJSENSE": ("ROWS\n", "OBJSENSE\n    MAX\nROWS\n"),
    "quadratic before indicator": (" L  i1\n L  q1\n", " L  q1\n L  i1\n"),
    "constant": ("RHS\n    RHS", "RHS\n    RHS  obj  1.0\n    RHS"),
    "duplicate entry": ("    y  c.1  1.0\n", "    y  c.1  1.0\n    y  c.1  1.0\n"),
    "integer with LO only": (" BV BND  b\n", " LO BND  b  0.0\n"),
    "integer without bounds": (" BV BND  b\n", ""),
    "no FREE": ("  FREE", ""),
    "tab": ("    y  c.1", "\ty  c.1"),
    "minus zero": ("    y  obj  -1.0", "    y  obj  -0.0"),
}


@pytest.mark.parametrize("trap", LP_TRAPS)
def test_the_check_objects_lp(trap: str) -> None:
    old, new = LP_TRAPS[trap]
    assert old in LP
    with pytest.raises(Broken):
        check_lp(LP.replace(old, new))


@pytest.mark.parametrize("trap", MPS_TRAPS)
def test_the_check_objects_mps(trap: str) -> None:
    old, new = MPS_TRAPS[trap]
    assert old in MPS
    with pytest.raises(Broken):
        check_mps(MPS.replace(old, new))


def test_the_check_objects_to_sections_in_another_order() -> None:
    start, stop = MPS.index("SOS\n"), MPS.index("QUADOBJ\n")
    stop2 = MPS.index("QCMATRIX")
    with pytest.raises(Broken, match="order"):
        check_mps(MPS[:start] + MPS[stop:stop2] + MPS[start:stop] + MPS[stop2:])


def test_duplicates_are_added_and_zeros_dropped() -> None:
    m = model(random_bilevel(1))
    M = Csr((np.array([1.0, 2.0, 0.0, 4.0]), np.array([0, 0, 1, 2]), np.array([0, 4])), shape=(1, m.n))
    rough = replace(m, rows=replace(m.rows, M=M, lo=np.array([-np.inf]), hi=np.array([7.0]), blocks=()))
    text = formats.dumps(rough, "lp")
    check_lp(text)
    assert "Subject To\n c0:\n + 3.0 x(0)\n + 4.0 x(2)\n <= 7.0\nBounds\n" in text
    check_mps(formats.dumps(rough, "mps"))


def test_rows_without_entries() -> None:
    """0 <= 5 is left out, 0 >= 1 is kept as a row on ONE that nothing satisfies, sides at infinity bind nothing."""
    m = model(CASES["01_bounds"].build())
    rows = replace(
        m.rows,
        M=Csr((4, m.n)),
        lo=np.array([-np.inf, 1.0, -np.inf, 0.0]),
        hi=np.array([5.0, 2.0, np.inf, 0.0]),
        blocks=(),
    )
    text = formats.dumps(replace(m, rows=rows), "lp")
    check_lp(text)
    assert "Subject To\n c0:\n - 1.0 ONE\n >= 0.0\nBounds\n" in text and " ONE = 1.0\n" in text


def test_unused_columns_and_empty_models() -> None:
    m = kg.Bilevel("idle")
    text = formats.dumps(m, "lp")
    assert text == "Minimize\n obj:\n + 0.0 ONE\nSubject To\nBounds\n ONE = 1.0\nEnd\n"
    m.var("x", 2, lb=0, ub=1)
    m.var("b", kind="B")
    for suffix, check, line in (("lp", check_lp, " + 0.0 b\n"), ("mps", check_mps, "    b  obj  0.0\n")):
        text = formats.dumps(m, suffix)
        check(text)
        assert line in text  # some readers drop a column that only has bounds


def test_free_and_mixed_bounds_of_integers() -> None:
    m = kg.Bilevel("free")
    k = m.var("k", 2, kind="I", lb=[-np.inf, -np.inf], ub=[np.inf, 0.0])
    x = m.var("x", lb=0, ub=0)
    m.minimize(k.sum() + x)
    text = formats.dumps(m, "mps")
    check_mps(text)
    assert "BOUNDS\n FR BND  k(0)\n MI BND  k(1)\n UP BND  k(1)  0.0\n FX BND  x  0.0\nENDATA\n" in text


def test_problem_name_is_one_word() -> None:
    m = kg.Bilevel("my problem, größer")
    m.var("x", lb=0)
    assert formats.dumps(m, "mps").startswith("NAME          my_problem,_gr__er  FREE\n")
    assert "  Problem name     : my_problem,_gr__er\n" in formats.dumps(m, "cip")


@pytest.mark.parametrize("value", [1e-10, 3e15])
def test_numbers_outside_the_readers_range_are_warned_of(value: float) -> None:
    m = with_first_entry(model(random_bilevel(1)), value)
    with pytest.warns(UserWarning, match=re.escape(f"holds the number {value:g}")):
        formats.dumps(m, "lp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        formats.dumps(model(random_bilevel(1)), "lp")


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
def test_bad_data_are_refused_by_name(suffix: str) -> None:
    m = model(random_bilevel(1))
    space = m.space.copy()
    space.lb[3] = np.nan
    with pytest.raises(kg.ProblemError, match=r"column 'x\(3\)': bounds"):
        formats.dumps(replace(m, space=space), suffix)
    lo = m.rows.lo.copy()
    lo[2] = np.inf
    with pytest.raises(kg.ProblemError, match=r"row 'row\(2\)': sides"):
        formats.dumps(replace(m, rows=replace(m.rows, lo=lo)), suffix)
