"""The random family: it is reproducible, what it promises holds, and the encodings agree on it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.cli import cli
from kktgen.numerics import programs

model = load_model("random_bilevel")
FAMILIES = ("lp", "qp", "qp_singular", "toll")
SMALL = [
    {"family": "lp", "rows": 5, "cols": 5, "seed": 11},
    {"family": "lp", "rows": 6, "cols": 3, "seed": 12, "reach": 1.0},
    {"family": "lp", "rows": 4, "cols": 3, "seed": 13, "followers": 2},
    {"family": "lp", "rows": 4, "cols": 3, "seed": 14, "coupling": 0.5, "integers": 0.4},
    {"family": "lp", "rows": 4, "cols": 4, "seed": 15, "priced": 1.0},
    {"family": "qp", "rows": 5, "cols": 4, "seed": 16},
    {"family": "qp", "rows": 3, "cols": 3, "seed": 17, "priced": 0.5, "reach": 1.0},
    {"family": "qp", "rows": 3, "cols": 3, "seed": 18, "followers": 2, "leaders": 2},
    {"family": "qp_singular", "rows": 5, "cols": 5, "seed": 19},
    {"family": "qp_singular", "rows": 4, "cols": 4, "seed": 20, "reach": 1.0, "share_ge": 0.5},
    {"family": "toll", "rows": 5, "cols": 3, "seed": 21, "followers": 2},
    {"family": "toll", "rows": 4, "cols": 4, "seed": 22, "leaders": 3, "followers": 3, "integers": 1.0},
]
AGAIN = (12, 13, 20, 21)
"""Seeds of problems whose kinds the others have too: solved twice only by the slow tests."""


def follower_slack(game: kg.Bilevel, x: np.ndarray, number: int) -> np.ndarray:
    """Return the slack of every inequality of a follower at its known answer when the leader decides x."""
    qp = game.followers[number].qp()
    z = np.zeros(len(game.space))
    z[game.x.cols], z[game.y[number].cols] = x, game.known_y[number]
    assert abs(qp.A @ z[qp.y] + qp.B @ z[qp.x] - qp.b).max(initial=0.0) < 1e-9
    return qp.h - qp.G @ z[qp.y] - qp.H @ z[qp.x]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_decides(family: str) -> None:
    parameters = {"family": family, "rows": 6, "cols": 4, "followers": 2, "priced": 0.5, "coupling": 0.5}
    games = [model.build(**parameters, seed=seed) for seed in (7, 7, 8)]
    first, again, other = (kg.dumps(kg.encode(kg.kkt(game), "sos1"), "mps") for game in games)
    assert first == again
    assert first != other


@pytest.mark.parametrize("family", FAMILIES)
def test_more_followers_leave_the_others_as_they_are(family: str) -> None:
    one, two = (model.build(family=family, followers=n, seed=4) for n in (1, 2))
    a, b = one.followers[0].qp(), two.followers[0].qp()
    for word in ("P", "Q", "A", "G", "H"):
        assert (getattr(a, word).toarray() == getattr(b, word).toarray()).all()
    for word in ("q", "b", "h"):
        assert (getattr(a, word) == getattr(b, word)).all()
    assert (one.known_y[0] == two.known_y[0]).all()


@pytest.mark.parametrize(("family", "eigenvalue"), [("lp", 0.0), ("qp", 1.0), ("qp_singular", 0.0)])
def test_convexity_is_that_of_the_family(family: str, eigenvalue: float) -> None:
    P = model.build(family=family, cols=8, seed=3).followers[0].qp().P.toarray()
    values = np.linalg.eigvalsh(P)
    assert values[0] >= eigenvalue - 1e-9
    if family == "lp":
        assert not P.any()
    if family == "qp_singular":
        assert np.linalg.matrix_rank(P) == 4
        assert not P[-2:].any()
        assert values[-1] > 0.1


def test_sizes_shares_and_boxes_are_those_asked_for() -> None:
    game = model.build(
        rows=10, cols=8, leaders=6, share_ge=0.3, coupling=0.2, integers=0.5, priced=0.5, upper=4.0, followers=2, seed=2
    )
    space = game.space
    assert (game.x.size, [y.size for y in game.y]) == (6, [8, 8])
    assert list(space.kind[game.x.cols]) == ["I"] * 3 + ["C"] * 3
    assert (space.lb[game.x.cols] == 0).all() and (space.ub[game.x.cols] == 4).all()
    qp = game.followers[0].qp()
    assert qp.G.shape[0] == 10 + 2 * 8
    names = [space.label(column) for column in qp.mu]
    assert [sum(f"(f1,{word}," in name for name in names) for word in ("ge", "le")] == [3, 7]
    rows = game.rows[0].M.tocsc()
    coupled = np.unique(rows[:, np.concatenate([y.cols for y in game.y])].indices)
    assert coupled.max() <= 1
    prices = game.x.cols[:3]
    paid = {(i, j) for i, j in zip(game.objective.i, game.objective.j, strict=True)}
    assert paid == {(int(x), int(y.cols[k])) for k, x in enumerate(prices) for y in game.y}
    where = np.flatnonzero(np.isin(qp.x, prices))
    assert qp.H[:, where].nnz == 0
    assert qp.Q[:, where].nnz == 3


@pytest.mark.parametrize("reach", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("family", ["lp", "qp", "qp_singular"])
def test_the_known_answer_is_strictly_feasible_at_every_corner_within_reach(family: str, reach: float) -> None:
    game = model.build(family=family, cols=4, share_ge=0.4, integers=0.5, followers=2, reach=reach, seed=6)
    low = np.maximum(game.known_x - reach * 10.0, 0.0)
    high = np.minimum(game.known_x + reach * 10.0, 10.0)
    for corner in itertools.product(*zip(low, high, strict=True)):
        for number in range(2):
            assert follower_slack(game, np.array(corner), number).min() > 0.1


@pytest.mark.parametrize("parameters", SMALL, ids=lambda p: f"{p['family']}-{p['seed']}")
def test_the_known_decision_is_bilevel_feasible_with_the_best_response(parameters: dict[str, Any]) -> None:
    game = model.build(**parameters)
    assert min(follower_slack(game, game.known_x, number).min() for number in range(len(game.y))) >= 0.0
    game.add(game.x == game.known_x)
    result = kg.optimize(game, "sos1", time_limit=20)
    assert result.report.ok, str(result)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"family": "milp"}, "family"), ({"followers": 0}, "followers"), ({"rows": 0}, "rows"), ({"cols": 0}, "cols"),
     ({"rows": 2.5}, "rows"), ({"leaders": 0}, "leaders"), ({"density": 0.0}, "density"), ({"density": 1.1}, "density"),
     ({"share_ge": -0.1}, "share_ge"), ({"upper": 0.0}, "upper"), ({"upper": np.inf}, "upper"),
     ({"coupling": 2}, "coupling"), ({"integers": 1.5}, "integers"), ({"priced": -1}, "priced"),
     ({"reach": np.nan}, "reach"), ({"seed": -1}, "seed"), ({"family": "toll", "rows": 1}, "rows"),
     ({"family": "toll", "cols": 3, "leaders": 4}, "leaders")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(kg.ProblemError, match=f"random_bilevel: {said} is"):
        model.build(**wrong)


@pytest.mark.parametrize(
    "parameters",
    [pytest.param(p, marks=[pytest.mark.slow] if p["seed"] in AGAIN else []) for p in SMALL],
    ids=lambda p: f"{p['family']}-{p['seed']}",
)
def test_auto_equals_sos1_and_no_claim_is_false(parameters: dict[str, Any]) -> None:
    game = model.build(**parameters)
    auto, sos1 = (kg.optimize(game, encoding, time_limit=20) for encoding in ("auto", "sos1"))
    assert auto.report.ok and sos1.report.ok, f"{auto}\n{sos1}"
    assert auto.report.claim == sos1.report.claim == "optimal"
    assert auto.solution.objective == pytest.approx(sos1.solution.objective, rel=1e-5)
    assert auto.bound == pytest.approx(auto.solution.objective, rel=1e-4)


@pytest.mark.parametrize("family", ["lp", "qp", "qp_singular"])
def test_no_sampled_decision_beats_the_optimum(family: str) -> None:
    game = model.build(family=family, rows=5, cols=3, seed=5)
    best = kg.optimize(game).solution
    qp, rng, tried = game.followers[0].qp(), np.random.default_rng(0), 0
    near = np.clip(best[game.x] + rng.normal(0.0, 0.5, (40, 3)), 0.0, 10.0)
    for x in np.concatenate([near, rng.uniform(0.0, 10.0, (40, 3)), [game.known_x]]):
        z = np.zeros(len(game.space))
        z[game.x.cols] = x
        q, side, free = qp.q + qp.Q @ z[qp.x], qp.h - qp.H @ z[qp.x], np.full(3, np.inf)
        data = (q, qp.G, np.full(len(side), -np.inf), side, -free, free)
        answer = programs.qp(qp.P, *data) if qp.P.nnz else programs.lp(*data)
        if game.rows[0].residual(z).max() > 0 or answer.status != "optimal":
            continue
        z[game.y[0].cols] = answer.x
        assert game.objective.value(z) >= best.objective - 1e-5
        tried += 1
    assert tried >= 10


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("upper", [2.0, 50.0])
def test_toll_on_two_paths_is_what_the_shortcut_saves(seed: int, upper: float) -> None:
    game = model.build(family="toll", rows=2, cols=1, followers=3, upper=upper, seed=seed)
    direct = game.trips[:, 0] == game.tail[2]
    saved = game.fixed[game.tail[2]] - game.fixed[2]
    assert saved > 0
    result = kg.optimize(game)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(min(upper, saved) * game.demand[direct].sum(), abs=1e-6)
    assert result.solution.objective <= upper * game.demand.sum() + 1e-6


def paths(game: kg.Bilevel, origin: int, destination: int) -> list[list[int]]:
    """Return every path between two nodes that visits no node twice, as lists of arcs."""
    found: list[list[int]] = []

    def extend(node: int, arcs: list[int], seen: frozenset[int]) -> None:
        if node == destination:
            found.append(arcs)
            return
        for arc in np.flatnonzero(game.tail == node):
            if game.head[arc] not in seen:
                extend(int(game.head[arc]), [*arcs, int(arc)], seen | {int(game.head[arc])})

    extend(origin, [], frozenset([origin]))
    return found


def revenue_by_enumeration(game: kg.Bilevel, tolls: int, upper: float) -> float:
    """Return the largest revenue: over all choices of a path per commodity, the best tolls that keep them cheapest."""
    nodes = game.parameters.rows
    options = []
    for trip in game.trips:
        uses = np.zeros((len(found := paths(game, *map(int, trip))), len(game.tail)))
        for k, arcs in enumerate(found):
            uses[k, arcs] = 1.0
        options.append(uses)
    best = 0.0
    for choice in itertools.product(*(range(len(uses)) for uses in options)):
        more = np.concatenate([uses[k] - uses for k, uses in zip(choice, options, strict=True)])
        gain = sum(d * uses[k] for d, k, uses in zip(game.demand, choice, options, strict=True))
        tolled = slice(nodes, nodes + tolls)
        answer = linprog(-gain[tolled], more[:, tolled], -more @ game.fixed, bounds=(0.0, upper))
        best = max(best, -answer.fun if answer.status == 0 else 0.0)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_toll_revenue_equals_that_of_enumerated_paths(seed: int) -> None:
    game = model.build(family="toll", rows=5, cols=4, leaders=3, followers=2, upper=5.0, seed=seed)
    expected = revenue_by_enumeration(game, 3, 5.0)
    assert kg.optimize(game).solution.objective == pytest.approx(expected, abs=1e-5)


def test_toll_needs_no_products_in_the_end() -> None:
    game = model.build(family="toll", rows=5, cols=3, followers=2, seed=1)
    assert "qobj_nonconvex" in kg.kkt(game).features
    assert "qobj_nonconvex" not in kg.eliminate(kg.kkt(game)).features


def test_report_shows_sizes_claim_and_times() -> None:
    result = kg.optimize(model.build(rows=4, cols=3, seed=2))
    text = model.report(result)
    assert "random data" in text
    lines = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in text.splitlines()}
    assert lines["claim"] == result.report.claim
    assert float(lines["objective"]) == pytest.approx(result.solution.objective, rel=1e-6)
    assert {"followers", "pairs", "bound", "solve (s)"} <= set(lines)
    plain = kg.Bilevel("plain")
    plain.minimize(plain.var("x", lb=0, ub=1))
    with pytest.raises(kg.ProblemError, match="random_bilevel"):
        model.report(kg.optimize(plain))


def test_the_command_line_writes_the_same_files_twice(tmp_path) -> None:
    for folder in ("one", "two"):
        out = CliRunner().invoke(
            cli, ["generate", "random_bilevel", "--set", "rows=10", "--set", "cols=5", "--set", "seed=3",
                  "-o", str(tmp_path / folder)], prog_name="kktgen",
        )  # fmt: skip
        assert out.exit_code == 0, out.output
    first, second = (sorted((tmp_path / folder).iterdir()) for folder in ("one", "two"))
    assert {path.suffix for path in first} == {".lp", ".mps", ".cip"}
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
