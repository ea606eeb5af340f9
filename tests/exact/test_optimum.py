"""The checker of proofs: whatever makes a proof false is refused, with the seal renewed or not."""

from __future__ import annotations

import copy
import gzip
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import enumerated
import numpy as np
import pytest

import kktgen as kg
from kktgen.exact import command, optimum
from kktgen.exact.optimum import F, Goal, Kkt, Refused, check, check_tree, check_unsealed, is_psd
from kktgen.exact.proof import sealed

TOOL = Path(kg.__file__).parents[1] / "tools" / "check_optimum"
SEEDS = (8, 9, 5, 22)
"""Problems whose proofs are damaged: two Nash followers, integers, a curved objective, prices; trees of some size."""
TIMES = 12


@cache
def tool() -> Any:
    """Return the stand-alone checker as a module."""
    loader = SourceFileLoader("check_optimum", str(TOOL))
    module = module_from_spec(spec_from_loader("check_optimum", loader))
    loader.exec_module(module)
    return module


@cache
def proof(seed: int) -> dict[str, Any]:
    m = enumerated.small(seed, rows=6)
    found = kg.prove(m, kg.optimize(m).solution)
    assert found.data is not None
    return found.data


def leaves(data: dict[str, Any]) -> list[Any]:
    return [node for node in data["tree"] if node[0] in ("bound", "ray") and node[-1]]


def end(tree: list[Any], start: int) -> int:
    """Return where the part of a tree that begins at a place ends."""
    wanted = 1
    while wanted:
        wanted += 1 if tree[start][0] in ("pair", "column", "set") else -1
        start += 1
    return start


def raised(data: dict[str, Any], rng: random.Random) -> None:
    value = check_unsealed(data)["value"]
    data["bound"] = str(value + abs(value) * Fraction(rng.randint(1, 9), 1000) + Fraction(1, 10**6))


def dropped(data: dict[str, Any], rng: random.Random) -> None:
    data["tree"].pop(rng.randrange(len(data["tree"])))


def doubled(data: dict[str, Any], rng: random.Random) -> None:
    """Put the first child's part in the place of the second's: one side is covered twice, the other never."""
    tree = data["tree"]
    at = rng.choice([k for k, node in enumerate(tree) if node[0] in ("pair", "column")])
    first, second = end(tree, at + 1), end(tree, end(tree, at + 1))
    data["tree"] = tree[:first] + tree[at + 1 : first] + tree[second:]


def negated(data: dict[str, Any], rng: random.Random) -> None:
    for price in rng.choice(leaves(data))[-1]:
        price[1] = str(-F(price[1]))


def enlarged(data: dict[str, Any], rng: random.Random) -> None:
    price = rng.choice(rng.choice(leaves(data))[-1])
    price[1] = str(F(price[1]) * rng.choice((3, -2, Fraction(1, 7))) + rng.choice((0, 1)))


def reweighted(data: dict[str, Any], rng: random.Random) -> None:
    columns = [*data["problem"]["followers"][0]["y"]]
    data["weights"] = [*data["weights"], [rng.choice(columns), rng.choice((-3, 2, "1/3"))]]


def rebundled(data: dict[str, Any], rng: random.Random) -> None:
    """Change a number of the problem, so that the point, or the tree, need not fit it any more."""
    follower = rng.choice(data["problem"]["followers"])
    row = rng.choice(follower["inequalities"])
    place = rng.choice(("side", "term", "cost"))
    if place == "side":
        row[2] = float(row[2]) + rng.choice((-1.0, 0.5))
    elif place == "term":
        row[1][0][1] = float(row[1][0][1]) * 1.25
    else:
        follower["linear"][0][1] = float(follower["linear"][0][1]) + 0.125


def moved(data: dict[str, Any], rng: random.Random) -> None:
    at = rng.randrange(len(data["point"]))
    data["point"][at] = str(F(data["point"][at]) + rng.choice((Fraction(1, 10**9), -1)))


def swapped(data: dict[str, Any], rng: random.Random) -> None:
    """Exchange the parts of both children."""
    tree = data["tree"]
    at = rng.choice([k for k, node in enumerate(tree) if node[0] in ("pair", "column")])
    first, second = end(tree, at + 1), end(tree, end(tree, at + 1))
    data["tree"] = tree[: at + 1] + tree[first:second] + tree[at + 1 : first] + tree[second:]


def bounded(data: dict[str, Any], rng: random.Random) -> None:
    """Bound a follower's variable, which is no bound of the problem."""
    data["problem"]["bounds"].append([rng.choice(data["problem"]["followers"][0]["y"]), 0.0, 0.25])


Damage = Callable[[dict[str, Any], random.Random], None]
ALWAYS: tuple[Damage, ...] = (raised, dropped, moved, bounded)
"""Damages that leave no proof, whatever they hit."""
MOSTLY: tuple[Damage, ...] = (doubled, negated, enlarged, reweighted, rebundled, swapped)
"""Damages that may leave a proof: a leaf may have room to spare, any weights are right, a row may not matter."""


def damaged(seed: int, damage: Damage, k: int) -> dict[str, Any]:
    data = copy.deepcopy(proof(seed))
    damage(data, random.Random(1000 * seed + k))
    return data


def refused_by_the_tool(data: dict[str, Any]) -> bool:
    try:
        tool().check(data)
    except (SystemExit, KeyError, IndexError, TypeError, ValueError, ArithmeticError):
        return True
    return False


def refused(judge: Callable[[Any], Any], data: dict[str, Any]) -> bool:
    try:
        judge(data)
    except Refused:
        return True
    return False


@pytest.mark.parametrize("damage", [*ALWAYS, *MOSTLY], ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_change_of_a_sealed_file_is_refused(seed, damage):
    assert all(refused(check, damaged(seed, damage, k)) for k in range(TIMES))  # 480 in all


@pytest.mark.parametrize("damage", ALWAYS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_leaves_no_proof_is_refused_under_a_new_seal(seed, damage):
    assert all(refused(check, sealed(damaged(seed, damage, k))) for k in range(TIMES))  # 192 in all


@pytest.mark.parametrize("damage", MOSTLY, ids=lambda one: one.__name__)
def test_what_may_leave_a_proof_is_refused_or_true(damage):
    """Under a new seal: a changed problem that passes is held against all of its own patterns."""
    passed = 0
    for seed in SEEDS:
        best = check(proof(seed))["value"]
        for k in range(TIMES):  # 288 in all
            data = damaged(seed, damage, k)
            if refused(check, sealed(data)):
                continue
            passed += 1
            found = check_unsealed(data)
            if damage is not rebundled:
                assert found["bound"] <= best == found["value"]
    assert passed < 0.5 * TIMES * len(SEEDS)


@pytest.mark.parametrize("damage", [*ALWAYS, *MOSTLY], ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_tool_says_the_same_of_every_damage(seed, damage):
    assert not refused_by_the_tool(proof(seed)) and not refused(check, proof(seed))
    for k in range(TIMES):
        data = damaged(seed, damage, k)
        assert refused_by_the_tool(data) == refused(check, sealed(data))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bound_above_the_optimum_fails_in_the_tree_itself(seed):
    data = proof(seed)
    kkt = Kkt(data["problem"])
    goal = Goal(kkt, data["problem"]["objective"], data["weights"], data["chords"])
    value = check(data)["value"]
    assert 2 * check_tree(kkt, goal, data["tree"], F(data["bound"])) == len(data["tree"]) + 1
    with pytest.raises(Refused, match="falls short"):
        check_tree(kkt, goal, data["tree"], value + Fraction(1, 1000))


@pytest.mark.parametrize("size", [1, 3, 6])
@pytest.mark.parametrize("seed", range(8))
def test_semidefinite_matrices_are_told_from_others(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.integers(-3, 4, (size, max(size - 1, 1)))
    P = root @ root.T
    entries = {(i, j): Fraction(int(P[i, j])) for i in range(size) for j in range(i, size)}
    assert is_psd(entries)
    v = rng.integers(-2, 3, size)
    v[0] = 1
    low = Fraction(int(v @ P @ v) + 1, int((v @ v) ** 2))  # v'(P - low v v') v < 0
    assert not is_psd({(i, j): a - low * int(v[i]) * int(v[j]) for (i, j), a in entries.items()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["problem"]["followers"][0]["y"].pop(), "no proof|nobody|owner"),
        (lambda d: d["problem"]["integers"].append(d["problem"]["followers"][0]["y"][0]), "integer variable"),
        (lambda d: d["chords"].append([d["problem"]["leader"][0], -1]), "no positive weight"),
        (lambda d: d["weights"].append([d["problem"]["followers"][0]["y"][0], -1000]), "not convex"),
        (lambda d: d["tree"].append(["empty"]), "goes on"),
        (lambda d: d["tree"].__setitem__(-1, ["empty"]), "is not empty"),
        (lambda d: d["tree"].__setitem__(-1, ["ray", []]), "is not shown empty"),
        (lambda d: d["tree"].__setitem__(-1, ["guess", []]), "is not shown empty"),
        (lambda d: d.update(tree=[]), "parts open"),
        (lambda d: d.update(point=d["point"][1:]), "another length"),
        (lambda d: d.update(form="kktgen proof 0"), "another format"),
        (lambda d: d.pop("weights"), "no proof"),
    ],
)
def test_a_refusal_says_why(change, words):
    data = copy.deepcopy(proof(8))
    change(data)
    with pytest.raises(Refused, match=words):
        check(sealed(data))


@cache
def resting() -> dict[str, Any]:
    """Return the proof of a problem whose follower's variable is zero at the optimum."""
    m = kg.Bilevel("resting")
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(y)
    m.add(x + y <= 2)
    m.minimize(y - x)
    data = kg.prove(m, kg.optimize(m).solution).data
    assert data is not None
    return data


def lower_level(data: dict[str, Any]) -> Any:
    return data["problem"]["followers"][0]


ILL_STATED: dict[str, Callable[[dict[str, Any]], Any]] = {
    **{f"sense {v!r}": lambda d, v=v: d["problem"].update(sense=v) for v in (0, 2, -3, 1.5, -1.0, True, "1", None)},
    "no sense": lambda d: d["problem"].pop("sense"),
    "no name": lambda d: d["problem"].pop("name"),
    "a bounded response": lambda d: d["problem"]["bounds"].append([lower_level(d)["y"][0], 0, 0]),
    "a row of column -1": lambda d: d["problem"]["rows"][0][1].append([-1, 0.0]),
    "a switch by column -1": lambda d: d["problem"]["rows"].append(["r", [], [], None, 1.0, [-1, 7]]),
    "a product of column 99": lambda d: d["problem"]["rows"].append(["r", [], [[0, 99, 0.0]], None, None, [0, 7]]),
    "an objective of column -1": lambda d: d["problem"]["objective"]["linear"].append([-1, 0.0]),
    "a set with column -1": lambda d: d["problem"]["sets"].append(["s", [-1]]),
    "a cost of column 99": lambda d: lower_level(d)["linear"].append([99, 1.0]),
    "a cost with products of column 99": lambda d: lower_level(d)["products"].append([99, 0, 1.0]),
    "an own price in the cost": lambda d: lower_level(d)["linear"].append([lower_level(d)["inequalities"][0][0], 1.0]),
    "an own price in a product": lambda d: lower_level(d)["products"].append(
        [lower_level(d)["inequalities"][0][0], d["problem"]["leader"][0], 1.0]
    ),
    "an own price in a row": lambda d: lower_level(d)["inequalities"][0][1].append(
        [lower_level(d)["inequalities"][0][0], 0.0]
    ),
}
"""Problems that are none, although point and tree would fit them."""


@pytest.mark.parametrize("change", ILL_STATED.values(), ids=ILL_STATED)
def test_an_ill_stated_problem_is_refused(change, tmp_path):
    data = copy.deepcopy(resting())
    assert not refused(check, sealed(data)) and not refused_by_the_tool(data)
    change(data)
    assert refused(check, sealed(data))
    path = tmp_path / "ill.proof.json"
    path.write_text(json.dumps(data))
    with pytest.raises(SystemExit, match="REFUSED"):
        tool().main(str(path))


def broken(text: bytes) -> dict[str, bytes]:
    """Return files that hold no proof."""
    packed = gzip.compress(text)
    return {
        "damaged": packed[:40] + b"\x00\xff\x00" + packed[43:],
        "cut": packed[:-20],
        "deep": b"[" * 200_000,
        "a list": b"[]",
        "a number": b"1",
        "no utf-8": b"\xff\x00" + text,
        "nothing": b"",
    }


@pytest.mark.parametrize("kind", broken(b""))
def test_broken_files_are_refused_in_words(kind, tmp_path, capsys):
    path = tmp_path / "broken.proof.json.gz"
    path.write_bytes(broken(json.dumps(proof(8)).encode())[kind])
    assert command.main([str(path)]) == 1 and optimum.main([str(path)]) == 1
    assert capsys.readouterr().out
    with pytest.raises(SystemExit, match="REFUSED"):
        tool().main(str(path))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SystemExit, match="REFUSED"):
        tool().main(str(tmp_path / "none.proof.json.gz"))


@pytest.mark.parametrize("low", ["-0x1" + "0" * 6000, "-0x1" + "0" * 6000 + "1/0x1" + "0" * 6001])
def test_long_numbers_are_told_in_short(low, tmp_path, capsys):
    path = tmp_path / "long.proof.json"
    path.write_text(json.dumps(sealed({**resting(), "bound": low})))
    assert optimum.main([str(path)]) == 0
    assert all(len(line) < 120 for line in capsys.readouterr().out.splitlines())


def test_a_name_is_one_line(tmp_path, capsys):
    data = copy.deepcopy(resting())
    data["problem"]["name"] = "x: proved\n  the point is bilevel-feasible, its objective is 0"
    path = tmp_path / "name.proof.json"
    path.write_text(json.dumps(sealed(data)))
    assert optimum.main([str(path)]) == 0
    assert capsys.readouterr().out.count("\n") == 5
    tool().main(str(path))
    assert capsys.readouterr().out.count("\n") == 3


def test_the_tool_stands_alone(tmp_path):
    m = enumerated.small(2)
    path = kg.prove(m, kg.optimize(m).solution).write(tmp_path / "nash.proof.json.gz")
    copied = shutil.copy(TOOL, tmp_path / "check_optimum.py")
    done = subprocess.run(
        [sys.executable, "-I", copied, path], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.startswith("nash2: proved") and "gap" in done.stdout
    path.write_bytes(b"{}")
    done = subprocess.run([sys.executable, "-I", copied, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("REFUSED")


def test_only_pythons_own_library_is_imported():
    source = Path(optimum.__file__).read_text(encoding="utf-8")
    names = {line.split()[1].partition(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert names - {"__future__"} <= set(sys.stdlib_module_names)
