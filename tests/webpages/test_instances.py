"""The page of instances: what stands in its rows, that it is closed, and that names stay words."""

from __future__ import annotations

import re

import pytest
from catalogued import HOSTILE, pages
from html_reader import Strict

from kktgen import catalog
from kktgen.library import catalogue
from kktgen.library.selection import selected
from kktgen.webpages import site
from kktgen.webpages.instances import COLUMNS, docstring


def read(text: str) -> Strict:
    """Return what is in a page, every element of which is closed."""
    parser = Strict()
    parser.feed(text)
    parser.close()
    assert parser.open == [] and len(parser.ids) == len(set(parser.ids))
    return parser


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Return the page of four instances."""
    return (pages(tmp_path_factory.mktemp("page")) / "catalogue.html").read_text(encoding="utf-8")


def test_the_page_is_closed_and_names_stay_words(text):
    parsed = read(text)
    assert HOSTILE in parsed.text and text.count("</script>") == 1
    assert not re.search(r'\b(src|href)="(?!#|data:|files/|results\.html")', text)
    assert "default-src 'none'" in text and "@import" not in text and "url(" not in text
    assert parsed.tags.count("canvas") == 8 and {"th", "button", "noscript"} <= set(parsed.tags)


def test_a_row_opens_what_the_file_says(text):
    parsed = read(text)
    for words in (
        "PJM 5 buses, three of five plants offer prices", "dc_market: the mathematics", "own [1, 2, 5]",
        "The data are calibrated", "No point is stored", "kktgen instance check", "quoted", "1890",
    ):  # fmt: skip
        assert words in parsed.text, words
    assert '<details id="model-dc_market">' in text and "4 instances in 1 family" in parsed.text


def test_the_whole_library_is_on_the_page(tmp_path):
    paths = selected(["all"])
    written, stale = site.write(paths, tmp_path)
    assert stale == []
    page = written[0].read_text(encoding="utf-8")
    parsed, names = read(page), catalog.instance_names()
    assert [*re.findall(r'<tbody data-name="([^"]*)"', page)] == [*names]
    assert all(f'href="#model-{name.partition("/")[0]}"' in page for name in names if not name.startswith("classics"))
    assert parsed.tags.count("canvas") == 2 * len(names) and len(page) < 4_000_000
    row = re.search(r'<tbody data-name="dc_market/case5_own3".*?</tr>', page, flags=re.DOTALL)[0]
    entry = catalogue.load(paths[0].parents[1].resolve())["dc_market/case5_own3"]
    assert row.count("<td") == len(COLUMNS) and f'data-v="{entry["n_y"]}"' in row and entry["class"] in row


def test_the_mathematics_is_read_without_running_the_model(tmp_path):
    (tmp_path / "mine.py").write_text('"""One road.\n\nRoad::\n\n    max t y\n"""\nraise SystemExit\n')
    assert docstring(str(tmp_path / "mine.py")) == "One road.\n\nRoad::\n\n    max t y"
    assert docstring("dso_vpp").startswith("A distribution system operator") and docstring("none such") == ""
