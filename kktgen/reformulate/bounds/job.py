"""One follower to bound, and what was proved of it: plain arrays that can travel to another process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...numerics.sparse import Csr
from ...problem.qp import QP
from .network import Network
from .varying import Bent


@dataclass(frozen=True, eq=False)
class FollowerToBound:
    """One follower to bound: plain arrays, so that it can travel to another process.

    Parameters
    ----------
    name : str
    qp : QP
    x_lb, x_ub, y_lb, y_ub : ndarray
        Boxes of parameters and variables.
    leader : (csr_array (k, nx + ny), lo, hi)
        Leader rows in the parameters and the follower's variables alone.
    twin : ndarray (mi,)
        The opposite side of the same two-sided row or bound, or -1.
    dead : ndarray (mi,) bool
        Inequalities without own variables: their multiplier is zero.
    rounds : int
        Rounds of conditional LPs.
    used : ndarray (me + mi,) bool
        Which of (lam, mu) stand in the leader's problem or in another follower's. Of the others, bounds that some
        multipliers of every optimum satisfy will do (D4, D5).
    beside : ndarray (mi,) of int
        A binary parameter (position in x) at whose zero every use of a mu is multiplied by zero; -1 where there is
        none.
    network : Network or None
        Of the follower's equations.
    most : int
        LPs that may be solved to tighten what path costs bound already.
    product : ndarray (mi,)
        The position in y of the product column that an inequality defines, -1 elsewhere
        (:mod:`kktgen.reformulate.bounds.products`).
    bent : Bent or None
        Products with the leader's continuous variables in the follower's rows.
    """

    name: str
    qp: QP
    x_lb: np.ndarray
    x_ub: np.ndarray
    y_lb: np.ndarray
    y_ub: np.ndarray
    leader: tuple[Csr, np.ndarray, np.ndarray]
    twin: np.ndarray
    dead: np.ndarray
    rounds: int
    used: np.ndarray
    beside: np.ndarray
    network: Network | None
    most: int
    product: np.ndarray
    bent: Bent | None = None

    @property
    def basic(self) -> bool:
        """Whether nobody uses any multiplier."""
        return not self.used.any()


@dataclass(frozen=True, eq=False)
class Proved:
    """What was proved for one follower; inf where nothing was.

    Parameters
    ----------
    slack_max, dual_max : ndarray (mi,)
    slack_tier, dual_tier : ndarray (mi,) of str
    lam_lb, lam_ub : ndarray (me,)
    slater : str
        What the Slater rule gave: ``none`` (no rule was found), ``unbounded`` (a rule, but the cost has no bound),
        ``found``, or ``flat`` (no rule with slack in all squares and norms, so that multipliers need not exist).
    loose : ndarray of int
        Columns of the model, among the follower's own and its parameters, without a finite box.
    lps : int
        Number of LPs solved.
    failures : tuple of str
        What the solver said of every LP that it failed on.
    late : bool
        Whether the time was over before everything had been tried.
    """

    slack_max: np.ndarray
    slack_tier: np.ndarray
    dual_max: np.ndarray
    dual_tier: np.ndarray
    lam_lb: np.ndarray
    lam_ub: np.ndarray
    slater: str
    loose: np.ndarray
    lps: int
    failures: tuple[str, ...] = ()
    late: bool = False
