"""Encodings of ``0 <= s_i  _|_  mu_i >= 0``: one file each, found by scanning this folder.

Takes: a Model with complementarity pairs.
Gives: a Model without, for files and solvers.
Must not know: formats and solvers.

============== ================================================ ================================
encoding       adds                                             exact when
============== ================================================ ================================
BigM           binary z: s <= Ms (1 - z), mu <= Md z            Ms, Md valid
SOS1           SOS1{s, mu}                                      always
Indicator      z = 1 -> s <= 0, z = 0 -> mu <= 0                always, if columns are boxed
Product        s mu <= eps                                      eps -> 0
StrongDuality  y'Py + (Qx+q)'y - lam'(b-Bx) + mu'(h-Hx) <= eps  eps -> 0; P = 0, x binary
Auto           big-M where proved and safe, else SOS1           always
============== ================================================ ================================

One polarity everywhere: z = 1 means the row is active (s = 0), z = 0 means mu = 0.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np

from ..errors import ProblemError, expect
from ..model.appended_columns import Encoded
from ..model.constants import check_constants
from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.pairs import Pairs
from ..reformulate.bounds import bound
from ..reformulate.switched_products import linearised
from .parts.constants import pairs_of


class Encoding(Protocol):
    """What every encoding is: a callable that appends to the model what its pairs need.

    Attributes
    ----------
    FEATURES : frozenset of str
        Keys of :data:`kktgen.model.model.FEATURES` that it may bring into a model.
    EXACT : bool
        Whether the encoded model is the problem itself, not up to a tolerance of its own. A class may leave it out
        (False).
    RANK : int
        Where :func:`kktgen.agree` tries it, the smallest first. A class may leave it out (last).
    needs_boxes : method ``(model) -> bool``
        Whether boxes on prices, multipliers and slacks must be proved before it. A class may leave it out (no).
    """

    FEATURES: ClassVar[frozenset[str]]

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with the pairs encoded."""
        ...


def encodings() -> dict[str, type]:
    """Return the encodings by lower-case name, found by scanning their folder.

    Returns
    -------
    dict of str to type
        ``{"auto": Auto, "bigm": BigM, ...}``; a name may stand wherever an encoding does.

    See Also
    --------
    kktgen.encode : Takes one, or its name.

    Examples
    --------
    >>> import kktgen as kg
    >>> sorted(kg.encodings())
    ['auto', 'bigm', 'indicator', 'product', 'sos1', 'strongduality']
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and value.__module__ == loaded.__name__ and hasattr(value, "FEATURES"):
                found[value.__name__.lower()] = value
    return dict(sorted(found.items()))


def in_order() -> list[str]:
    """Return the names of the encodings, in the order in which they are tried."""
    known = encodings()
    return sorted(known, key=lambda name: (getattr(known[name], "RANK", len(known)), name))


def named(encoding: Any) -> Encoding:
    """Return an encoding from its name or itself.

    Raises
    ------
    ProblemError
        Unknown name; the known ones are listed.
    """
    known = encodings()
    if not isinstance(encoding, str):
        if isinstance(encoding, type) or not callable(encoding):
            raise ProblemError(
                f"an encoding is one of {', '.join(known)}, or an object such as kg.SOS1(), got {encoding!r}"
            )
        return encoding
    if encoding.lower() not in known:
        raise ProblemError(f"unknown encoding {encoding!r}; there are {', '.join(known)}")
    return known[encoding.lower()]()


@equivalent
def encode(
    model: Model, encoding: Any = "auto", choices: Mapping[Any, Any] | None = None, *, time_limit: float | None = None
) -> Model:
    """Replace the model's complementarity pairs ``0 <= s_i, mu_i >= 0, s_i mu_i = 0`` by what solvers take.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`, :func:`kktgen.eliminate` or :func:`kktgen.bound`.
    encoding : encoding or str
        What most pairs get: ``SOS1()``, ``BigM(..)``, ``"auto"``, ...
    choices : mapping, optional
        Other encodings for some followers or rows: ``{market: BigM(), limit: Indicator(), "ub(market,g,2)": SOS1()}``;
        a key is what :class:`BigM` takes as one. The later of two keys for the same pair counts.
    time_limit : float, optional
        Seconds for the boxes, where nobody has tried to prove them before.

    Returns
    -------
    Model
        Without pairs. A model without pairs is returned unchanged.

    Raises
    ------
    BoundError
        A bound is needed that nobody can prove or gave.
    ProblemError
        Unknown encoding or choice.

    See Also
    --------
    kktgen.bound : Bounds that encodings use, and that the claim needs.
    kktgen.encodings : What there is.
    kktgen.solve, kktgen.write : What may be done with the result.

    Notes
    -----
    Every encoding exports the boxes (lower and upper bounds) of multipliers and slacks. Big-M, indicators and ``Auto``
    have them proved first when nobody did: of the model ``dso_vpp`` SCIP calls the indicator model without them optimal
    at 10.64 with gap 0, where the optimum is 11.34. ``SOS1``, ``Product`` and ``StrongDuality`` need no constant, and
    SCIP's bounds of them held without boxes, so they encode at once, a thousand followers in a second
    (``StrongDuality`` has boxes proved where they rid a row of its products with binary decisions): call
    :func:`kktgen.bound` first (:func:`kktgen.optimize` does). Without it the model carries a note, and no optimum is
    claimed unless a second, different solution agrees.

    Examples
    --------
    One encoding for all, another for some rows.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("handbook")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y")
    >>> m.minimize(x + 3 * y)
    >>> _ = m.add(y <= 5)
    >>> lower.minimize(-y)
    >>> _ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    >>> mpec = kg.bound(kg.kkt(m))
    >>> sorted(kg.encode(mpec, kg.SOS1()).features)
    ['sos1']
    >>> mixed = kg.encode(mpec, kg.BigM(), {"comp(lower,c1)": kg.SOS1()})
    >>> sorted(mixed.features)
    ['int', 'sos1']
    >>> print(f"{kg.solve(mixed).objective:.4f}")
    6.1333
    """
    expect(model, Model, "encode", "make one with kg.kkt(m)")
    if choices is not None and not isinstance(choices, Mapping):
        raise ProblemError("choices: a mapping of followers or rows to encodings, such as {market: kg.BigM()}")
    main = named(encoding)
    check_constants(model)
    if model.pairs is None or len(model.pairs) == 0:
        return model if model.pairs is None else replace(model, pairs=None)
    picks = {key: named(value) for key, value in (choices or {}).items()}
    tried = model.bounded or np.isfinite(model.pairs.dual_max.value).any()
    if not tried and any(needs_boxes(one, model) for one in (main, *picks.values())):
        model = bound(model, time_limit=time_limit)
    pairs = model.pairs
    assert pairs is not None
    group = np.zeros(len(pairs), dtype=int)
    for k, key in enumerate(picks, start=1):
        group[pairs_of(model, pairs, key, "choices")] = k
    for k, chosen in enumerate([main, *picks.values()]):
        members = group == k
        if members.any():
            model = chosen(model, pairs if members.all() else pairs.take(members))
    model = linearised(_without_void_rows(model))
    known = all(type(one).__module__.startswith(__name__) for one in (main, *picks.values()))
    origin = model.origin if known else None  # nobody can vouch for an encoding of the user's own
    notes = (*model.notes, *_open_boxes(model))
    return replace(model, pairs=None, encodings=_summed(model.encodings), notes=notes, origin=origin)


def _summed(parts: tuple[Encoded, ...]) -> tuple[Encoded, ...]:
    """Return the counts of pairs with those of the same encoding and trust added."""
    counts: dict[tuple[str, str], int] = {}
    for part in parts:
        key = part.encoding, part.trust
        counts[key] = counts.get(key, 0) + part.pairs
    return tuple(Encoded(name, count, trust) for (name, trust), count in counts.items())


def needs_boxes(encoding: Any, model: Model) -> bool:
    """Return whether an encoding wants boxes proved before it is used on a model."""
    return bool(getattr(encoding, "needs_boxes", lambda _: False)(model))


def _open_boxes(model: Model) -> list[str]:
    """Return a note on the prices, multipliers and slacks without a finite box, when there are some."""
    space = model.space
    columns = np.isin(space.role, ["lam", "mu", "slack"])
    count = int((columns & ~(np.isfinite(space.lb) & np.isfinite(space.ub))).sum())
    if not count:
        return []
    return [
        f"boxes: {count} of {int(columns.sum())} prices, multipliers and slacks have none (kktgen.bound proves some); "
        "solvers may err over such columns, so no optimum is claimed without a second solution"
    ]


def _without_void_rows(model: Model) -> Model:
    """Return the model without rows that lost both sides to slack columns."""
    keep = np.isfinite(model.rows.lo) | np.isfinite(model.rows.hi)
    return model if keep.all() else replace(model, rows=model.rows.take(keep))
