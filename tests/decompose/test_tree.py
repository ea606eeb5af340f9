"""Trees over boxes: right bounds on functions with a known minimum, the same tree from an executor and from a file."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kktgen.deadline import Deadline
from kktgen.decompose.tree import BoxTree, Evaluation
from kktgen.errors import FormatError

SLOPE = 4.0
LOW, HIGH = np.array([-3.0, -3.0]), np.array([4.0, 3.5])
NONE = np.zeros(2, dtype=bool)


def wave(x):
    """A function of many local minima; its slope in either direction is at most SLOPE."""
    return np.sin(3.0 * x[0]) + 0.1 * (x[0] - 1.0) ** 2 + np.abs(x[1] - 0.3) + 0.2 * np.cos(5.0 * x[1])


def lipschitz(node, cutoff, deadline):
    """Bound the wave by its slope around the middle, which is a point; the payload counts the ancestors."""
    middle = 0.5 * (node.lb + node.ub)
    value = wave(middle)
    trail = np.append(node.payload.get("trail", np.empty(0)), node.depth)
    bound = value - SLOPE * 0.5 * float((node.ub - node.lb).sum())
    return Evaluation(bound, {"trail": trail}, ((value, middle),), how="slope")


def whole_numbers(node, cutoff, deadline):
    """Bound ``(a - 2.6)^2 - (b + 0.4)^2`` over whole a, b by intervals."""
    a, b = np.array([node.lb[0], node.ub[0]]) - 2.6, np.array([node.lb[1], node.ub[1]]) + 0.4
    least = 0.0 if a[0] <= 0 <= a[1] else (a**2).min()
    at = np.round(np.array([0.5 * (node.lb + node.ub)]))[0]
    value = (at[0] - 2.6) ** 2 - (at[1] + 0.4) ** 2
    closed = bool((node.lb == node.ub).all())
    return Evaluation(value if closed else least - (b**2).max(), {}, ((value, at),), closed, "point")


@pytest.fixture(scope="module")
def oracle():
    x, y = np.meshgrid(np.linspace(LOW[0], HIGH[0], 3001), np.linspace(LOW[1], HIGH[1], 3001))
    return float(wave([x, y]).min())


def new(problem="wave"):
    return BoxTree(LOW, HIGH, NONE, gap=0.03, problem=problem)


def same(one, other):
    assert (one.nodes, one.best, one.done, one.closed) == (other.nodes, other.best, other.done, other.closed)
    assert np.array_equal(one.point, other.point)


def test_the_minimum_lies_between_bound_and_best_point(oracle):
    tree = new().run(lipschitz)
    assert tree.finished and not tree.open
    assert tree.bound <= oracle + 1e-9
    assert oracle - 1e-4 <= tree.best <= oracle + 0.03
    assert tree.best - tree.bound <= 0.03 * max(1.0, abs(tree.best)) + 1e-12
    assert wave(tree.point) == tree.best


def test_bounds_of_a_tree_that_is_not_done_hold_and_never_fall(oracle):
    tree, told = new(), []
    tree.run(lipschitz, progress=lambda info: told.append(info))
    bounds = [info["bound"] for info in told]
    assert all(bound <= oracle + 1e-9 for bound in bounds)
    assert (np.diff(bounds) >= -1e-12).all()
    assert told[-1]["open"] == 0 and "open, bound" in told[0]["text"]


def test_whole_columns_are_split_between_whole_numbers():
    tree = BoxTree(np.array([0.0, -5.0]), np.array([9.0, 7.0]), np.array([True, True]), gap=0.0)
    tree.run(whole_numbers)
    grid = [((a - 2.6) ** 2 - (b + 0.4) ** 2, a, b) for a in range(10) for b in range(-5, 8)]
    assert (tree.best, *tree.point) == min(grid)
    assert tree.bound == tree.best


def test_an_executor_gives_the_tree_that_one_process_gives():
    with ThreadPoolExecutor(3) as pool:
        same(new().run(lipschitz, executor=pool, at_once=4), new().run(lipschitz, at_once=4))


def test_a_tree_goes_on_from_its_file(tmp_path):
    file, whole = tmp_path / "tree.npz", new().run(lipschitz)

    def stops(after):
        count = iter(range(after))

        def evaluate(*task):
            if next(count, None) is None:
                raise KeyboardInterrupt
            return lipschitz(*task)

        return evaluate

    for rounds in (1, 7, 100):
        tree = new()
        with pytest.raises(KeyboardInterrupt):
            tree.run(stops(rounds), file=file)
        assert not tree.finished and tree.bound <= whole.best
    again = new().run(lipschitz, file=file)
    same(again, whole)
    assert new().run(stops(0), file=file).finished  # nothing is left to do
    assert [path.name for path in tmp_path.iterdir()] == ["tree.npz"]


def test_payloads_come_back_from_the_file(tmp_path):
    file, seen = tmp_path / "tree.npz", []

    def watched(node, cutoff, deadline):
        seen.append(node.payload.get("trail", np.empty(0)).tolist() == list(range(node.depth)))
        if len(seen) % 5 == 0:
            raise KeyboardInterrupt
        return lipschitz(node, cutoff, deadline)

    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            new().run(watched, file=file)
    assert all(seen) and len(seen) == 30


def test_a_file_of_another_problem_or_of_nothing_is_refused(tmp_path):
    file = tmp_path / "tree.npz"
    new().run(lipschitz, file=file)
    with pytest.raises(FormatError, match="another problem"):
        new("other").run(lipschitz, file=file)
    content = file.read_bytes()
    for broken in (b"", b"no archive", content[: len(content) // 2]):
        file.write_bytes(broken)
        with pytest.raises(FormatError, match="tree"):
            new().run(lipschitz, file=file)


def test_a_deadline_ends_it_with_what_is_known(oracle):
    tree = new().run(lipschitz, deadline=Deadline(0.0))
    assert (tree.nodes, tree.bound, len(tree.open)) == (0, -np.inf, 1)
    tree.offer(oracle + 5.0, LOW)
    assert tree.run(lipschitz).best <= oracle + 0.03


def test_boxes_are_not_split_for_ever():
    tree = BoxTree(np.array([0.0]), np.array([1.0]), np.array([False]), gap=1e-6)
    tree.run(lambda node, cutoff, deadline: Evaluation(float(node.lb[0] > 0) - 1.0, {}, ((0.0, node.lb),), how="word"))
    assert tree.finished and tree.bound == -1.0 and tree.nodes < 200
