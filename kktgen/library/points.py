"""The stored point of an instance: variables, and the multipliers that the leader uses; the rest is re-solved.

The file is one of SCIP's dialect, so :func:`kktgen.read_solution` takes it. Columns at zero are left out.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from ..formats.solutions import read_stated
from ..formats.writing.files import contents
from ..formats.writing.names import column_names
from ..formats.writing.text import Number, emit, number_text
from ..model.model import Model
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..problem.points import declared_columns
from ..search.respond import respond
from ..verification.multipliers import with_prices
from .stored import LARGEST, POINT, packed

ALONE = "variables of the leader alone"
"""The word for its status where a file holds no follower's response."""
HEAD = 400
"""Bytes of a file in which it states its value."""
_VALUE = re.compile(rb"^objective value:\s*(\S+)", re.MULTILINE)


def stored_columns(bilevel: Bilevel, model: Model) -> np.ndarray:
    """Return the columns a stored point holds (n,) bool: variables, and multipliers of followers whose prices are used.

    Of complementarity said directly all columns.
    """
    out = np.zeros(model.n, dtype=bool)
    out[declared_columns(bilevel)] = True
    if model.kkt is not None:
        whole = np.flatnonzero(model.kkt.priced | np.asarray(model.kkt.conditions, dtype=bool))
        out |= np.isin(model.space.owner, whole)
    return out


def text_of(model: Model, z: np.ndarray, columns: np.ndarray, word: str = "unknown") -> bytes:
    """Return the text of a solution file with some columns of a point, those at zero left out."""
    at = np.flatnonzero(columns & (z != 0))
    value = number_text(np.array([model.objective.value(z)]))[0]
    file = io.BytesIO()
    file.write(f"solution status: {word}\nobjective value: ".encode() + value + b"\n")
    emit(file, len(at), column_names(model)[at], b" ", Number(z[at]), b"\n")
    return file.getvalue()


def full_bytes(bilevel: Bilevel, z: np.ndarray) -> bytes:
    """Return the text of a point with all of :func:`stored_columns`."""
    model = shared_kkt(bilevel)
    return text_of(model, np.asarray(z, dtype=float)[: model.n], stored_columns(bilevel, model))


def point_bytes(bilevel: Bilevel, z: np.ndarray) -> bytes:
    """Return the text of the point to store: the full one, or the leader's variables alone where that is too much."""
    text = full_bytes(bilevel, z)
    if len(packed(text)) > LARGEST[POINT]:
        model = shared_kkt(bilevel)
        z = np.asarray(z, dtype=float)[: model.n]
        return text_of(model, z, model.space.role == "leader", ALONE)
    return text


def stated_value(path: Path) -> float | None:
    """Return the value that a stored file states for its point, None where it states none.

    Raises
    ------
    FormatError
        The file cannot be read.
    """
    found = _VALUE.search(contents(path)[:HEAD])
    try:
        return None if found is None else float(found[1])
    except ValueError:
        return None


def read_point(bilevel: Bilevel, path: Path) -> np.ndarray | None:
    """Return the point of a stored file (n,), NaN at multipliers nobody uses.

    Where the file holds the leader's variables alone the followers respond; None where they have no response.

    Raises
    ------
    FormatError
        The file cannot be read, or is of another problem.
    """
    model = shared_kkt(bilevel)
    found, values = read_stated(path, model)
    if found.names is None or values is None:
        return None
    if found.word == ALONE:
        return None if model.space.conditions else respond(bilevel, values)
    z = np.where(model.space.is_price & ~stored_columns(bilevel, model), np.nan, values)
    z = model.terms.settled(bilevel.with_bits(z))
    return z if model.kkt is None else model.kkt.with_products(z)


def filled(bilevel: Bilevel, z: np.ndarray) -> np.ndarray:
    """Return a point (n,) with the multipliers that a stored one leaves out."""
    kkt, known = shared_kkt(bilevel).kkt, np.where(np.isfinite(z), z, 0.0)
    if kkt is None or not np.isnan(z).any():
        return known
    return with_prices(kkt, known, np.flatnonzero(~kkt.priced))
