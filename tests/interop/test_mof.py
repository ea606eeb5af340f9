"""Two MathOptFormat files and a link, as a recipe in Julia writes them from BilevelJuMP, and answers by their names."""

from __future__ import annotations

import json

import pytest

import kktgen as kg


def affine(constant=0.0, **terms):
    parts = [{"coefficient": value, "variable": name} for name, value in terms.items()]
    return {"type": "ScalarAffineFunction", "terms": parts, "constant": constant}


def quadratic(terms, **linear):
    products = [{"coefficient": c, "variable_1": a, "variable_2": b} for a, b, c in terms]
    return {
        "type": "ScalarQuadraticFunction", "affine_terms": affine(**linear)["terms"], "quadratic_terms": products,
        "constant": 0.0,
    }  # fmt: skip


def bounded(name, lower, upper):
    return {
        "function": {"type": "Variable", "name": name}, "set": {"type": "Interval", "lower": lower, "upper": upper}
    }  # fmt: skip


def document(names, sense, objective, *constraints):
    return {
        "version": {"major": 1, "minor": 7}, "variables": [{"name": name} for name in names.split()],
        "objective": {"sense": sense, "function": objective}, "constraints": list(constraints),
    }  # fmt: skip


def market(folder):
    """Write the two levels of the README's market; return their paths."""
    cost = quadratic([("p", "g[1]", 1.0), ("g[2]", "g[2]", 0.2), ("g[3]", "g[3]", 0.1)], **{"g[2]": 20.0, "g[3]": 30.0})
    balance = affine(**{"g[1]": 1.0, "g[2]": 1.0, "g[3]": 1.0})
    lower = document(
        "p g[1] g[2] g[3]", "min", cost, *(bounded(f"g[{k}]", 0, u) for k, u in ((1, 60), (2, 40), (3, 50))),
        {"name": "balance", "function": balance, "set": {"type": "EqualTo", "value": 100.0}},
    )  # fmt: skip
    profit = quadratic([("lambda", "g[1]", 1.0)], **{"g[1]": -10.0})
    upper = document("p lambda g[1]", "max", profit, bounded("p", 0, 60), bounded("lambda", 0, 200))
    paths = folder / "upper.mof.json", folder / "lower.mof.json"
    for path, root in zip(paths, (upper, lower), strict=True):
        path.write_text(json.dumps(root))
    return paths


def test_the_market_of_the_readme(tmp_path):
    upper, lower = market(tmp_path)
    link = tmp_path / "link.json"
    link.write_text(json.dumps({"owns": ["g[1]", "g[2]", "g[3]"], "prices": {"lambda": "balance"}}))
    m, at = kg.mof.read(upper, lower, link=link)
    result = kg.optimize(m)
    assert (result.solution.objective, result.report.claim) == (pytest.approx(1200), "optimal")
    assert result.solution[at["lambda"]] == pytest.approx(30)
    assert result.solution[at.dual("balance")] == pytest.approx(30)
    assert result.solution[at["g[1]"]] == pytest.approx(60)
    assert [row.name for row in m.rows] == ["bound of lambda"]
    assert repr(at) == "MofMap(p, lambda, g[1], g[2], g[3])"
    assert m.name == "upper"
    same, _ = kg.mof.read(upper, lower, link={"owns": ["g*"], "prices": {"lambda": {"row": "balance"}}})
    assert kg.dumps(same, "bilevel.json") == kg.dumps(m, "bilevel.json")


def test_names_that_are_not_there_are_refused(tmp_path):
    upper, lower = market(tmp_path)
    _, at = kg.mof.read(upper, lower, link={"owns": "g*", "prices": {"lambda": "balance"}})
    with pytest.raises(KeyError, match=r"no variable is named 'g\[4\]' \(did you mean"):
        at["g[4]"]
    with pytest.raises(KeyError, match=r"no follower has a row 'balanec' \(did you mean balance\?"):
        at.dual("balanec")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (None, "the follower's file and a link are both needed"),
        ({"prices": {}}, "link: expected an object with owns"),
        ({"owns": ["g*"], "price": {}}, "link: expected an object with owns"),
        ({"owns": ["h*"]}, r"follower\[0\].owns\[0\]: no column of lower.mof.json fits 'h\*'"),
        ({"owns": ["g*"], "prices": {"lam": "balance"}}, "prices.lam: the leader's file has no column 'lam'"),
    ],
)
def test_a_link_that_does_not_fit_is_refused(link, words, tmp_path):
    upper, lower = market(tmp_path)
    with pytest.raises(kg.FormatError, match=words):
        kg.mof.read(upper, lower, link=link)
