"""Hyperparameters chosen by cross-validation: lasso, support vector regression, support vector classification.

The rows of a data set are dealt to ``folds``. Follower k trains on all rows but those of fold k, at hyperparameters
that the leader chooses once for all folds so that the error on the held-out rows is least (X, y training rows of fold
k, V, u its held-out rows, n rows in all)::

    lasso   min_L        1/n sum_k |V w_k - u|^2                           0 <= L <= top
                         w_k solves  min 1/2 |X w - y|^2 + L |w|_1
    svr     min_C,e      1/n sum_k |V w_k + b_k - u|_1                     0.01 <= C <= top,  0 <= e <= 1
                         w_k solves  min 1/2 |w|^2 + C 1'xi    s.t.  |X w + b - y| <= e + xi,  xi >= 0
    svm     min_C,h      1/n sum_k 1'(1 - u (V w_k + b_k))+                0.01 <= C <= top,  0.1 <= h <= 2
                         w_k solves  min 1/2 |w|^2 + C 1'xi    s.t.  y (X w + b) >= 1 - xi,  |w| <= h,  xi >= 0

``|w|_1`` is written as w = p - n with p, n >= 0; w and b of the machines lie in [-10, 10], which no answer meets. The
response of the lasso is piecewise linear in its one L, so a fine scan of L, each fold by coordinate descent, is the
oracle (scikit-learn's ``Lasso`` with alpha = L / rows gives the same); for the machines a scan of the two parameters
gives upper bounds.

Data: diabetes (442 x 10), iris (100 x 4), wine (130 x 13), breast cancer (569 x 10), standardised and rounded to four
decimals (``data/*.csv``, which name sources and terms); the first ``rows`` and ``columns`` are taken, row i is in fold
i modulo ``folds``. Hessians are computed in whole numbers, the same on every CPU.

Source: K. P. Bennett, J. Hu, X. Ji, G. Kunapuli, J.-S. Pang, Model selection via bilevel optimization, IJCNN 2006,
1922- 1929; G. Kunapuli, K. P. Bennett, J. Hu, J.-S. Pang, Classification model selection via bilevel programming,
Optimization Methods and Software 23 (2008) 475-489. Simplified: the papers' SVR has a box on w as a third parameter,
as the SVM here; they count misclassified rows, here the hinge is summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")
DATA = Path(__file__).parent / "data"
TASKS = {"lasso": ("diabetes",), "svr": ("diabetes",), "svm": ("iris", "wine", "breast_cancer")}


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    task : str
        ``"lasso"``, ``"svr"`` or ``"svm"``.
    data : str
        ``"diabetes"`` for lasso and svr; ``"iris"``, ``"wine"`` or ``"breast_cancer"`` for svm.
    rows, columns : int
        The first rows and columns of the data; as many as there are at most.
    folds : int
        Number of folds, one follower each.
    top : float
        Largest L or C.
    """

    task: Literal["lasso", "svr", "svm"] = "lasso"
    data: Literal["diabetes", "iris", "wine", "breast_cancer"] = "diabetes"
    rows: int = 60
    columns: int = 5
    folds: int = 3
    top: float = 10.0

    def __post_init__(self) -> None:
        if self.task not in TASKS or self.data not in TASKS[self.task]:
            able = "; ".join(f"{task}: {', '.join(names)}" for task, names in TASKS.items())
            raise kg.ProblemError(f"hyper: no task {self.task!r} on {self.data!r}; there are {able}")
        X, _ = table(self.data)
        if not (2 <= self.folds <= self.rows <= len(X) and 1 <= self.columns <= X.shape[1]):
            raise kg.ProblemError(f"hyper: {self.data} has {len(X)} rows and {X.shape[1]} columns; folds are 2 to rows")
        if self.top <= 0.01:
            raise kg.ProblemError(f"hyper: top is {self.top}; give more than 0.01")


@cache
def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return columns (rows, columns) and target (rows,) of a data set, in units of 1e-4 as whole numbers."""
    lines = (DATA / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    values = [line.split(",") for line in lines if not line.startswith("#")][1:]
    whole = np.rint(1e4 * np.array(values, dtype=float)).astype(np.int64)
    return whole[:, :-1], whole[:, -1]


class Validation(kg.Bilevel):
    """Cross-validation as a game.

    Attributes
    ----------
    parameters : Parameters
    X, y : ndarray of int
        The rows taken, in units of 1e-4.
    fold : ndarray (rows,)
        Fold of every row.
    hyper : dict of str to Affine
        What the leader chooses.
    weights : list of Affine (columns,)
        Weights of every fold.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__(f"hyper_{p.task}")
        X, y = table(p.data)
        self.parameters, self.X, self.y = p, X[: p.rows, : p.columns], y[: p.rows]
        self.fold = np.arange(p.rows) % p.folds
        if p.task == "lasso":
            self.hyper = {"L": self.var("L", lb=0, ub=p.top)}
        else:
            self.hyper = {"C": self.var("C", lb=0.01, ub=p.top)}
            self.hyper |= {"e": self.var("e", lb=0, ub=1)} if p.task == "svr" else {"h": self.var("h", lb=0.1, ub=2)}
        self.weights: list[kg.Affine] = []
        make = self._lasso if p.task == "lasso" else self._machine
        self.minimize(kg.sum([make(k) for k in range(p.folds)]))

    def _lasso(self, k: int) -> Any:
        """Declare fold k of the lasso; return its part of the error."""
        f, d, n = self.follower(f"fold{k + 1}"), self.parameters.columns, self.parameters.rows
        plus, minus = f.var("plus", d, lb=0), f.var("minus", d, lb=0)
        w, level = plus - minus, self.hyper["L"]
        held = self.fold == k
        X, y, V, u = self.X[~held], self.y[~held], self.X[held], self.y[held]
        fit = 0.5 * (((X.T @ X) / 1e8 @ w) @ w) - (X.T @ y) / 1e8 @ w
        f.minimize(fit + level @ plus.sum() + level @ minus.sum())
        self.weights.append(w)
        H, g, rest = (np.round(part / (1e8 * n), 9) for part in (V.T @ V, V.T @ u, u @ u))
        return (H @ w) @ w - 2.0 * g @ w + float(rest)

    def _machine(self, k: int) -> Any:
        """Declare fold k of a support vector machine; return its part of the error."""
        p, f = self.parameters, self.follower(f"fold{k + 1}")
        held = self.fold == k
        X, y, V, u = (part / 1e4 for part in (self.X[~held], self.y[~held], self.X[held], self.y[held]))
        w, b = f.var("w", p.columns, lb=-10, ub=10), f.var("b", lb=-10, ub=10)
        xi, error = f.var("xi", len(y), lb=0), self.var(f"error{k + 1}", len(u), lb=0)
        if p.task == "svr":
            f.add(X @ w + b - y <= self.hyper["e"] + xi, name="over")
            f.add(y - X @ w - b <= self.hyper["e"] + xi, name="under")
            self.add(error >= V @ w + b - u, name=f"over{k + 1}")
            self.add(error >= u - V @ w - b, name=f"under{k + 1}")
        else:
            f.add(y[:, None] * X @ w + y * b >= 1 - xi, name="margin")
            f.add(w <= self.hyper["h"], name="high")
            f.add(-w <= self.hyper["h"], name="low")
            self.add(error >= 1 - u[:, None] * V @ w - u * b, name=f"hinge{k + 1}")
        f.minimize(0.5 * (w @ w) + self.hyper["C"] @ xi.sum())
        self.weights.append(w)
        return (1.0 / p.rows) * error.sum()


def build(**parameters: Any) -> Validation:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Validation(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the error, the hyperparameters and the weights of every fold.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "hyper", "hyper")
    chosen = ", ".join(f"{name} = {float(result.solution[x]):.6g}" for name, x in game.hyper.items())
    table_ = summary.answer(result, "Error on the held-out rows", chosen)
    weights = np.array([result.solution[w] for w in game.weights])
    rows = tuple((f"w{j + 1}", *(f"{v:.4f}" for v in column)) for j, column in enumerate(weights.T + 0.0))
    header = ("", *(f"fold{k + 1}" for k in range(len(weights))))
    return kg.Findings((table_, kg.Table("Weights", header, rows)), "public data, rounded")
