"""Lists in a real browser: they sort, filter, open rows and keep their state in the address."""

from __future__ import annotations

import json

import browser
import pytest
from catalogued import HOSTILE, pages
from runs import record, unsolved

from kktgen.webpages.lists import Cell, Column, Row, listed

SEEN = """
const seen = () => [...document.querySelectorAll("#list > tbody")].filter((one) => !one.hidden)
    .map((one) => one.dataset.name.split("/").pop());
const head = (key) => document.querySelector(`#list th[data-key="${key}"]`);
const type = (text) => { const box = document.getElementById("filter"); box.value = text;
    box.dispatchEvent(new Event("input")); return seen(); };
const count = () => document.getElementById("count").textContent;
"""
ALL = ["case5_24h", "case5_own3", "duopoly", "i10_k3"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the pages of four instances and of three runs."""
    return pages(
        tmp_path_factory.mktemp("site"), record("mine/duopoly", "auto scip"), unsolved("mine/duopoly", "sos1 scip"),
        record("mine/i10_k3", "auto scip", value=11.0, bound=11.0),
    )  # fmt: skip


@browser.needed
def test_headings_sort_and_missing_values_stay_last(site, tmp_path):
    found = browser.asked(site / "catalogue.html", tmp_path, SEEN + """
        const out = [seen()];
        for (const key of ["n_y", "n_y", "case", "value", "value"]) {
            head(key).querySelector("button").click();
            out.push([head(key).getAttribute("aria-sort"), ...seen()]);
        }
        return [...out, head("n_y").getAttribute("aria-sort"), location.hash];
    """)  # fmt: skip
    rising = found[1][1:]
    assert found[0] == ALL and sorted(rising) == ALL and found[1][0] == "ascending"
    assert rising[0] == "duopoly" and rising[-1] == "case5_24h" and found[2] == ["descending", *reversed(rising)]
    assert found[3][1:] == ALL and found[4][1:] == ["case5_own3", "duopoly", "case5_24h", "i10_k3"]
    assert found[5][1:] == ["case5_24h", "duopoly", "case5_own3", "i10_k3"] and found[-2:] == [None, "#sort=-value"]


FILTERS = {
    "": ALL, "case5": ["case5_24h", "case5_own3"], "CASE5 24h": ["case5_24h"], "-case5": ["duopoly", "i10_k3"],
    "binary-leader": ["i10_k3"], "-binary-leader -case5": ["duopoly"], "n_y>20": ["case5_24h"],
    "n_x>=3 n_y<20": ["case5_own3", "i10_k3"], "b_u=10": ["i10_k3"], "case=duopoly,i10_k3": ["duopoly", "i10_k3"],
    "class=Q": ["duopoly"], "class=LCn,?B": ["case5_24h", "i10_k3"], "quoted": ["duopoly"], "n_y>": ALL,
    "LC1L": ["case5_own3"], "LC?L": ["case5_24h", "case5_own3"], "?B1": ["i10_k3"],
    "status=calibrated": ["duopoly"], "claim=proved": ["case5_own3", "duopoly"],
    "-claim=proved value>0": ["case5_24h"],
}  # fmt: skip
COMPLAINTS = {"ny>3": "there is no column ny; there are family,", "n_y>many": "n_y> wants a number, not many"}


@browser.needed
def test_the_box_filters_and_says_what_it_does_not_understand(site, tmp_path):
    found = browser.asked(
        site / "catalogue.html", tmp_path, SEEN + f"const texts = {json.dumps([*FILTERS, *COMPLAINTS])};"
        "return texts.map((text) => [text, type(text), count(), document.getElementById('complaint').textContent])",
    )  # fmt: skip
    rows = {text: (seen, count, said) for text, seen, count, said in found}
    assert {text: rows[text] for text in FILTERS} == {
        text: (wanted, f"{len(wanted)} of 4", "") for text, wanted in FILTERS.items()
    }
    for text, words in COMPLAINTS.items():
        assert rows[text][:2] == ([], "0 of 4") and rows[text][2].startswith(words)


@browser.needed
def test_a_row_opens_by_its_button_and_by_a_click(site, tmp_path):
    found = browser.asked(site / "catalogue.html", tmp_path, SEEN + """
        const body = document.querySelector('#list > tbody[data-name="mine/duopoly"]');
        const [first, inner] = body.rows, button = body.querySelector("button.opens");
        const state = () => [inner.hidden, button.getAttribute("aria-expanded"), location.hash];
        const out = [[button.tabIndex, button.tagName, body.offsetHeight], state()];
        button.click();
        out.push(state(), inner.innerText, body.querySelectorAll("b").length);
        first.cells[4].click();
        out.push(state());
        first.querySelector("a").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
        return [...out, state()];
    """.replace('first.querySelector("a").dispatch', 'first.querySelector("a").addEventListener("click", '
                "(e) => e.preventDefault()); first.querySelector('a').dispatch"))  # fmt: skip
    assert found[0][:2] == [0, "BUTTON"] and found[0][2] > 20
    assert found[1] == [True, "false", ""] and found[2] == [False, "true", "#open=mine%2Fduopoly"]
    for words in (HOSTILE, "The data are calibrated", "kktgen solve", "auto scip", "sos1 scip", "1890"):
        assert words in found[3], words
    assert found[5] == found[6] == [True, "false", "#"] or found[5] == found[6] == [True, "false", ""]


@browser.needed
def test_the_address_brings_the_state_back(site, tmp_path):
    behind = "#q=case5&sort=-n_y&open=mine%2Fcase5_own3"
    found = browser.asked(site / "catalogue.html", tmp_path, SEEN + """
        const open = () => [...document.querySelectorAll("#list tr.inner")].filter((row) => !row.hidden).length;
        const out = [seen(), document.getElementById("filter").value, open(), location.hash];
        const changed = () => new Promise((done) => addEventListener("hashchange", () => setTimeout(done, 50),
            { once: true }));
        let wait = changed();
        location.hash = "#q=grade%3Dopen";
        await wait;
        out.push(seen(), head("n_y").getAttribute("aria-sort"), open());
        document.getElementById("clear").click();
        out.push(seen());
        wait = changed();
        location.hash = "#model-cournot";
        await wait;
        return [...out, document.getElementById("model-cournot").open, seen()];
    """, behind)  # fmt: skip
    assert found[0] == ["case5_24h", "case5_own3"] and found[1:4] == ["case5", 1, behind]
    assert found[4:7] == [["case5_24h"], None, 0] and found[7] == ALL and found[8] is True and found[9] == ALL


@browser.needed
def test_pictures_are_drawn_in_the_colours_of_their_cells(site, tmp_path):
    found = browser.asked(site / "catalogue.html", tmp_path, """
        const canvas = document.querySelector('tbody[data-name="mine/duopoly"] canvas');
        const pixels = canvas.getContext("2d").getImageData(0, 0, 88, 88).data;
        const at = (x, y) => [...pixels.slice(4 * (88 * y + x), 4 * (88 * y + x) + 3)];
        return [canvas.width, at(10, 80), at(80, 80), at(10, 10), at(80, 10)];
    """)  # fmt: skip
    side, product, hessian, empty, row = found
    assert side == 88 and len({tuple(one) for one in found[1:]}) == 4
    assert product[0] > 180 > product[1] and hessian[0] > hessian[1] > hessian[2] and min(empty) > 200 > max(row)


@browser.needed
def test_runs_sort_and_filter(site, tmp_path):
    found = browser.asked(site / "results.html", tmp_path, SEEN + """
        const all = seen().length, wrong = type("verdict=wrong"), slow = type("seconds>5");
        const [families] = document.querySelectorAll("table.list:not(#list)");
        families.querySelector('th[data-key="instances"] button').click();
        return [all, wrong, slow, location.hash, document.querySelectorAll("svg").length];
    """)  # fmt: skip
    assert found[0] == 3 and found[1] == ["i10_k3-auto scip-0"] and found[2] == ["duopoly-sos1 scip-0"]
    assert found[3] == "#q=seconds%3E5" and found[4] >= 2


def test_values_stand_beside_what_is_shown():
    columns = [Column("a", "A"), Column("n", "N", "a number", True), Column("", "x")]
    text = listed(columns, [Row("r<1", [Cell("<i>"), Cell(1234.5678, "1234.6"), Cell(None)])], caption="c")
    assert '<td>&lt;i&gt;</td><td class="num" data-v="1234.5678">1234.6</td>' in text
    assert 'data-name="r&lt;1"' in text and 'data-key="n"' in text and text.count("<button") == 2
