"""Two bundles hold one problem: numbers to 1e-9, everything else to the letter."""

from __future__ import annotations

import orjson
import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.library.same_problem import difference
from kktgen.library.stored import bundle_bytes

M = catalog.build("cournot/duopoly")
MADE = bundle_bytes(M, "cournot/duopoly", {"count": 2})


def changed(change):
    data = orjson.loads(MADE)
    change(data)
    return orjson.dumps(data)


def test_the_bytes_say_nothing_that_changes():
    about = orjson.loads(MADE)["about"]
    assert about == {"model": "cournot/duopoly", "parameters": {"count": 2}}
    m = catalog.build("cournot/duopoly")
    m.about = {"known": {"objective": 1.0}, "version": "9", "source": "here"}
    assert orjson.loads(bundle_bytes(m, "a/b", {}))["about"] == {"source": "here", "model": "a/b"}
    assert m.about["version"] == "9" and kg.dumps(m, "bilevel.json")


def scale(by):
    def change(data):
        row = next(one for one in data["declarations"] if "rows" in one)
        row["value"][0] *= by

    return change


@pytest.mark.parametrize("change", [scale(1.0), scale(1 + 1e-10), lambda data: data.update(about={})])
def test_the_same(change):
    assert difference(MADE, changed(change)) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (scale(1 + 1e-7), "value[0]"),
        (lambda data: data["leader"].update(sense="min"), "leader.sense: 'max' is 'min' now"),
        (lambda data: data["leader"].pop("rows"), "leader: rows stands in one of them alone"),
        (lambda data: data["followers"].pop(), "followers: 1 entries are 0 now"),
        (lambda data: data["leader"]["objective"].update(constant=7.0), "leader.objective.constant: -0.0 is 7.0 now"),
        (lambda data: data["declarations"][0].update(ub=[None]), "declarations[0].ub[0]"),
    ],
)
def test_another(change, words):
    assert words in difference(MADE, changed(change))
