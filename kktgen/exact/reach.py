"""Whether a proof of the leader's optimum is in reach, judged by sizes alone."""

from __future__ import annotations

import numpy as np

from ..model.model import Model

DENSE, SPARSE, FAR = 60, 250, 500
"""Pairs that were in reach of a minute: of dense data, of data with structure; the latter with much time."""
SHORT = 8.0
"""Entries per row, on the average, up to which data have structure."""


def reach(model: Model) -> str:
    """Return in words how far a proof of the optimum is (:func:`kktgen.prove`), from a model of :func:`kktgen.kkt`."""
    if model.equilibrium or model.kkt is None:
        return ""
    if model.kkt.curved:
        return "a proof in rational numbers (--prove): none, as followers have rows with squares or norms"
    if model.kkt.varies:
        return "a proof in rational numbers (--prove): none, as rows of followers hold products of continuous variables"
    pairs = 0 if model.pairs is None else len(model.pairs)
    counts = np.diff(model.rows.M.indptr)
    structured = len(counts) == 0 or float(counts.mean()) <= SHORT
    if pairs <= (SPARSE if structured else DENSE):
        word = "within reach"
    elif structured and pairs <= FAR:
        word = "perhaps, given time"
    else:
        word = "out of reach, unless the relaxation is nearly tight"
    return f"a proof in rational numbers (--prove): {word} ({pairs} pairs)"
