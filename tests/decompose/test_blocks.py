"""Subproblems: found from rows, their parts sum up to the model, what ties followers together is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from many_followers import carbon, dso, kept_by_the_leader, random_prices, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.numerics.sparse import row_index
from kktgen.reformulate.scale import scaled
from kktgen.search import Responder
from kktgen.search.residual import violation

ROOM = 1e-9
CASES = {
    "one hour": lambda: tariff(1),
    "hours": lambda: tariff(2, homes=3, hours=2),
    "whole steps": lambda: tariff(3, hours=2, steps=True),
    "ordered": lambda: tariff(4, hours=2, ordered=True, coupled=""),
    "bent": lambda: tariff(5, hours=2, bent=True, coupled=">="),
    "fee": lambda: tariff(6, hours=2, fee=True),
    "all": lambda: tariff(7, homes=4, hours=3, ordered=True, bent=True, fee=True, steps=True, coupled="<="),
    "dso": lambda: dso(2),
    "carbon": lambda: carbon(2),
    "other units": lambda: in_units(tariff(8, homes=3, hours=2, ordered=True, bent=True), 1e5, 1e-4),
}
ENCODINGS = {"auto": None, "sos1": kg.SOS1(), "indicator": kg.Indicator()}


OFTEN = ("dso", "other units")
"""Cases in every encoding."""


@pytest.fixture(
    scope="module",
    params=[(case, word) for case in CASES for word in ENCODINGS if case in OFTEN or word == "auto"],
    ids="-".join,
)
def found(request):
    case, word = request.param
    m = CASES[case]()
    encoding = ENCODINGS[word]
    model = kg.encode(ready(m)) if encoding is None else kg.encode(ready(m), encoding)
    return m, model, kg.decompose(model)


def inside(M, lo, hi, z):
    value = M @ z
    room = ROOM * (1.0 + np.abs(value))
    return bool(((value >= lo - room) & (value <= hi + room)).all())


def satisfies_parts(blocks, z):
    """Return whether z satisfies every subproblem, the coupling rows, and what the leader alone has to satisfy."""
    space, leader = blocks.model.space, z[blocks.leader]
    boxes = (space.lb[blocks.leader] <= leader + ROOM) & (leader <= space.ub[blocks.leader] + ROOM)
    whole = space.kind[blocks.leader] == "C"
    return (
        all(violation(part.model, z[part.columns]) <= ROOM for part in blocks.subproblems)
        and inside(blocks.coupling.M, blocks.coupling.lo, blocks.coupling.hi, z)
        and inside(blocks.rows.M, blocks.rows.lo, blocks.rows.hi, leader)
        and bool(boxes.all() and (np.abs(leader - np.round(leader))[~whole] <= ROOM).all())
    )


# -- structure -------------------------------------------------------------------------------------


def test_a_dso_and_its_plants_meet_in_the_prices():
    m = dso(3)
    blocks = kg.decompose(ready(m))
    labels = {blocks.model.space.label(int(c)) for c in blocks.linking}
    assert [part.name for part in blocks.subproblems] == ["vpp1", "vpp2", "vpp3"]
    assert set(blocks.linking) == {*m.lp.cols.tolist(), *m.ls.cols.tolist()} and len(labels) == 6
    assert set(blocks.leader) - set(blocks.linking) == {*m.dp.cols.tolist(), *m.ds.cols.tolist()}
    assert len(blocks.coupling) == 3 and len(blocks.rows) == 0
    for part in blocks.subproblems:
        assert (part.links == blocks.linking).all()
        assert set(blocks.model.space.owner[part.columns[: part.own]]) <= {int(part.name[-1]) - 1}


def test_prices_of_ones_own_are_no_links():
    m = carbon(2)
    blocks = kg.decompose(ready(m))
    assert len(blocks.subproblems) == 3 and len(blocks.linking) == 0
    for k, part in enumerate(blocks.subproblems):
        assert len(part.links) == 0
        assert set(m.lp[k].cols.tolist()) <= set(part.columns.tolist())
    assert len(blocks.coupling) == 2


def test_every_column_and_row_is_in_one_place(found):
    _, _, blocks = found
    own = [part.columns[: part.own] for part in blocks.subproblems]
    assert sorted(np.concatenate([*own, blocks.leader]).tolist()) == list(range(blocks.model.n))
    rows = np.concatenate([*blocks.rows_of, blocks.coupling_at, blocks.rows_at])
    assert sorted(rows.tolist()) == list(range(len(blocks.model.rows)))
    for part, rows_of in zip(blocks.subproblems, blocks.rows_of, strict=True):
        assert set(blocks.model.rows.M[rows_of].indices) <= set(part.columns)
        assert (part.model.space.lb == blocks.model.space.lb[part.columns]).all()
        assert (part.model.space.kind == blocks.model.space.kind[part.columns]).all()


def test_the_parts_of_the_objective_sum_up(found):
    _, model, blocks = found
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = rng.normal(size=blocks.model.n)
        x = z[blocks.leader]
        own = 0.5 * float(x @ (blocks.P @ x)) + float(blocks.q @ x) + blocks.r
        parts = sum(part.model.objective.value(z[part.columns]) for part in blocks.subproblems)
        assert own + parts == pytest.approx(blocks.model.objective.value(z), rel=1e-12, abs=1e-12)
        told = model.sense * blocks.view.objective * (own + parts)
        assert told == pytest.approx(model.value(blocks.view.back(z)), rel=1e-9)


def test_the_coupling_rows_are_made_of_shares(found):
    _, _, blocks = found
    z = np.random.default_rng(1).normal(size=blocks.model.n)
    parts = [part.coupling @ z[part.columns[: part.own]] for part in blocks.subproblems]
    assert np.allclose(blocks.share @ z[blocks.leader] + np.sum(parts, axis=0), blocks.coupling.M @ z)


def test_a_point_satisfies_the_model_where_it_satisfies_all_parts(found):
    """At points that do, and at the same points moved in one column."""
    m, model, blocks = found
    responder, rng, seen = Responder(m), np.random.default_rng(2), {True: 0, False: 0}
    for x in random_prices(m, 3, 6):
        z = responder(x)
        if z is None:
            continue
        z = blocks.view.point(model.complete(kept_by_the_leader(m, z)))
        for moved in (None, *rng.integers(0, blocks.model.n, 25)):
            point = z.copy()
            if moved is not None:
                point[moved] += rng.normal()
            whole = violation(blocks.model, point) <= ROOM
            assert satisfies_parts(blocks, point) == whole
            seen[whole] += 1
    assert seen[False] > 20


def test_bilevel_points_satisfy_all_parts(found):
    m, model, blocks = found
    kkt, respond = kg.eliminate(kg.kkt(m)), Responder(m)
    points = [kept_by_the_leader(m, z) for x in random_prices(m, 4, 25) if (z := respond(x)) is not None]
    points = [z for z in points if violation(scaled(kkt).model, scaled(kkt).point(kkt.complete(z))) <= 1e-7]
    assert points
    for z in points:
        lifted = blocks.view.point(model.complete(z))
        assert violation(blocks.model, lifted) <= 1e-6
        assert all(violation(part.model, lifted[part.columns]) <= 1e-6 for part in blocks.subproblems)


def test_sets_and_indicators_go_with_their_subproblem():
    m = tariff(9, homes=3, hours=2)
    sets = kg.decompose(kg.encode(ready(m), kg.SOS1()))
    assert len(sets.model.sos1) == sum(len(part.model.sos1) for part in sets.subproblems) > 0
    rules = kg.decompose(kg.encode(ready(m), kg.Indicator()))
    assert len(rules.model.indicators) == sum(len(part.model.indicators) for part in rules.subproblems) > 0


def test_rows_over_links_alone_hold_for_copies():
    m = tariff(10, hours=2, ordered=True)
    blocks = kg.decompose(ready(m))
    ordered = [i for i in blocks.rows_at if blocks.model.rows.label(int(i)).startswith("ordered")]
    assert len(ordered) == 1
    for part, rows in zip(blocks.subproblems, blocks.rows_of, strict=True):
        assert len(part.model.rows) == len(rows) + 1
        prices = np.searchsorted(part.links, np.sort(part.links))
        z = np.zeros(len(part.columns))
        z[part.own + prices] = [1.0, 3.0]
        assert part.model.rows.residual(z)[-1] == pytest.approx(1.75)


def test_a_column_only_one_follower_sees_becomes_its_own():
    m = tariff(11, hours=2, fee=True)
    blocks = kg.decompose(ready(m))
    rebate = [c for c in range(blocks.model.n) if blocks.model.space.label(c).startswith("rebate")]
    assert set(rebate) <= set(blocks.subproblems[0].columns[: blocks.subproblems[0].own])
    assert not set(rebate) & set(blocks.leader)


def test_whole_columns_of_the_leader_stay_whole():
    blocks = kg.decompose(ready(tariff(12, hours=2, steps=True)))
    assert (blocks.model.space.kind[blocks.leader] == "I").sum() == 2
    assert len(blocks.rows) == 2 and row_index(blocks.rows.M).tolist() == [0, 0, 1, 1]


def test_the_units_of_the_model_are_kept():
    m = in_units(tariff(8, homes=3, hours=2), 1e6, 1e-5)
    model = kg.encode(ready(m), kg.SOS1())
    blocks = kg.decompose(model)
    assert blocks.view.changes and blocks.model is scaled(model).model
    plain = kg.decompose(kg.encode(ready(tariff(8, homes=3, hours=2)), kg.SOS1()))
    assert (plain.linking == blocks.linking).all() and (plain.leader == blocks.leader).all()
    assert [len(part.links) for part in plain.subproblems] == [len(part.links) for part in blocks.subproblems]
    z = np.random.default_rng(3).normal(size=model.n)
    x = blocks.view.point(z)[blocks.leader]
    parts = sum(part.model.objective.value(blocks.view.point(z)[part.columns]) for part in blocks.subproblems)
    whole = 0.5 * float(x @ (blocks.P @ x)) + float(blocks.q @ x) + blocks.r + parts
    assert model.sense * blocks.view.objective * whole == pytest.approx(model.value(z), rel=1e-9)


def test_its_printed_form_counts():
    text = str(kg.decompose(ready(tariff(13, homes=6))))
    assert text.startswith("tariff13: 6 subproblems (home1, home2, home3, home4 and 2 more)")


# -- refusals --------------------------------------------------------------------------------------


def tied(through="row"):
    """Return two followers, of which the second has the first one's variable in a row, or in its cost."""
    m = kg.Bilevel("tied")
    x = m.var("x", lb=0, ub=2)
    first, second = m.follower("first"), m.follower("second")
    y, v = first.var("y", lb=0, ub=3), second.var("v", lb=0, ub=3)
    first.minimize(y * y - x * y)
    second.minimize(v * v - v if through == "row" else v * v - y * v)
    if through == "row":
        second.add(v + y >= 1, name="meeting")
    m.minimize(x - y - v)
    return m


def test_the_row_that_ties_two_followers_is_named():
    with pytest.raises(kg.ProblemError, match=r"row '.*' ties the followers 'first' and 'second'"):
        kg.decompose(ready(tied()))
    with pytest.raises(kg.ProblemError, match=r"row '.*' ties the followers 'first' and 'second'"):
        kg.decompose(ready(tied("cost")))


def test_followers_that_others_tie_are_one_subproblem():
    """Three followers, of which two share a row: two subproblems."""
    m = tied()
    third = m.follower("third")
    w = third.var("w", lb=0, ub=1)
    third.minimize(w * w - w)
    blocks = kg.decompose(ready(m))
    assert [part.name for part in blocks.subproblems] == ["first + second", "third"]


def test_one_follower_is_refused():
    with pytest.raises(kg.ProblemError, match="one follower"):
        kg.decompose(ready(tariff(1, homes=1)))
    m = kg.Bilevel("none")
    x = m.var("x", lb=0, ub=1)
    m.minimize(x)
    with pytest.raises(kg.ProblemError):
        kg.decompose(kg.kkt(m))


def test_a_product_of_the_objective_is_refused():
    m = kg.Bilevel("product")
    x = m.var("x", lb=0, ub=2)
    ys = []
    for name in ("a", "b"):
        f = m.follower(name)
        y = f.var("y", lb=0, ub=3)
        f.minimize(y * y - x * y)
        ys.append(y)
    m.minimize(x * ys[0] - ys[1])
    with pytest.raises(kg.ProblemError, match=r"product of x and .*ties a subproblem to the leader's columns"):
        kg.decompose(kg.bound(kg.kkt(m)))


def test_a_product_of_two_followers_in_the_objective_is_refused():
    m = kg.Bilevel("objective")
    x = m.var("x", lb=0, ub=2)
    ys = []
    for name in ("a", "b"):
        f = m.follower(name)
        y = f.var("y", lb=0, ub=3)
        f.minimize(y * y - x * y)
        ys.append(y)
    m.minimize((ys[0] + ys[1]) * (ys[0] + ys[1]) - 3 * ys[0])
    with pytest.raises(
        kg.ProblemError, match="tied to one another by a quadratic row, a set or the leader's objective"
    ):
        kg.decompose(ready(m))


def test_what_is_no_model_is_refused():
    with pytest.raises(kg.ProblemError):
        kg.decompose(tariff(1))
    with pytest.raises(kg.ProblemError):
        kg.decompose(None)


def test_a_part_has_units_of_its_own_never():
    model = kg.encode(ready(in_units(tariff(8, homes=3, hours=2), 1e6, 1e-5)))
    blocks = kg.decompose(replace(model, notes=()))
    assert all(part.model.units is None for part in blocks.subproblems)
