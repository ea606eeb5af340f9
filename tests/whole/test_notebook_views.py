"""What notebooks show: short ``repr``, HTML that is well formed, escaped and fetches nothing; print as ever."""

from __future__ import annotations

import pytest
from html_reader import read

import kktgen as kg
from kktgen import guide as kg_guide
from kktgen import markup
from kktgen.verification.html import WORDS
from kktgen.verification.report import CLAIMS

EVIL = '<b onload="x">&\'y'


@pytest.fixture(scope="module")
def problem():
    m = kg.Bilevel(f"toll {EVIL}")
    toll = m.var("toll", lb=0, ub=3, unit=f"EUR{EVIL}")
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1, coords={"route": [EVIL, "plain"]}, unit="1")
    driver.minimize(toll * road.sum() - 2 * road.sum())
    m.maximize(toll * road.sum(), unit="EUR")
    return m


@pytest.fixture(scope="module")
def result(problem):
    return kg.optimize(problem, time_limit=20, range=True)


def views(problem, result):
    empty = kg.Bilevel("empty")
    x = empty.var("x", lb=0, ub=1)
    empty.add(x >= 2, name="more")
    return {
        "Bilevel": problem, "Model": result.model, "Solution": result.solution, "Report": result.report,
        "Result": result, "Explanation": kg.explain(empty),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["Bilevel", "Model", "Solution", "Report", "Result", "Explanation"])
def test_every_object_shows_itself(problem, result, kind):
    one = views(problem, result)[kind]
    assert repr(one).startswith(f"{kind}(") and len(repr(one)) < 110 and "\n" not in repr(one)
    parsed = read(one._repr_html_())
    assert parsed.tags[0] == "div" and "table" in parsed.tags and "b" not in parsed.tags
    assert str(one) != repr(one) or kind == "Bilevel"


def test_a_result_tells_the_claim_values_and_units(result):
    words = read(result._repr_html_()).text
    for word in (EVIL, "optimal", "no other is better by more than the gap", f"EUR{EVIL}", EVIL, "objective",
                 "leader bounds", "verify", "every multiplier and slack lies in a proved box"):  # fmt: skip
        assert word in words, word


def test_without_a_point_there_are_no_values():
    m = kg.Bilevel("empty")
    x = m.var("x", lb=0, ub=1)
    m.add(x >= 2, name="more")
    m.minimize(x)
    result = kg.optimize(m, time_limit=20)
    assert "no point" in repr(result) and "no point" in repr(result.solution)
    assert "no point" in read(result._repr_html_()).text


def test_many_followers_are_shown_in_short():
    m = kg.Bilevel("many")
    x = m.var("x", lb=0, ub=1)
    for k in range(30):
        f = m.follower(f"f{k}")
        y = f.var("y", lb=0, ub=1)
        f.minimize(y - x * y)
    m.minimize(x)
    html = m._repr_html_()
    assert "and 18 more followers" in html and html.count("<tr>") == 14
    assert len(kg.kkt(m)._repr_html_()) < 12_000


def test_what_no_page_can_hold_is_replaced():
    assert markup.text("a\x00b\ud800<") == "a\ufffdb\ufffd&lt;"
    assert markup.text(markup.text("<")) == "&lt;"
    markup.text("\ud800").encode()


def test_numbers_stand_to_the_right():
    html = markup.table(("a", "b"), [("1.5", "x"), ("-2e-05", "3"), ("inf", "")])
    assert html.count('class="num"') == 4
    assert markup.table(("a",), []) == "" and markup.bullets([]) == "" and markup.folded("more", "") == ""


def test_claims_are_worded_as_in_the_guide():
    page = kg_guide.page("claims").text
    assert set(WORDS) == set(CLAIMS)
    for claim, words in WORDS.items():
        assert f"| `{claim}` | {words} |" in page
