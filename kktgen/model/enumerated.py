"""The model of a problem with integer followers in which these need not be optimal: points, values, rows.

Masters are this model with more columns and rows; what they say is held against it.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

from ..problem.bilevel import Bilevel
from ..problem.integers import check_integers, released
from .fingerprint import marked_origin
from .kkt import kkt
from .model import Model
from .shared import state_of

FOLLOWERS = "the integer followers"
"""The part of the problem's digests that is theirs."""
_MODELS: WeakKeyDictionary[Bilevel, tuple[bytes, Model]] = WeakKeyDictionary()


def shared_free(bilevel: Bilevel) -> Model:
    """Return the model of a problem whose followers merely obey their rows; it must not be changed.

    Raises
    ------
    KktgenError
        What a problem with integer followers cannot have (:func:`kktgen.problem.integers.check_integers`).
    """
    state, known = state_of(bilevel), _MODELS.get(bilevel)
    if known is None or known[0] != state:
        check_integers(bilevel)
        model = _named(bilevel, replace(kkt(released(bilevel)), units=None))
        known = _MODELS[bilevel] = state, marked_origin(model, FOLLOWERS, state.hex())
    return known[1]


def _named(bilevel: Bilevel, model: Model) -> Model:
    """Return the model with the followers' rows under their own names, behind those of the leader."""
    blocks, first = list(model.rows.blocks), len(bilevel.rows)
    theirs = [(f.name, d.word) for f in bilevel.followers for d in f.rows() if not d.is_bound]
    blocks[first:] = [
        replace(block, word=word, role="primal", follower=name)
        for block, (name, word) in zip(blocks[first:], theirs, strict=True)
    ]
    return replace(model, rows=replace(model.rows, blocks=tuple(blocks)))
