"""Words for what is special about a problem: of every instance some, and the right ones of a few."""

from __future__ import annotations

import pytest

from kktgen import catalog
from kktgen.library import catalogue
from kktgen.library.features import MEANINGS, features


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("knapsack/i10_k3", "binary-leader linear-followers"),
        ("dc_market/case5_own3", "prices linear-followers"),
        ("classics/moore_bard_1990_relaxed", "integer-leader linear-followers"),
        ("cournot/duopoly", "quadratic-followers nonconvex-leader"),
    ],
)
def test_features_of_a_few(name, words):
    assert features(catalogue.load(catalog.folder("instances").resolve())[name]) == words.split()


def test_every_feature_is_one_of_some_instance():
    book = catalogue.load(catalog.folder("instances").resolve())
    found = {word for one in book.values() for word in features(one)}
    assert found <= set(MEANINGS) and len(found) >= len(MEANINGS) - 3 and features({}) == []
