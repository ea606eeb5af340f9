"""The model of a problem with integer followers in which these need not be optimal: points, values, rows.

Masters are this model with more columns and rows; what they say is held against it. Its units are those of the KKT
system that the problem would have were the integers numbers that the leader chooses; integers have none.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

from ..problem.bilevel import Bilevel
from ..problem.integers import check_integers, released
from .equilibrate import equilibrate
from .fingerprint import marked_origin
from .kkt import kkt, kkt_model
from .model import Model
from .shared import state_of
from .spread import SMALL, spread
from .units import Units, spans

FOLLOWERS = "the integer followers"
"""The part of the problem's digests that is theirs."""
_MODELS: WeakKeyDictionary[Bilevel, tuple[bytes, Model]] = WeakKeyDictionary()


def shared_free(bilevel: Bilevel) -> Model:
    """Return the model of a problem whose followers merely obey their rows, with its units; it must not be changed.

    Raises
    ------
    KktgenError
        What a problem with integer followers cannot have (:func:`kktgen.problem.integers.check_integers`).
    """
    state, known = state_of(bilevel), _MODELS.get(bilevel)
    if known is None or known[0] != state:
        check_integers(bilevel)
        model, units = free_model(bilevel), _units(bilevel)
        model = replace(model, units=units, notes=(*model.notes, *spans(units)))
        known = _MODELS[bilevel] = state, marked_origin(model, FOLLOWERS, state.hex())
    return known[1]


def free_model(bilevel: Bilevel) -> Model:
    """Return the model of a problem whose followers merely obey their rows, in the units it is written in."""
    return _named(bilevel, replace(kkt(released(bilevel)), units=None))


def _units(bilevel: Bilevel) -> Units | None:
    """Return the units of a problem; None where its numbers are of order one and its followers' costs can be told."""
    model = kkt_model(bilevel)
    if model.units is not None or all(varies >= SMALL for varies in _spreads(model)):
        return model.units
    return equilibrate(model, always=True)


def _spreads(model: Model) -> list[float]:
    """Return by how much every follower's cost, if it has one, may vary over the boxes of its columns."""
    assert model.kkt is not None
    return [varies for system in model.kkt.systems if (varies := spread(system.cost, model.space, system.y)) > 0]


def _named(bilevel: Bilevel, model: Model) -> Model:
    """Return the model with the followers' rows under their own names, behind those of the leader."""
    blocks, first = list(model.rows.blocks), len(bilevel.rows)
    theirs = [(f.name, d.word) for f in bilevel.followers for d in f.rows() if not d.is_bound]
    blocks[first:] = [
        replace(block, word=word, role="primal", follower=name)
        for block, (name, word) in zip(blocks[first:], theirs, strict=True)
    ]
    return replace(model, rows=replace(model.rows, blocks=tuple(blocks)))
