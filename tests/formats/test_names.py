"""Names that every reader takes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kktgen as kg
from kktgen import formats
from kktgen.formats.writing import names
from kktgen.problem.columns import Block

LEGAL = re.compile(r"(?!e|inf|nan)[a-z_][a-z0-9_.(),]*", re.IGNORECASE)
WORDS = st.one_of(
    st.text(max_size=12),
    st.text("aA1_.(),[] eExXcC0é", max_size=8),
    st.sampled_from(
        ["free", "ST", "inf", "Infinity", "e1", "x1", "X_1", "end", "obj", "ONE", "nan(1)", "x" * 101, "x" * 100]
    ),
)


def check(found: np.ndarray) -> None:
    words = [word.decode("ascii") for word in found]
    assert len({word.lower() for word in words}) == len(words)
    for word in words:
        assert LEGAL.fullmatch(word) and len(word) <= 100 and word.lower() not in names.KEYWORDS


def blocks(items: list[tuple[str, str, str, tuple[int, ...]]]) -> tuple[list[Block], int]:
    out, start = [], 0
    for word, follower, item, shape in items:
        stop = start + int(np.prod(shape))
        out.append(Block(start, stop, word, "leader", follower, item, shape))
        start = stop
    return out, start


SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, SHAPES), max_size=12))
def test_any_blocks_give_legal_unique_names(items: list[tuple[str, str, str, tuple[int, ...]]]) -> None:
    run, count = blocks(items)
    check(names.unique(names.labels(run, count), b"x"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.text("abgzQ_", min_size=1, max_size=4)] * 3, SHAPES), max_size=8))
def test_legal_labels_are_kept(items: list[tuple[str, str, str, tuple[int, ...]]]) -> None:
    run, count = blocks(items)
    made = names.labels(run, count)
    assert [m.decode() for m in made] == [block.label(i) for block in run for i in range(block.stop - block.start)]


def test_partial_blocks_and_gaps() -> None:
    run = [
        Block(0, 2, "mu", "mu", "f", "g", (3, 4), np.array([1, 11])),
        Block(3, 4, "y", "leader"),
    ]
    assert names.labels(run, 5).tolist() == [b"mu(f,g,0,1)", b"mu(f,g,2,3)", b"", b"y", b""]
    assert names.unique(names.labels(run, 5), b"x").tolist() == [b"mu(f,g,0,1)", b"mu(f,g,2,3)", b"x2", b"y", b"x4"]


@pytest.mark.parametrize(
    "word, expected",
    [
        ("energy", "v_energy"), ("E", "v_E"), ("inflow", "v_inflow"), ("NaN", "v_NaN"), ("free", "v_free"),
        ("St", "v_St"), ("1x", "v_1x"), (".x", "v_.x"), ("x[1]", "x_1_"), ("größe", "gr__e"), ("x", "x"),
        ("maximum", "v_maximum"), ("a b", "a_b"), ("", "v_"), ("ONE", "v_ONE"), ("b(1).2,3", "b(1).2,3"),
    ],
)  # fmt: skip
def test_rule(word: str, expected: str) -> None:
    assert names.labels([Block(0, 1, word, "leader")], 1).tolist() == [expected.encode()]


def test_clashes_fall_back_without_a_new_clash() -> None:
    given_names = np.array([b"a", b"A", b"x0", b"X_1", b"b"])
    assert names.unique(given_names, b"x").tolist() == [b"x__0", b"x__1", b"x0", b"X_1", b"b"]
    fixed = names.unique(np.array([b"a", b"b", b"B", b"c"]), b"x", fixed=2)
    assert fixed.tolist() == [b"a", b"b", b"x0", b"c"]


def test_split_rows_do_not_collide() -> None:
    m = kg.Bilevel("clash")
    x = m.var("x", lb=0, ub=1)
    m.add(kg.between(0.25, x, 0.5), name="r")
    m.add(x >= 0.125, name="r_lo")
    m.add(x <= 0.75, name="OBJ")
    rows = re.findall(r"^ [LG]  (\S+)$", formats.dumps(m, "mps"), re.MULTILINE)
    assert rows == ["c0", "r_up", "c2", "v_OBJ"]


def test_columns_the_formats_add_do_not_collide() -> None:
    m = kg.Bilevel("added")
    one, t, s = m.var("ONE", lb=0, ub=1), m.var("qobj_t", lb=0, ub=1), m.var("s_on", lb=0, ub=1)
    b = m.var("b", kind="B")
    m.minimize(one @ one + t + s + 0.5)
    m.indicator(b, 1, one >= 0.5, name="on")
    cip = formats.dumps(m, "cip")
    found = re.findall(r"\[(?:continuous|binary)\] <(.*?)>", cip)
    assert len({name.lower() for name in found}) == len(found) == 7
    assert {"v_ONE", "v_qobj_t", "s_on", "b", "ONE", "qobj_t"} < set(found)


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
@pytest.mark.parametrize("word", [*sorted(names.KEYWORDS), "inflow", "nano", "energy", "e1", "INFEED"])
def test_readers_take_a_column_and_a_row_called_like_a_keyword(word: str, suffix: str, tmp_path: Path) -> None:
    m = kg.Bilevel("words")
    x, y = m.var(word, lb=-10, ub=1), m.var("y", lb=0, ub=1)
    m.minimize(x + 2 * y)
    m.add(x + y >= 1.5, name=word)
    path = str(formats.write(m, tmp_path / f"a.{suffix}"))
    pyscipopt = pytest.importorskip("pyscipopt")
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(path)
    scip.optimize()
    assert scip.getObjVal() == pytest.approx(2.0, abs=1e-9)
    if suffix != "cip":
        highs = highspy.Highs()
        highs.silent()
        assert highs.readModel(path) == highspy.HighsStatus.kOk
        highs.run()
        assert highs.getObjectiveValue() == pytest.approx(2.0, abs=1e-9)


def test_naming_is_bulk_work() -> None:
    run = [Block(0, 1_000_000, "g", "follower", "market", "", (1000, 1000))]
    begin = time.process_time()
    made = names.unique(names.labels(run, 1_000_000), b"x")
    many, count = blocks([("stat", f"vpp{k}", "g", (17,)) for k in range(30_000)])
    others = names.unique(names.labels(many, count), b"x")
    assert time.process_time() - begin < 4.0
    assert made[-1] == b"g(market,999,999)" and others[-1] == b"stat(vpp29999,g,16)"
