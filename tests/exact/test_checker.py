"""The checker notices every change of a certificate, and needs Python alone."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from found import answer

import kktgen as kg
from kktgen.exact import Certificate, certify, checker
from kktgen.exact.certificate import number, sealed


@cache
def proved(name: str) -> Certificate:
    """Return the certificate of a known problem."""
    m, result = answer(name)
    return certify(m, result.solution)


def as_read(certificate: Certificate) -> dict:
    return json.loads(json.dumps(certificate.to_dict()))


CHECKER = Path(checker.__file__)


def leaves(data, path=()):
    """Yield the path of every number in plain data; a text p/q is a number, other texts and truth values are not."""
    if isinstance(data, dict | list):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        for key, value in items:
            yield from leaves(value, (*path, key))
    elif isinstance(data, int | float) or (isinstance(data, str) and "/" in data and data.strip("-/0123456789") == ""):
        yield path


def changed(data: dict, path: tuple, rng: random.Random) -> dict:
    """Return a copy with one number changed: by one, by its sign, a little."""
    out = json.loads(json.dumps(data))
    at = out
    for key in path[:-1]:
        at = at[key]
    old = checker.F(at[path[-1]])
    new = old
    while new == old:
        new = rng.choice([old + 1, old - 1, -old, 2 * old, old + Fraction(1, 2**30), old * (1 + Fraction(1, 2**20))])
    at[path[-1]] = number(new)
    return out


def small() -> dict:
    """A certificate with a convex cost that is not diagonally dominant, slack rows and an integer decision."""
    m = kg.Bilevel("small")
    m.minimize(m.var("n", lb=0, ub=2, kind="I"))
    lower = m.follower("lower")
    y = lower.var("y", 2)
    lower.add(y.sum() <= 3, name="cap")
    lower.minimize(y[0] @ y[0] + 3 * (y[0] @ y[1]) + 2.5 * (y[1] @ y[1]))
    return as_read(certify(m, np.zeros(len(m.space))))


def put(data: dict, path: tuple, value: object) -> dict:
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return sealed(data)


LOWER = ("problem", "followers", 0)


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ((*LOWER, "inequalities", 0, 2), -1.0, "cap(lower) has slack -1.0e+00"),
        (("point", 3), -1, "at a price of -1.0e+00"),
        (("point", 3), 1, "has slack 3.0e+00 at a price of 1.0e+00"),
        (("point", 1), 1, "y(lower,0) would lower the cost, slope 2.0e+00"),
        (("squares", 0, 0, 0), -1, "lower has a square of negative weight"),
        (("squares",), [[]], "lower is not shown convex in y(lower,0), off by -1.0e+00"),
        ((*LOWER, "products", 0, 2), 0.5, "lower is not shown convex in y(lower,0)"),
        ((*LOWER, "products", 2, 2), 1.0, "lower is not shown convex in y(lower,1)"),
        (("point", 0), 0.5, "the violation is 1/2"),
        (("point", 0), 3, "the violation is 1"),
        (("problem", "sense"), -1, "the value is 0"),
        ((*LOWER, "y"), [-1, 1, 2], "no certificate"),
    ],
)
def test_every_condition_is_checked(path, value, word):
    data = small()
    assert checker.check(data) == []
    if path == ("problem", "sense"):
        data["claims"]["value"] = "1"
    faults = checker.check(put(data, path, value))
    assert any(word in fault for fault in faults), faults


def test_the_digest_and_the_seal_are_checked():
    data = small()
    data["digest"] = "0" * 64
    data["seal"] = checker.digest({k: v for k, v in data.items() if k != "seal"})
    assert checker.check(data) == ["the problem is not the one of the digest"]
    assert checker.check({**small(), "form": "another"}) == ["the certificate was changed after it was made"]


CHANGED = ["handbook", "market", "cournot_tax", "integer_leader", "revenue_adequacy", "qp_lower_min"]


@pytest.mark.parametrize("name", CHANGED)
def test_any_changed_number_is_refused(name):
    data = as_read(proved(name))
    assert checker.check(data) == []
    rng, paths = random.Random(name), list(leaves(data))
    for path in rng.sample(paths, min(60, len(paths))):
        assert checker.check(changed(data, path, rng)), path


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_number_of_the_point_or_the_claims_is_refused_by_arithmetic(name):
    data = as_read(proved(name))
    rng = random.Random(name)
    for path in [path for path in leaves(data) if path[0] in ("point", "claims")]:
        for _ in range(3):
            other = sealed(changed(data, path, rng))
            assert other["digest"] == data["digest"] and checker.check(other), path


def test_data_of_a_follower_that_was_changed_is_refused_by_arithmetic_where_it_matters():
    data = as_read(proved("market"))
    follower = data["problem"]["followers"][0]
    tight = [k for k, row in enumerate(follower["inequalities"]) if checker.F(data["point"][row[0]]) != 0]
    assert tight
    for path in [("linear", 1, 1), ("products", 0, 2), ("equations", 0, 2), ("inequalities", tight[0], 2)]:
        other = sealed(changed(data, ("problem", "followers", 0, *path), random.Random(0)))
        assert checker.check(other), path


def test_the_checker_needs_python_alone(tmp_path):
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(CHECKER.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported <= set(sys.stdlib_module_names)
    copy, file = tmp_path / "copy.py", tmp_path / "c.json"
    copy.write_bytes(CHECKER.read_bytes())
    data = as_read(proved("handbook"))
    file.write_text(json.dumps(data), encoding="utf-8")
    run = [sys.executable, "-I", "-S", str(copy), str(file)]
    good = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert good.returncode == 0 and good.stdout.startswith("holds\n") and "value 92/15" in good.stdout
    module = subprocess.run(
        [sys.executable, "-m", "kktgen.exact", str(file)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (module.returncode, module.stdout, module.stderr) == (0, good.stdout, "")
    data["point"][1] = "1/3"
    file.write_text(json.dumps(data), encoding="utf-8")
    bad = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert bad.returncode == 1 and bad.stdout.startswith("REFUSED\n")


SHORT = Path(kg.__file__).parents[1] / "tools" / "check_certificate"
needs_tools = pytest.mark.skipif(not SHORT.is_file(), reason="tools/ is not here")


def short_verdict(tmp_path: Path, data: dict) -> tuple[int, str]:
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(data))
    ran = subprocess.run([sys.executable, "-I", "-S", SHORT, path], capture_output=True, text=True, timeout=120)
    assert not ran.stderr
    return ran.returncode, ran.stdout


@needs_tools
@pytest.mark.parametrize("name", CHANGED)
def test_a_checker_of_fifty_lines_is_enough_for_the_followers(name, tmp_path):
    data = as_read(proved(name))
    assert short_verdict(tmp_path, data) == (0, "every response is exactly optimal\n")
    own = data["problem"]["followers"][0]["y"][0]
    data["point"][own] = number(checker.F(data["point"][own]) + Fraction(1, 10**12))
    code, said = short_verdict(tmp_path, data)
    assert code == 1 and said.startswith("REFUSED")


@needs_tools
def test_the_checker_of_fifty_lines_has_about_fifty():
    lines = [line for line in SHORT.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 55


@needs_tools
@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ((*LOWER, "inequalities", 0, 2), -1.0, "slack -1.0e+00"),
        (("point", 3), -1, "multiplier -1.0e+00"),
        (("point", 3), 1, "slack 3.0e+00, multiplier 1.0e+00"),
        (("point", 1), 1, "column 1: slope 2.0e+00"),
        (("squares", 0, 0, 0), -1, "negative weight"),
        (("squares",), [[]], "column 1: not shown convex"),
        ((*LOWER, "y"), [-1, 1, 2], "a column is none of the point"),
        ((*LOWER, "y"), [1, 2, 10**6], "a column is none of the point"),
    ],
)
def test_the_checker_of_fifty_lines_checks_every_condition(path, value, word, tmp_path):
    code, said = short_verdict(tmp_path, put(small(), path, value))
    assert code == 1 and word in said, said


def test_data_of_any_form_are_refused_not_crashed_on():
    data = as_read(proved("handbook"))
    for broken in ({}, [], None, {**data, "point": []}, {**data, "point": ["x"]}, {**data, "squares": []},
                   {**data, "claims": None}, {**data, "problem": {}}):  # fmt: skip
        assert checker.check(broken)
    for key in data:
        assert checker.check({k: v for k, v in data.items() if k != key}), key


def test_long_numbers_are_written_in_hexadecimal():
    for value in (Fraction(1, 3), Fraction(-(3**900), 2), Fraction(7, 3**9500), Fraction(5), Fraction(-0.1)):
        assert checker.F(json.loads(json.dumps(number(value)))) == value
    assert number(Fraction(0.1)) == 0.1 and number(Fraction(3)) == 3 and number(Fraction(1, 3)) == "1/3"
