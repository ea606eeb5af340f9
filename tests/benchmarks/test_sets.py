"""Words that stand for instances."""

from __future__ import annotations

import json

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.benchmarks import sets

NAMES = catalog.instance_names()


def names(*words):
    return [entry.name for entry in sets.entries(words)]


def test_all_families_globs_and_names():
    assert names("all") == list(NAMES)
    assert names("roads") == list(catalog.instance_names("roads"))
    assert names("roads/braess_*") == [name for name in NAMES if name.startswith("roads/braess_")]
    assert names("roads/braess_time", "roads/braess_*")[0] == "roads/braess_time"
    assert len(names("roads", "roads/*", "roads/braess_time")) == len(catalog.instance_names("roads"))
    assert sets.entries(["roads/braess_time"])[0].known["objective"] == pytest.approx(498)


def test_what_is_known_goes_into_records_of_runs():
    known = json.loads(json.dumps([entry.known for entry in sets.entries(["all"])]))
    assert len(known) == len(NAMES) and all("history" not in one for one in known)
    assert sum("objective" in one for one in known) > 100


def test_quick_has_one_of_each_family_that_has_quick_ones():
    found = names("quick")
    families = {name.partition("/")[0] for name in NAMES if catalog.load_instance(name).quick}
    assert sorted(name.partition("/")[0] for name in found) == sorted(families)
    assert all(catalog.load_instance(name).quick for name in found)


def test_files_and_folders_of_files(tmp_path, model_file):
    for name in ("one", "two"):
        kg.write(catalog.build("random_bilevel/toll_small"), tmp_path / f"{name}.bilevel.json")
    path = model_file("own.py")
    (tmp_path / "case.toml").write_text('model = "own.py"\n[known]\nobjective = 6.0\n[parameters]\ntop = 5.0\n')
    assert names(str(tmp_path)) == [f"{tmp_path.name}/one", f"{tmp_path.name}/two"]
    assert names(str(path)) == [f"{tmp_path.name}/own"]
    assert sets.entries([str(tmp_path / "case.toml")])[0].known == {"objective": 6.0}
    (tmp_path / "empty").mkdir()
    with pytest.raises(kg.ProblemError, match="holds no problem"):
        names(str(tmp_path / "empty"))


@pytest.mark.parametrize(("word", "hint"), [("road", "roads"), ("roads/braes_time", "did you mean roads/braess_time")])
def test_what_stands_for_nothing_is_refused(word, hint):
    with pytest.raises(kg.ProblemError, match=hint):
        names(word)
