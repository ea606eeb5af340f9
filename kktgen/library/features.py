"""What is special about a problem, in words to search by, from its statistics and its class code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNTS = {
    "binary-leader": "B_u", "integer-leader": "I_u", "nash": "nash", "coupling": "m_coup", "prices": "priced",
    "lifted": "lifted", "conditional": "conditional", "conditions": "complements",
}  # fmt: skip
"""Features that are there where a number is not zero."""
LETTERS = {
    (0, "C"): "quadratic-leader", (0, "Q"): "nonconvex-leader", (3, "L"): "linear-followers",
    (3, "D"): "quadratic-followers", (3, "C"): "quadratic-followers", (3, "S"): "quadratic-followers",
}  # fmt: skip
"""Features that a letter of the class code says."""
MEANINGS = {
    "binary-leader": "some of the leader's variables are binary",
    "integer-leader": "some of the leader's variables are integer",
    "many-followers": "several followers",
    "nash": "followers see one another's variables",
    "coupling": "the leader's rows hold followers' variables or prices",
    "prices": "the leader uses prices, the multipliers of followers",
    "lifted": "binaries of the leader times expressions of followers in their rows",
    "conditional": "rows of followers that hold where a binary of the leader says so",
    "conditions": "complementarity said directly",
    "linear-followers": "followers are linear programs",
    "quadratic-followers": "some follower has a quadratic cost",
    "quadratic-leader": "the leader's objective is convex and quadratic",
    "nonconvex-leader": "the leader's objective is nonconvex",
}


def features(one: Mapping[str, Any]) -> list[str]:
    """Return the features of an instance from its entry in the catalogue.

    Examples
    --------
    >>> from kktgen.library.features import features
    >>> features({"B_u": 3, "followers": 2, "priced": 0, "class": "LBnL--"})
    ['binary-leader', 'many-followers', 'linear-followers']
    """
    found = {word for word, key in COUNTS.items() if one.get(key)}
    code = one.get("class", "")
    found |= {word for (place, letter), word in LETTERS.items() if code[place : place + 1] == letter}
    if one.get("followers", 0) > 1:
        found.add("many-followers")
    return [word for word in MEANINGS if word in found]
