"""Whether the model that was solved is the problem: its encoding, its constants, its boxes, and who proved them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model.model import Model
from ..model.own_units import objective_unit
from ..numerics.sparse import Csr, row_index
from ..problem.columns import labels
from ..problem.follower_rows import System
from ..reformulate.level import SLACK
from ..wording import first_names
from .refutation import rests_on_constants
from .report import Line, Tolerances
from .residuals import line

TRUSTED = ("exact", "proved")
"""Trust of an encoding whose optimum is the bilevel optimum."""
RELAXED = "relax"
"""The stage that leaves the pairs out."""
AT_CONSTANT = "at unproved M"
"""Name of the line that counts multipliers and slacks at constants nobody proved."""

KINDS = (
    ("with the leader's continuous variables", False, False), ("of convex quadratic rows", True, False),
    ("of norms and with the leader's continuous variables", False, True),
)  # fmt: skip
"""Whose products stand in a KKT system, with or without squares, and with or without norms."""


def encoding_faults(original: Model, encoded: Model) -> list[str]:
    """Return why the encoded model's optimum need not be the bilevel optimum, missing boxes aside.

    Parameters
    ----------
    original : Model
        As :func:`kktgen.kkt` returns it.
    encoded : Model
        Stands for the same problem, see :func:`kktgen.model.fingerprint.other_problem`.
    """
    return cuts(encoded) + loosenings(original, encoded)


def cuts(encoded: Model) -> list[str]:
    """Return why the encoded model may lack points of the problem: its bound need not hold for them."""
    out = []
    for used in encoded.encodings:
        if used.trust not in (*TRUSTED, "eps"):
            pairs = "1 pair rests" if used.pairs == 1 else f"{used.pairs} pairs rest"
            whose = "the user's constants" if used.trust == "user" else "constants"
            out.append(
                f"M unproved: {pairs} on {whose} ({used.encoding}), which nobody proved (trust {used.trust!r}): "
                "one that is too small cuts off better points, so no bound of this model holds"
            )
    boxed = boxes(encoded)[1]
    if len(boxed):
        provenance = encoded.space.proof[boxed[0]] or "no provenance"
        out.append(f"{some(encoded, boxed)} in a box that nobody proved ({provenance})")
    return out + without_multipliers(encoded)


def without_multipliers(encoded: Model) -> list[str]:
    """Return that followers whose rows hold squares or norms may have no multipliers at some decision, or nothing.

    :func:`kktgen.bound` boxes the multipliers of such rows only where it finds a point strictly inside them.
    """
    systems = () if encoded.kkt is None else encoded.kkt.systems
    ub = encoded.space.ub
    flat = [s.name for s in systems if not np.isfinite(ub[_of_curved(s)]).all()]
    if not flat:
        return []
    return [
        f"squares or norms in rows of {first_names(flat)}: no point strictly inside them (Slater) was proved to "
        "bound their multipliers at every decision, so decisions may have none, and the KKT conditions cut these off: "
        "no bound of theirs holds"
    ]


def _of_curved(system: System) -> np.ndarray:
    """Return the multipliers of a follower's squares and norms."""
    own = [cone.mu for cone in system.cones]
    return system.varying.mu if system.varying is not None and system.squares else np.array(own, dtype=np.int64)


def open_indicators(model: Model) -> list[str]:
    """Return that indicator rows hold columns without bounds, over which solvers may err; nothing where none does."""
    if model.indicators is None or not len(model.indicators):
        return []
    columns = np.unique(model.indicators.rows.M.indices)
    loose = columns[~(np.isfinite(model.space.lb[columns]) & np.isfinite(model.space.ub[columns]))]
    return [f"{some(model, loose)} in indicator rows without bounds, over which solvers may err"] if len(loose) else []


def cutoff_faults(original: Model, encoded: Model, value: float | None = None) -> list[str]:
    """Return that a model's boxes hold only for points of a value that a verified one does not reach, or nothing.

    ``value`` is that of a verified point; None where there is none.
    """
    cutoff = encoded.cutoff
    if cutoff is None:
        return []
    room = 0.5 * SLACK * (objective_unit(original) + abs(cutoff.value))
    if value is not None and original.sense * (value - cutoff.value) <= room:
        return []
    return [f"boxes of the model hold for points of value {cutoff.value:.10g} or better alone, and none is verified"]


def loosenings(original: Model, encoded: Model) -> list[str]:
    """Return why the encoded model may hold more points than the problem: its bound holds, but need not be met."""
    out = [
        f"{used.pairs} pairs were encoded by {used.encoding} with a tolerance left on the product"
        for used in encoded.encodings
        if used.trust == "eps"
    ]
    left = _unencoded(original, encoded)
    if left and encoded.pairs is not None:
        out.append(
            f"no encoded model comes with the point: its {left} pairs are checked above, nothing bounds the optimum"
        )
    elif left:
        out.append(f"{left} complementarity pairs were not encoded: the model is a relaxation")
    return out


def nonconvex_rows(original: Model, encoded: Model) -> tuple[str, str]:
    """Return what speaks against a solver's bound where followers have nonconvex rows, and what it rests on.

    Both are empty where there are none. A spatial search proves a bound only where every factor of the products lies in
    a finite box.
    """
    kkt = original.kkt
    if kkt is None or not kkt.varies:
        return "", ""
    missing, rests = [], []
    for whose, squares, norms in KINDS:
        found = [s for s in kkt.systems if s.varying is not None and (s.squares, bool(s.cones)) == (squares, norms)]
        if found:
            against, rest = _over(encoded, found, whose)
            missing += [against] if against else []
            rests += [rest] if rest else []
    return "; ".join(missing), "; ".join(rests)


def _over(encoded: Model, systems: Sequence[System], whose: str) -> tuple[str, str]:
    """Return what speaks against a bound over the products of some followers' rows, and what it rests on."""
    parts = [system.varying for system in systems if system.varying is not None]
    count = sum(len(part) + len(part.p) for part in parts)
    names = first_names([system.name for system in systems])
    factors = np.unique(np.concatenate([part.factors for part in parts]))
    space = encoded.space
    missing = factors[~(np.isfinite(space.lb[factors]) & np.isfinite(space.ub[factors]))]
    what = f"nonconvex rows: {count} products {whose} in the KKT system of {names}"
    if len(missing):
        return f"{what}, {some(encoded, missing)} without a finite box, so the solver's bound over them is no proof", ""
    slater = "a proved point strictly inside (Slater), " if any(system.curved for system in systems) else ""
    return "", f"{what}, {slater}every factor in a proved or a declared box"


def some(model: Model, columns: np.ndarray) -> str:
    """Return the first names of some columns and the verb that fits their number."""
    names = first_names(labels(model.space.blocks, columns[:3]), count=len(columns))
    return f"{names} {'is' if len(columns) == 1 else 'are'}"


def _unencoded(original: Model, encoded: Model) -> int:
    """Return how many pairs were neither encoded nor settled; the stages leave none but those still in the model."""
    if encoded.pairs is not None:
        return len(encoded.pairs)
    relaxed = encoded.origin is not None and RELAXED in encoded.origin.stages
    return len(original.pairs) if relaxed and original.pairs is not None else 0


def at_constants(encoded: Model, z: np.ndarray, tolerances: Tolerances) -> list[Line]:
    """Return the line ``at unproved M``: multipliers and slacks that sit at a constant nobody proved.

    It counts multipliers at an unproved box, and slacks at the constant of their big-M row although its binary
    relaxes the row. No line when every constant is proved.
    """
    columns = boxes(encoded)[1]
    if len(z) < encoded.n or (len(columns) == 0 and not rests_on_constants(encoded)):
        return []
    space, x = encoded.space, z[columns]
    low, high = space.lb[columns], space.ub[columns]
    is_price = space.role[columns] == "lam"
    with np.errstate(invalid="ignore"):
        at_top = high - x <= tolerances.feasibility * np.maximum(1.0, np.abs(high))
        at_bottom = is_price & (x - low <= tolerances.feasibility * np.maximum(1.0, np.abs(low)))
    names = labels(space.blocks, columns[at_top | at_bottom][:1])
    active = _at_slack_constant(encoded, z, tolerances.feasibility)
    names += labels(encoded.rows.blocks, active[:1])
    count = int((at_top | at_bottom).sum()) + len(active)
    return [line(AT_CONSTANT, count, 0.0, names[0] if names else "")]


def _at_slack_constant(encoded: Model, z: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the encoding's rows ``s + Ms b <= Ms`` whose Ms nobody proved that are active with b = 0 at a point z."""
    table, space = encoded.rows, encoded.space
    added = np.zeros(len(table), dtype=bool)
    for block in table.blocks:
        added[block.start : block.stop] = block.role == "encoding"
    row, column, size = row_index(table.M), table.M.indices, table.M.data
    unproved = (space.role[column] == "binary") & ~_proved(encoded)[column]  # provenance of Ms stands on the binary
    at = np.flatnonzero(added[row] & unproved & (size > 0) & (z[column] < 0.5))
    rows = row[at]
    room = table.hi[rows] - Csr(table.M[rows]) @ z[: table.M.shape[1]]
    return rows[room <= tolerance * np.maximum(1.0, size[at])]


def boxes(encoded: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the multiplier and slack columns without a finite box, and those in a box that is not proved."""
    space = encoded.space
    columns = np.flatnonzero(np.isin(space.role, ["lam", "mu", "slack"]))
    lb, ub, proved = space.lb[columns], space.ub[columns], _proved(encoded)[columns]
    cut = np.isfinite(ub) | ((space.role[columns] == "lam") & np.isfinite(lb))
    finite = np.isfinite(lb) & np.isfinite(ub)
    return columns[~finite & (proved | ~cut)], columns[cut & ~proved]


def _proved(model: Model) -> np.ndarray:
    return np.char.startswith(model.space.proof, "proved")
