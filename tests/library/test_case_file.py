"""Instance files are changed in place: what did not change stays as it was written."""

from __future__ import annotations

import datetime
import tomllib

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.library import case_file

TEXT = """# One case.
model = "knapsack" # the reason
quick = true

[parameters]
# about the items
items = 3
values = [1.0, 2.5]

[known]
objective = 1.0
source = "s"
"""


def test_comments_and_layout_stay(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(TEXT)
    data = case_file.read(path)
    case_file.write(path, data)
    assert path.read_text() == TEXT
    data["grade"] = "easy"
    data["known"]["bound"] = 0.1 + 0.2
    data["known"]["history"] = [{"date": datetime.date(2026, 11, 28), "best": 1e-300}, {"bound": 3.0, "by": 'a "b"'}]
    case_file.write(path, data)
    assert tomllib.loads(path.read_text()) == data
    assert path.read_text().startswith(
        TEXT.replace("quick = true\n", 'quick = true\ngrade = "easy"\n').split("[known]")[0]
    )
    assert path.read_text().count("[[known.history]]") == 2
    before = path.read_text()
    case_file.write(path, case_file.read(path))
    assert path.read_text() == before


def test_a_new_file_has_its_keys_in_order(tmp_path):
    path = tmp_path / "new.toml"
    case_file.write(
        path, {"known": {"claim": "optimal"}, "problem": {"format": "bilevel.json/1"}, "quick": False, "model": "m.py"}
    )
    assert path.read_text() == (
        'model = "m.py"\nquick = false\n\n[problem]\nformat = "bilevel.json/1"\n\n[known]\nclaim = "optimal"\n'
    )
    assert case_file.read(tmp_path / "none.toml") == {}


def test_what_the_schema_refuses_is_not_written(tmp_path):
    with pytest.raises(kg.ProblemError, match="unknown key 'grad'"):
        case_file.write(tmp_path / "case.toml", {"grad": "easy"})
    assert not (tmp_path / "case.toml").exists()


def test_every_shipped_file_is_written_as_it_stands(tmp_path):
    for name in catalog.instance_names():
        path = catalog.load_instance(name).path
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        data = case_file.read(copy)
        case_file.write(copy, data)
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), name
        copy.unlink()
