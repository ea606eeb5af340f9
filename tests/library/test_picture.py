"""The picture of a problem's structure: what stands where, of small and of large problems."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.library import catalogue
from kktgen.library.picture import CELLS, HESSIAN, PRODUCT, ROW, cells, picture


def small() -> kg.Bilevel:
    """Return a problem of a leader with one row and two variables, and a follower with one row and two variables."""
    m = kg.Bilevel("small")
    x = m.var("x", 2, lb=0, ub=1)
    m.add(x[0] + x[1] <= 1)
    lower = m.follower("lower")
    y = lower.var("y", 2, lb=0, ub=5)
    lower.add(y[0] + x[1] >= 1)
    lower.minimize(y[1] @ y[1] + x[0] @ y[0])
    m.minimize(y.sum())
    return m


def test_every_entry_stands_where_it_belongs():
    text = picture(small())
    side = CELLS // 4
    assert cells(text)[side // 2 :: side, side // 2 :: side].tolist() == [
        [ROW, ROW, 0, 0], [0, ROW, ROW, 0], [PRODUCT, 0, 0, 0], [0, 0, 0, HESSIAN],
    ]  # fmt: skip
    assert text.partition("|")[2] == "22.0|11.0"


def test_entries_of_a_large_problem_share_cells():
    m = kg.Bilevel("large")
    x = m.var("x", 10, lb=0, ub=1)
    for k in range(10):
        lower = m.follower(f"f{k}")
        y = lower.var("y", 30, lb=0)
        lower.minimize(y @ y + 0.0 * y.sum())
        lower.add(y.sum() >= x[k])
    m.minimize(x.sum())
    seen = cells(picture(m))
    assert (seen == HESSIAN).sum() >= CELLS - 2 and seen[:, 2:][np.tri(CELLS, CELLS - 2, -9, dtype=bool)].max() == 0
    assert ROW in seen[:, 0]


@pytest.mark.parametrize("name", ["classics/pao_bilinear_rows", "qpec/n4_m8", "siting/case5_units"])
def test_the_catalogue_holds_the_picture_of_its_problem(name):
    stored = catalogue.load(catalog.folder("instances").resolve())[name]
    assert stored[catalogue.PICTURE] == picture(catalog.build(name))


def test_every_instance_has_a_picture():
    book = catalogue.load(catalog.folder("instances").resolve())
    empty = {name for name, one in book.items() if not cells(one[catalogue.PICTURE]).any()}
    assert empty == {name for name, one in book.items() if one["m_u"] + one["m_l"] + one["products_l"] == 0}


def test_a_problem_without_followers_and_rows_has_an_empty_one():
    m = kg.Bilevel("none")
    m.minimize(m.var("x", lb=0))
    assert picture(m).endswith("|44.0|0.0") and not cells(picture(m)).any()
