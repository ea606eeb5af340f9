"""The class code of a problem, six letters after QPLIB's: what kind of leader, followers and links it has.

::

    leader's objective   L linear, C convex quadratic, Q nonconvex     after products with prices are eliminated
    leader's variables   C continuous, B binary, M mixed, I with integers, - none
    followers            1, n several, N several of which some see each other (Nash), 0 none
    followers' costs     L linear, D diagonal, C positive definite, S singular, each in the own variables; - none
    coupling rows        C rows of the leader hold followers' variables or prices, - none
    multipliers          M the leader uses prices, - not

So ``LCnL-M`` is a leader of linear objective over continuous variables, several linear followers, no coupling rows,
prices in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..formats.problems.statistics import statistics
from ..model.kkt_system import Kkt
from ..model.shared import shared_kkt
from ..numerics.convexity import is_psd
from ..numerics.sparse import Csr
from ..problem.bilevel import Bilevel
from ..reformulate.eliminate import eliminate

DEFINITE = 1e-9
"""Share of its diagonal that is taken from a Hessian; where it stays psd it is positive definite."""
SECONDS = 60.0
"""Seconds that elimination may take."""


def sizes(bilevel: Bilevel) -> dict[str, Any]:
    """Return the statistics of a problem: those of BOBILib, pairs, columns and the class code."""
    model = shared_kkt(bilevel)
    counted = statistics(bilevel)
    out: dict[str, Any] = {"columns": model.n, "pairs": 0 if model.pairs is None else len(model.pairs), **counted}
    return {"class": class_code(bilevel, counted), **out}


def class_code(bilevel: Bilevel, counts: Mapping[str, Any] | None = None) -> str:
    """Return the class code of a problem.

    Examples
    --------
    >>> from kktgen import catalog
    >>> from kktgen.library.classes import class_code
    >>> class_code(catalog.build("cournot/duopoly"))
    'QC1D--'
    """
    counted: Mapping[str, Any] = statistics(bilevel) if counts is None else counts
    model = shared_kkt(bilevel)
    features = eliminate(model, time_limit=SECONDS).features
    goal = "Q" if "qobj_nonconvex" in features else "C" if "qobj" in features else "L"
    whole, binary = counted["I_u"], counted["B_u"]
    kinds = (
        "-" if not counted["n_x"] else "I" if whole else "C" if not binary else "B" if binary == counted["n_x"] else "M"
    )
    count = counted["followers"] + bool(counted["complements"])
    many = "N" if counted["nash"] else "n" if count > 1 else str(count)
    cost = "-" if model.kkt is None else cost_letter(model.kkt)
    return goal + kinds + many + cost + ("C" if counted["m_coup"] else "-") + ("M" if counted["priced"] else "-")


def cost_letter(kkt: Kkt) -> str:
    """Return the letter of the followers' costs: of the hardest one, each in its own variables."""
    P = sp.coo_array(kkt.S[:, kkt.y])
    own = (kkt.y_of[P.row] == kkt.y_of[P.col]) & (P.data != 0)
    row, col, data = P.row[own], P.col[own], P.data[own]
    if not len(data):
        return "L"
    if (row == col).all():
        return "D"
    curved = np.unique(kkt.y_of[row])
    inside = np.isin(kkt.y_of, curved)
    H = Csr(sp.csr_array((data, (row, col)), shape=P.shape)[inside][:, inside])
    diagonal = H.diagonal()
    definite = (diagonal > 0).all() and is_psd(Csr(H - DEFINITE * sp.diags_array(diagonal)))
    return "C" if definite else "S"
