"""Inverse shortest paths: where every seen way can be met, the optimum is that of a convex QP with potentials."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen.catalog import load_instance, load_model

model = load_model("inverse")


def least_change(game) -> float:
    """Return the least change of times that makes all seen ways fastest; it is infeasible where none does."""
    net, p = game.network, game.parameters
    alone = kg.Bilevel("alone")
    c = alone.var("c", len(net.minutes), lb=(1 - p.spread) * net.minutes, ub=(1 + p.spread) * net.minutes)
    for seen in game.seen:
        potential = alone.var(f"pi{len(alone.rows)}", net.nodes, lb=-1e3, ub=1e3)
        fall = net.incidence().T @ potential
        alone.add(fall <= c)
        alone.add(fall[seen > 0] == c[seen > 0])
    change = c - net.minutes
    alone.minimize(change @ change)
    return kg.solve(kg.kkt(alone), "scip", time_limit=30).objective


@pytest.mark.parametrize("given", [{"ways": 2, "seed": 4, "noise": 0.6}, {"ways": 3, "seed": 6, "noise": 0.6}], ids=str)
def test_the_optimum_meets_all_ways_at_least_change(given):
    game = model.build(network="grid", weight=100.0, **given)
    result = kg.optimize(game, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(least_change(game), rel=1e-4, abs=1e-5)
    net, c = game.network, result.solution[game.cost]
    for (start, end), seen in zip(game.ends, game.seen, strict=True):
        assert seen @ c == pytest.approx(net.path(c, start, end)[0], abs=1e-5)
    assert f"{given['ways']} of {given['ways']} ways are met" in str(model.report(result))


def test_seen_ways_are_fastest_in_true_times_and_far():
    game = model.build(ways=5, seed=3)
    assert (game.seen.sum(axis=1) >= 3).all()
    assert len(set(game.ends)) == 5
    again = model.build(ways=5, seed=3)
    assert (again.seen == game.seen).all()


def test_known_values_are_no_more_than_the_least_change_that_meets_all():
    case = load_instance("inverse/ways4")
    known = case.known["objective"]
    assert known <= least_change(model.build(**case.parameters)) * (1 + 1e-5) + 1e-6


@pytest.mark.parametrize("wrong", [{"ways": 0}, {"noise": 1.0}, {"far": 6}, {"ways": 1000}], ids=str)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="inverse: "):
        model.build(**wrong)
