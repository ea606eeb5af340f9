"""What rounds have proved, as a file: written, read, checked by two solvers; whatever is changed in it is noticed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from many_followers import ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.decompose.rounds import Rounds
from kktgen.decompose.tighten import known_point
from kktgen.lagrangian import SUFFIX, Lagrangian, command
from kktgen.problem.bilevel import Bilevel


def linear() -> Bilevel:
    """Return homes with linear costs, whose subproblems HiGHS takes as well."""
    m = kg.Bilevel("linear")
    price = m.var("price", 2, lb=0, ub=3)
    bought = m.var("bought", 2, lb=0, ub=20)
    used = []
    for k, (worth, size) in enumerate([((2.0, 1.4), 4.0), ((1.2, 2.2), 3.0), ((1.7, 1.9), 2.0)]):
        home = m.follower(f"home{k + 1}")
        use = home.var("use", 2, lb=0, ub=size)
        home.minimize(price @ use - np.array(worth) @ use)
        home.add(use.sum() <= 1.5 * size, name="limit")
        used.append(use)
    m.add(bought == used[0] + used[1] + used[2], name="purchase")
    m.add(price[0] >= price[1] - 1.0, name="ordered")
    m.maximize(price @ used[0] + price @ used[1] + price @ used[2] - np.array([0.5, 0.7]) @ bought)
    return m


CASES = {
    "tariff": lambda: tariff(31, homes=3, hours=2, bent=True, ordered=True),
    "steps": lambda: tariff(32, homes=2, hours=2, steps=True),
    "linear": linear,
    "units": lambda: in_units(tariff(33, homes=3, hours=2), 1e4, 1e-2),
}


@cache
def record(case="tariff", rounds=2):
    m = CASES[case]()
    model = ready(m)
    blocks = kg.decompose(kg.encode(model, kg.BigM()) if case == "linear" else model)
    points = kg.search.start_points(m, model)
    run = Rounds(blocks, known_point(blocks.view.original, min(points, key=lambda z: model.sense * model.value(z))))
    for _ in range(rounds):
        if not run.once():
            break
    found = Lagrangian.of(run)
    assert found is not None
    return found


def changed(found, path, **parts):
    """Write a record and change arrays of the file; entries of ``about`` are changed by a function."""
    file = found.write(path / f"changed{SUFFIX}")
    with np.load(file) as data:
        arrays = dict(data)
    for name, value in parts.items():
        if name == "about":
            about = json.loads(str(arrays["about"]))
            value(about)
            arrays["about"] = np.array(json.dumps(about))
        else:
            assert name in arrays
            arrays[name] = value(arrays[name].copy())
    np.savez_compressed(file, **arrays)
    return file


def put(name, value, k=None):
    def change(about):
        if k is None:
            about[name] = value
        else:
            about[name][k] = value(about[name][k]) if callable(value) else value

    return change


# -- written, read, checked -------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_read_and_confirmed(case, tmp_path):
    found = record(case)
    file = found.write(tmp_path / f"x{SUFFIX}")
    again = Lagrangian.read(file)
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
    assert (again.name, again.sense, again.unit, again.bound) == (found.name, found.sense, found.unit, found.bound)
    assert again.value == found.value and len(again.boxes) == len(found.boxes) and again.labels == found.labels
    for one, other in zip(again.levels, found.levels, strict=True):
        assert (one.M != other.M).nnz == 0 and (one.lb == other.lb).all() and (one.sides == other.sides).all()
    check = again.check()
    assert check.ok, str(check)
    assert str(check).endswith("\nconfirmed") and "follow from their multipliers" in str(check)
    assert found.sense * (check.inside - found.value) <= 1e-4 * (1 + abs(found.value))
    assert found.sense * (check.plain - check.inside) <= 1e-5 * (1 + abs(found.value))  # fewer boxes: no better


def test_another_solver_confirms_what_it_can_solve(tmp_path):
    found = record("linear")
    check = Lagrangian.read(found.write(tmp_path / f"x{SUFFIX}")).check("highs")
    assert check.ok, str(check)
    assert check.inside == pytest.approx(found.check("scip").inside, abs=1e-4)
    assert not record("tariff").check("nobody's").ok  # it proves nothing


def test_boxes_rest_on_multipliers():
    found = record()
    assert found.boxes and found.levels
    assert {box.column for box in found.boxes} == set(found.labels)
    assert all(found.labels[box.column].startswith("price") for box in found.boxes)


# -- what is changed is noticed ---------------------------------------------------------------------


BIG = np.float32(7.0)
TAMPERED = {
    "a box": {"about": put("boxes", lambda box: [box[0], box[1], box[2] + 0.05, box[3]], 0)},
    "a box that is no number": {"about": put("boxes", lambda box: [box[0], box[1], float("nan"), box[3]], 0)},
    "multipliers of a box": {"box0_p": lambda p: p * 0 + BIG},
    "the cutoff's multiplier": {"box0_theta": lambda theta: theta * 0 - BIG},
    "a multiplier that is no number": {"box0_theta": lambda theta: theta * np.float32("nan")},
    "the multipliers of the bound": {"w": lambda w: w + 3.0},
    "the multipliers of copies": {"sigma": lambda sigma: sigma - 2.0},
    "the bound": {"about": put("bound", -1e-3)},
    "the bound, no number": {"about": put("bound", float("nan"))},
    "the reach of the last level set": {"about": put("reach", lambda reach: reach - 1.0, -1)},
    "a reach that is no number": {"about": put("reach", float("nan"), -1)},
    "a cut": {"level0_sides": lambda sides: sides + 0.3},
    "a cut without end": {"level0_sides": lambda sides: sides + np.inf},
    "the best point": {"incumbent": lambda z: z + 1e-3},
    "the boxes of a level set": {"level0_lb": lambda lb: lb + 0.2},
    "the boxes of the bound": {"dual_ub": lambda ub: ub - 0.4},
    "the model": {"hi": lambda hi: hi - 0.05},
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_is_changed_is_not_confirmed(what, tmp_path):
    found = record()
    if "bound" in str(what) and "about" in TAMPERED[what]:
        assert found.bound < -1e-3
    file = changed(found, tmp_path, **TAMPERED[what])
    check = Lagrangian.read(file).check()
    assert not check.ok and str(check).endswith("NOT confirmed")


@pytest.mark.parametrize(
    "parts",
    [
        {"about": put("boxes", lambda box: [10**6, *box[1:]], 0)},
        {"about": put("boxes", lambda box: [*box[:3], 99], 0)},
        {"about": put("boxes", lambda box: [box[0], 2.0, *box[2:]], 0)},
        {"about": put("schema", "kktgen.lagrangian/99")},
        {"about": put("levels", 50)},
        {"about": put("sense", 3)},
        {"about": lambda about: about.pop("minima")},
        {"w": lambda w: w[:-1]},
        {"sigma": lambda sigma: sigma[:-1]},
        {"incumbent": lambda z: z[:-1]},
        {"box0_p": lambda p: p[:-1]},
        {"level0_of": lambda of: of + 50},
        {"level0_sides": lambda sides: sides[:-1]},
        {"level0_lb": lambda lb: lb[:-1]},
        {"dual_lb": lambda lb: lb[:-2]},
        {"M_indices": lambda at: at + 10**6},
        {"owner": lambda owner: owner * 0},
    ],
    ids=range(17),
)
def test_what_does_not_fit_is_no_file_of_this_kind(parts, tmp_path):
    with pytest.raises(kg.FormatError):
        Lagrangian.read(changed(record(), tmp_path, **parts))


def test_damaged_and_foreign_files(tmp_path):
    whole = record().write(tmp_path / f"x{SUFFIX}").read_bytes()
    bad = tmp_path / f"bad{SUFFIX}"
    rng = np.random.default_rng(0)
    for data in (b"", b"no archive", whole[:100], whole[: len(whole) // 2], b"PK\x03\x04" + whole[40:]):
        bad.write_bytes(data)
        with pytest.raises(kg.FormatError):
            Lagrangian.read(bad)
    for _ in range(30):  # bytes here and there: refused, or read as numbers that a check looks at
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 5):
            data[at] ^= 0x55
        bad.write_bytes(bytes(data))
        with contextlib.suppress(kg.FormatError):
            Lagrangian.read(bad)
    np.savez(bad.with_name("other.npz"), a=np.arange(3))
    with pytest.raises(kg.FormatError):
        Lagrangian.read(bad.with_name("other.npz"))
    np.save(bad.with_name("one.npy"), np.arange(3))
    with pytest.raises(kg.FormatError):
        Lagrangian.read(bad.with_name("one.npy"))
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("about.npy", b"nothing")
    with pytest.raises(kg.FormatError):
        Lagrangian.read(bad)
    with pytest.raises(kg.FormatError):
        Lagrangian.read(tmp_path / "none")
    with pytest.raises(kg.FormatError):
        Lagrangian.read(tmp_path)


def test_nothing_is_half_written(tmp_path, monkeypatch):
    found, file = record(), tmp_path / f"x{SUFFIX}"
    file.write_bytes(b"what was there")

    def full(path, **arrays):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(kg.FormatError, match="no space left"):
        found.write(file)
    assert file.read_bytes() == b"what was there" and [p.name for p in tmp_path.iterdir()] == [file.name]
    monkeypatch.undo()
    with pytest.raises(kg.FormatError):
        found.write(tmp_path / "no folder" / f"x{SUFFIX}")


def test_what_it_cannot_hold_is_refused(tmp_path):
    with pytest.raises(kg.ProblemError, match="written as"):
        record().write(tmp_path / "x.npz")


# -- the command -------------------------------------------------------------------------------------


def test_the_command_says_by_its_exit_code_what_it_found(tmp_path, capsys):
    good = record().write(tmp_path / f"x{SUFFIX}")
    assert command.main([str(good)]) == 0
    assert "confirmed" in capsys.readouterr().out
    assert command.main([str(changed(record(), tmp_path, **TAMPERED["a box"]))]) == 1
    assert "NOT confirmed" in capsys.readouterr().out
    assert command.main([str(tmp_path / "none")]) == 2
    assert "error: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0 and "Exit code" in capsys.readouterr().out


def test_the_command_runs_by_itself(tmp_path):
    file = record().write(tmp_path / f"x{SUFFIX}")
    found = subprocess.run(
        [sys.executable, "-m", "kktgen.lagrangian", str(file), "--solver", "scip"], capture_output=True, text=True,
        timeout=120, env={**os.environ}, check=False,
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "") and found.stdout.endswith("confirmed\n")


def test_a_record_of_a_model_with_a_cutoff_has_the_boxes_that_hold_for_all_points():
    m = tariff(31, homes=3, hours=2, bent=True, ordered=True)
    model = ready(m)
    point = kg.search.start_points(m, model)[0]
    tight = kg.tighten(model, point)
    blocks = kg.decompose(tight)
    run = Rounds(blocks, known_point(blocks.view.original, point))
    run.once()
    found = Lagrangian.of(run)
    whole = kg.decompose(model).model
    assert (found.model.space.lb == whole.space.lb).all() and (found.model.space.ub == whole.space.ub).all()
    assert len(found.model.rows) == len(whole.rows)
    assert replace(found).model is found.model
