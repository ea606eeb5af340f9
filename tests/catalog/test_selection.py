"""Words that stand for instances of the library."""

from __future__ import annotations

import shutil

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.catalog import places, selection
from kktgen.catalog.selection import chosen

NAMES = catalog.instance_names()


def test_words_stand_for_names():
    assert chosen("all") == NAMES
    assert chosen("cournot") == catalog.instance_names("cournot")
    assert chosen("cournot/five_2m") == ("cournot/five_2m",)
    assert chosen("roads/braess_*") == tuple(name for name in NAMES if name.startswith("roads/braess_"))
    assert chosen("nowhere") == chosen("cournot/none") == ()


def test_grades_and_tags():
    graded = chosen("grade=open")
    assert graded and all(catalog.load_instance(name).grade == "open" for name in graded)
    tagged = chosen("tag=oligopoly")
    assert tagged == catalog.instance_names("cournot")
    with pytest.raises(kg.ProblemError, match="'grade=oligopoly': no instance is like that"):
        chosen("grade=oligopoly")
    with pytest.raises(kg.ProblemError, match="no instance is like that"):
        chosen("tag=open")


def test_a_set_is_a_file_of_words(tmp_path, monkeypatch):
    shelf = tmp_path / "instances"
    shutil.copytree(catalog.folder("instances") / "roads", shelf / "roads")
    (shelf / "sets").mkdir()
    mine = shelf / "sets" / "mine.txt"
    mine.write_text("# two\nroads/braess_time\n\nroads/braess_c*  # closing roads\n")
    monkeypatch.setattr(places, "folder", lambda kind: shelf)
    monkeypatch.setattr(selection, "folder", lambda kind: shelf)
    assert selection.sets() == ["mine"]
    assert chosen("mine") == ("roads/braess_time", "roads/braess_close")
    mine.write_text("nothing\n")
    with pytest.raises(kg.ProblemError, match="'nothing' stands for no instance.*roads.*mine.*one a line of a set"):
        chosen("mine")
