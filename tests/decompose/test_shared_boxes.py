"""Trees over the boxes of what followers share: bounds of nodes, whole trees, restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import build
from kktgen.deadline import Deadline
from kktgen.decompose.blocks import decompose
from kktgen.decompose.rounds import Rounds
from kktgen.decompose.shared_boxes import SharedBoxes, branch, packed
from kktgen.decompose.tree import Node
from kktgen.search import Responder

LIMIT = 60


def begun(hours=3, seed=None, **more):
    """Return a game of several VPPs, its bounded model, the rounds over it after the first, and its start points."""
    m = build("dso_vpp", {"hours": hours, "seed": seed, **more})
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    points = kg.search.start_points(m, model, seconds=10)
    blocks = decompose(model)
    lifted = [blocks.model.complete(z) for z in points]
    run = Rounds(blocks, lifted[-1], lifted[:-1])  # the worst of them: something is left to prove
    run.once(1, boxes=False)
    return m, model, run, lifted


def test_a_tree_proves_what_the_solver_proves():
    m = build("dso_vpp", {"hours": 6})
    result = kg.optimize(m, method="boxes", time_limit=LIMIT)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(1.331438, rel=1e-4)
    assert result.solution.solver == "tree over shared boxes" and result.lagrangian is not None
    assert any("the least of a tree over boxes of what they share" in reason for reason in result.report.reasons)


@pytest.mark.parametrize("seed", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_the_bound_of_a_node_is_below_every_point_in_its_box(seed):
    m, model, run, lifted = begun(seed=seed)
    targets, space = run.targets, run.blocks.model.space
    respond, rng = Responder(model), np.random.default_rng(0)
    for k in range(6):
        lb, ub = space.lb[targets].copy(), space.ub[targets].copy()
        split = rng.integers(len(targets), size=2)
        middle = 0.5 * (lb[split] + ub[split])
        (ub if k % 2 else lb)[split] = middle
        evaluate = SharedBoxes(run.blocks, run.incumbent, targets)
        found = evaluate(Node(lb, ub, payload=packed(run)), run.value, Deadline(LIMIT))
        inside = [z for z in lifted if (z[targets] >= lb - 1e-9).all() and (z[targets] <= ub + 1e-9).all()]
        x = lifted[0][: model.n].copy()
        for _ in range(20):
            x[targets] = lb + rng.random(len(targets)) * (ub - lb)
            z = respond(x)
            net = z[m.dp.cols] * 0
            for plant in m.plants:
                net = net + z[plant.p.cols] - z[plant.s.cols]
            z[m.dp.cols], z[m.ds.cols] = np.maximum(net, 0.0), np.maximum(-net, 0.0)
            inside.append(run.blocks.model.complete(z))
        least = min(run.blocks.model.objective.value(z) for z in inside)
        assert found.bound <= max(least, min(run.value, run.reach)) + 1e-6 * (1.0 + abs(least))


def test_it_goes_on_from_a_file_and_refuses_that_of_another_problem(tmp_path):
    file = tmp_path / "state.npz"
    _, model, first, _ = begun()
    tree = branch(first, deadline=Deadline(0.0), file=file)
    assert tree.nodes == 0 and not tree.finished
    ends = iter([False, False, True, True, True])

    class Twice(Deadline):
        over = property(lambda self: next(ends, True))

    tree = branch(first, deadline=Twice(), file=file, gap=1e-9)
    assert file.exists() and tree.nodes >= 1
    _, _, second, _ = begun()
    on = branch(second, model=model, deadline=Deadline(LIMIT), file=file, gap=1e-4)
    assert on.finished and on.nodes > tree.nodes
    _, _, other, _ = begun(hours=4)
    with pytest.raises(kg.FormatError):
        branch(other, deadline=Deadline(LIMIT), file=file)


@pytest.mark.slow
def test_nodes_are_jobs():
    _, model, alone, lifted = begun()
    _, _, shared, _ = begun()
    one = branch(alone, model=model, deadline=Deadline(LIMIT), gap=1e-4, at_once=2)
    with ThreadPoolExecutor(2) as pool:
        two = branch(shared, model=model, deadline=Deadline(LIMIT), gap=1e-4, at_once=2, executor=pool)
    assert one.finished and two.finished and (one.nodes, one.bound) == (two.nodes, two.bound)
    assert one.best <= alone.blocks.model.objective.value(lifted[0]) * (1 - 1e-9)  # better than where it began
