"""Constants of the user's own in BigM: by row, by follower, by name; and what a result may then be called."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.model.appended_columns import Encoded

AT_M = "at unproved M"


def market() -> tuple[kg.Bilevel, dict]:
    """min_g  p g0 + 20 g1 + 30 g2 + 0.1 g1^2 + 0.05 g2^2  s.t.  sum g = 100, -5 <= g0 - g1 <= 30, g <= 70, g boxed."""
    m = kg.Bilevel("market")
    p = m.var("offer", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 100, name="balance")
    spread = f.add(kg.between(-5, g[0] - g[1], 30), name="spread")
    limit = f.add(g <= [80, 70, 90], name="limit")
    f.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, {"p": p, "f": f, "g": g, "balance": balance, "spread": spread, "limit": limit}


def constants(model: kg.Model, encoded: kg.Model) -> dict[str, tuple[float, float]]:
    """Return (Ms, Md) by the name of the pair, read off the big-M rows."""
    names = {encoded.rows.label(i): i for i in range(len(encoded.rows))}
    binary = encoded.space.role == "binary"
    out = {}
    for i in range(len(model.pairs)):
        label = model.pairs.label(i)
        pair = []
        for word in ("slackM", "dualM"):
            row = encoded.rows.M[[names[label.replace("comp", word, 1)]]]
            pair.append(float(abs(row.data[binary[row.indices]][0])))
        out[label] = (pair[0], pair[1])
    return out


def proved(model: kg.Model, part: str) -> dict[str, float]:
    bounds = model.pairs.slack_max if part == "slack" else model.pairs.dual_max
    return {model.pairs.label(i): float(bounds.value[i]) for i in range(len(model.pairs))}


@pytest.fixture(scope="module")
def bounded():
    m, parts = market()
    return m, parts, kg.bound(kg.kkt(m))


KEYS = {
    "bound, as messages print it": (lambda parts: {"comp_ub(market,g,1)": 3.0}, {"comp_ub(market,g,1)": 3.0}),
    "bound, its column": (lambda parts: {"mu_ub(market,g,1)": 3.0}, {"comp_ub(market,g,1)": 3.0}),
    "bound, as verify prints it": (lambda parts: {"ub(market,g,1)": 3.0}, {"comp_ub(market,g,1)": 3.0}),
    "bound, its big-M row": (lambda parts: {"dualM_ub(market,g,1)": 3.0}, {"comp_ub(market,g,1)": 3.0}),
    "upper bounds, one number each": (
        lambda parts: {"ub(market,g)": [1, 2, 3]},
        {"comp_ub(market,g,0)": 1.0, "comp_ub(market,g,1)": 2.0, "comp_ub(market,g,2)": 3.0},
    ),
    "the price of the upper bounds": (
        lambda parts: {parts["g"].upper_dual[:2]: [1, 2]},
        {"comp_ub(market,g,0)": 1.0, "comp_ub(market,g,1)": 2.0},
    ),
    "a variable: both its bounds": (
        lambda parts: {parts["g"]: [1, 2, 3]},
        {f"comp_{side}(market,g,{k})": k + 1.0 for side in ("lb", "ub") for k in range(3)},
    ),
    "two-sided rows": (
        lambda parts: {parts["spread"]: 2.0},
        {"comp_lo(market,spread)": 2.0, "comp_up(market,spread)": 2.0},
    ),
    "one side of two-sided rows": (lambda parts: {"comp_up(market,spread)": 2.0}, {"comp_up(market,spread)": 2.0}),
    "rows by name": (
        lambda parts: {"spread(market)": 2.0},
        {"comp_lo(market,spread)": 2.0, "comp_up(market,spread)": 2.0},
    ),
    "the later key counts": (
        lambda parts: {parts["g"]: 4.0, "ub(market,g,1)": 3.0},
        {
            **{f"comp_{side}(market,g,{k})": 4.0 for side in ("lb", "ub") for k in range(3)},
            "comp_ub(market,g,1)": 3.0,
        },
    ),
}


@pytest.mark.parametrize("part", ["slack", "dual"])
@pytest.mark.parametrize("case", KEYS)
def test_a_key_gives_its_pairs_and_no_other_a_constant(bounded, case, part):
    _, parts, model = bounded
    make, expected = KEYS[case]
    encoded = kg.encode(model, kg.BigM(**{part: make(parts)}))
    which = 0 if part == "slack" else 1
    found = {label: pair[which] for label, pair in constants(model, encoded).items()}
    kept = proved(model, part)
    wanted = {label: min(expected.get(label, np.inf), value) for label, value in kept.items()}
    assert found == pytest.approx(wanted, rel=1e-12)
    user = sum(expected[label] < kept[label] for label in expected if label in kept)
    assert user > 0
    assert encoded.encodings == (Encoded("BigM", len(model.pairs) - user, "proved"), Encoded("BigM", user, "user"))


@pytest.mark.parametrize("key", ["follower", "name"])
def test_a_follower_takes_a_number_or_one_constant_an_inequality(bounded, key):
    m, parts, model = bounded
    key = parts["f"] if key == "follower" else "market"
    qp = parts["f"].qp()
    sizes = 1.0 + 0.01 * np.arange(len(qp.h))
    found = constants(model, kg.encode(model, kg.BigM(slack={key: sizes})))
    of = dict(zip(qp.mu.tolist(), sizes.tolist(), strict=True))
    kept = proved(model, "slack")
    for i in range(len(model.pairs)):
        label = model.pairs.label(i)
        assert found[label][0] == pytest.approx(min(of[int(model.pairs.mu[i])], kept[label]))
    assert constants(model, kg.encode(model, kg.BigM(slack={key: 2.5}))) == constants(
        model, kg.encode(model, kg.BigM(slack=2.5))
    )


def test_rows_of_which_only_some_are_pairs_still_take_one_constant_a_row(bounded):
    _, parts, model = bounded
    at = np.isin(parts["limit"].dual.M.indices, model.pairs.mu)
    assert not at.all()  # g <= (80, 70, 90) lies beyond the boxes, so a bound settled it
    kg.encode(model, kg.BigM(dual={parts["limit"]: [5, 6, 7]}))


def test_mixed_lower_and_upper_rows_are_found_by_every_printed_name():
    m = kg.Bilevel("sides")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=-1, ub=3)
    f.add(kg.between([-np.inf, 0.5], y, [2, np.inf]), name="r")
    f.minimize((y - x) @ (y - x))
    m.minimize(x + y.sum())
    model = kg.kkt(m)
    assert {"comp_up(f,r,0)", "comp_lo(f,r,1)"} <= {model.pairs.label(i) for i in range(len(model.pairs))}
    model = kg.bound(model)
    for name in ["comp_lo(f,r,1)", "mu(f,r,1)", "r(f,1)"]:
        found = constants(model, kg.encode(model, kg.BigM(slack={name: 0.25})))
        assert [label for label, (slack, _) in found.items() if slack == 0.25] == ["comp_lo(f,r,1)"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda parts: {"nobody": 1}, r"BigM: dual: no follower 'nobody'.*there are market, comp_lb\(market,g,\d\), "),
        (lambda parts: {"ub(market,g,3)": 1}, "no follower 'ub.market,g,3.'"),
        (lambda parts: {"ub(market,g,-1)": 1}, "no follower"),
        (lambda parts: {"ub(market,g,1,1)": 1}, "no follower"),
        (lambda parts: {"ub(market,g,x)": 1}, "no follower"),
        (lambda parts: {parts["balance"]: 1}, "'balance' has no inequality"),
        (lambda parts: {"balance(market)": 1}, "no follower 'balance.market.'"),
        (lambda parts: {parts["p"]: 1}, "'offer' has no inequality"),
        (lambda parts: {parts["g"][0]: 1}, "no expression of multipliers alone"),
        (lambda parts: {parts["p"] <= 3: 1}, "was not added to a follower"),
        (lambda parts: {7: 1}, "a key is a follower, its name, rows .* got int"),
        (lambda parts: {market()[1]["f"]: 1}, "belongs to another problem"),
        (lambda parts: {market()[1]["spread"]: 1}, "belongs to another problem"),
        (lambda parts: {parts["limit"]: [1, 2]}, r"'limit': an array of shape \(2,\) was given, there are 3 entries"),
        (lambda parts: {"market": np.ones(3)}, r"'market': an array of shape \(3,\) .* there are 11 entries"),
        (lambda parts: {"ub(market,g,1)": [1, 2]}, "there are 1 entries"),
        (lambda parts: {"spread(market)": -1}, r"'spread\(market\)': constants are nonnegative finite numbers, got -1"),
        (lambda parts: {parts["spread"]: np.nan}, "'spread': NaN"),
        (lambda parts: {parts["g"]: [1, np.inf, 2]}, "'g': constants are nonnegative finite numbers, got inf"),
        (lambda parts: {parts["g"]: "many"}, "'g': cannot use a str"),
        (lambda parts: np.inf, "BigM: dual: constants are nonnegative finite numbers, got inf"),
        (lambda parts: np.nan, "BigM: dual: NaN"),
        (lambda parts: [1, 2], r"an array of shape \(2,\) was given, there are \d+ pairs"),
    ],
)
def test_what_is_no_constant_is_refused_in_words(bounded, value, words):
    _, parts, model = bounded
    with pytest.raises(kg.ProblemError, match=words):
        kg.encode(model, kg.BigM(dual=value(parts)))


def test_a_key_whose_pairs_get_another_encoding_is_refused(bounded):
    _, parts, model = bounded
    with pytest.raises(kg.ProblemError, match="'spread': its pairs get another encoding"):
        kg.encode(model, kg.BigM(dual={parts["spread"]: 1}), {parts["spread"]: kg.SOS1()})
    mixed = kg.encode(model, kg.SOS1(), {"ub(market,g)": kg.BigM(dual={"ub(market,g,1)": 1.0})})
    counts = {(e.encoding, e.trust): e.pairs for e in mixed.encodings}
    assert counts[("BigM", "user")] == 1 and counts[("SOS1", "exact")] > 0


def open_follower() -> tuple[kg.Bilevel, kg.Affine, kg.Affine, tuple]:
    """min x + 3y,  y in argmin { -y : x + y <= 8, x + 4y >= 8, x + 2y <= 13, 2y <= 7x }, mu_1 >= -50: no dual bound."""
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8)
    f = m.follower("lower")
    y = f.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    f.minimize(-y)
    rows = f.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    m.add(rows[0].dual >= -50)
    return m, x, y, rows


def test_a_missing_bound_is_cured_by_the_name_in_the_message():
    m, *_ = open_follower()
    model = kg.bound(kg.kkt(m))
    given: dict[str, float] = {}
    for _ in range(len(model.pairs) + 1):
        try:
            encoded = kg.encode(model, kg.BigM(dual=given))
            break
        except kg.BoundError as error:
            given[str(error).split("'")[1]] = 20.0
            assert f'BigM(dual={{"{list(given)[-1]}": ..}})' in str(error)
    assert given and [(e.trust, e.pairs) for e in encoded.encodings if e.trust == "user"] == [("user", len(given))]
    report = kg.verify(m, kg.solve(encoded, "scip", time_limit=30))
    assert report.value == pytest.approx(92 / 15, rel=1e-6) and report.claim == "bilevel-feasible"
    assert any(r.startswith(f"M unproved: {len(given)} pairs rest on the user's constants") for r in report.reasons)


def capped() -> tuple[kg.Bilevel, kg.Affine, kg.Affine, kg.Rows]:
    """max x + y/1000, x in [0, 4]; y in argmin { (y - x)^2 - 6y : y <= 5 (cap), 0 <= y <= 10 }.

    ``y = min(x + 3, 5)`` and the multiplier of the cap is ``2x - 4`` beyond x = 2. The optimum is x = 4, with the
    multiplier 4; a constant of 1 for it leaves x <= 2.5.
    """
    m = kg.Bilevel("capped")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=10)
    f.minimize((y - x) * (y - x) - 6 * y)
    cap = f.add(y <= 5, name="cap")
    m.maximize(x + 0.001 * y)
    return m, x, y, cap


def solved(m: kg.Bilevel, encoding: kg.BigM) -> kg.Solution:
    return kg.solve(kg.encode(kg.bound(kg.kkt(m)), encoding), "scip", time_limit=30)


def test_one_constant_too_small_cuts_off_the_optimum_and_the_report_says_so():
    m, x, _, cap = capped()
    found = solved(m, kg.BigM(dual={cap: 1.0}))
    assert found.status == "optimal" and found[x] == pytest.approx(2.5)  # the optimum is x = 4
    report = kg.verify(m, found)
    assert report.ok and report.claim == "bilevel-feasible"
    reason = "M unproved: 1 pair rests on the user's constants (BigM), which nobody proved"
    assert report.reasons[0].startswith(reason) and reason in str(report)
    assert report[AT_M].value == 1 and not report[AT_M].ok and report[AT_M].where == "mu(f,cap)"
    assert "the point sits at a constant nobody proved: mu(f,cap)" in str(report)


def test_a_slack_at_a_constant_too_small_is_named_alone():
    """The cap's slack is 5 - y = 2 - x; with 1 for it x >= 1, where the leader wants x small (x = 0, y = 3: 0.003)."""
    m, x, y, cap = capped()
    m.minimize(x + 0.001 * y)
    report = kg.verify(m, solved(m, kg.BigM(slack={cap: 1.0})))
    assert report.value == pytest.approx(1.004) and report.claim == "bilevel-feasible"
    assert report[AT_M].value == 1 and report[AT_M].where == "slackM(f,cap)"


def test_a_point_beyond_the_constant_beats_the_bound_and_is_no_optimum_either():
    """The polish, which knows no M, finds x = 4 from the solver's x = 2.5."""
    m, x, _, cap = capped()
    result = kg.optimize(m, kg.BigM(dual={cap: 1.0}), start=False)
    assert result.solution[x] == pytest.approx(4) and result.bound == pytest.approx(2.505, abs=1e-3)
    assert result.report.claim == "bilevel-feasible"
    assert result.report.reasons[0].startswith("M too small, or a solver fault: the bound 2.50")
    assert "M unproved: 1 pair rests" in str(result)


def test_a_constant_that_leaves_no_point_is_no_proof_of_infeasibility():
    m, x, _, cap = capped()
    m.add(x >= 3)
    result = kg.optimize(m, kg.BigM(dual={cap: 1.0}), start=False)
    assert result.solution.status == "infeasible" and result.report.claim == "unverified"
    assert "M unproved: 1 pair rests" in str(result.report)


@pytest.mark.parametrize("value", [1e6, {"cap": 1e6}, {"exact": 0.0}])
def test_constants_no_smaller_than_the_proved_ones_leave_the_result_optimal(value):
    m, x, _, cap = capped()
    model = kg.bound(kg.kkt(m))
    if isinstance(value, dict):
        at = next(i for i in range(len(model.pairs)) if model.pairs.label(i) == "comp(f,cap)")
        value = {cap: value.get("cap", float(model.pairs.dual_max.value[at]) * (1 - 1e-5))}
    result = kg.optimize(m, kg.BigM(dual=value, slack={cap: 1e6}))
    assert result.solution[x] == pytest.approx(4)
    assert {used.trust for used in result.model.encodings} == {"proved"}
    assert result.report.claim == "optimal" and "M unproved" not in str(result)
    with pytest.raises(KeyError):
        result.report[AT_M]


def test_a_user_constant_that_is_large_enough_is_right_but_capped():
    m, x, _, cap = capped()
    result = kg.optimize(m, kg.BigM(dual={cap: 4.0}))
    roomy = kg.optimize(m, kg.BigM(slack={cap: 4.99}))  # the proved 5 or more; no point sits there
    assert result.solution[x] == pytest.approx(4) and result.report.claim == "bilevel-feasible"
    by_relaxation = "convex relaxation" in str(roomy.report)  # a bound that rests on no encoding
    assert roomy.report.claim == ("optimal" if by_relaxation else "bilevel-feasible") and roomy.report[AT_M].ok
