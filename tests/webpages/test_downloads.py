"""Files that pages offer: small ones inside the page, others beside it, the same bytes in both."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from catalogued import own_folder, run

import kktgen as kg
from kktgen.webpages.downloads import EMBEDDED, Downloads


def href(link: str) -> str:
    """Return where a link leads."""
    return re.search(r'href="([^"]*)"', link)[1]


@pytest.mark.parametrize("size", [1, EMBEDDED, EMBEDDED + 1, 50_000])
def test_a_link_leads_to_the_bytes(tmp_path, size):
    data, downloads = bytes(k % 251 for k in range(size)), Downloads(tmp_path)
    link = downloads.link("a b/c&d.gz", data, "problem", "about")
    assert 'download="c&amp;d.gz"' in link and 'title="about"' in link
    where = href(link)
    if where.startswith("data:"):
        assert downloads.written == [] and size <= EMBEDDED
        assert base64.b64decode(where.partition("base64,")[2]) == data
    else:
        assert (tmp_path / unquote(where)).read_bytes() == data
        assert downloads.written == [tmp_path / "files" / "a b" / "c&d.gz"]


def test_a_stored_problem_can_be_read_from_either(tmp_path):
    folder = own_folder(tmp_path)
    run("catalogue", folder, "-o", tmp_path / "site", "-q")
    text = (tmp_path / "site" / "catalogue.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]*)" download="([^"]*\.bilevel\.json\.gz)"', text)
    assert len(links) == 2
    kinds = {name: where.partition(":")[0] for where, name in links}
    assert set(kinds) == {"duopoly.bilevel.json.gz", "case5_24h.bilevel.json.gz"}
    assert sorted(kinds.values()) == ["data", "files/mine/case5_24h.bilevel.json.gz"]
    for where, name in links:
        data = base64.b64decode(where.partition("base64,")[2]) if where.startswith("data:") else None
        path = tmp_path / name if data else tmp_path / "site" / unquote(where)
        if data:
            Path(path).write_bytes(data)
        assert path.read_bytes() == (folder / name).read_bytes()
        assert len(kg.read(path).followers) >= 1
