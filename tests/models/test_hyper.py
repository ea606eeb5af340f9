"""Cross-validation: a scan of hyperparameters, the lasso by coordinate descent, machines as programs of their own."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import load_instance, load_model

model = load_model("hyper")
SCIKIT = [
    ("hyper/lasso_30x3", 0.7193303625),
    ("hyper/lasso_60x5", 0.6556840954),
    ("hyper/lasso_100x10", 0.5690699908),
    ("hyper/lasso_all", 0.4983944799),
]
"""Least errors over L by scikit-learn 1.9.1."""


def lasso(X: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Return the weights of ``min 1/2 |X w - y|^2 + level |w|_1`` by coordinate descent."""
    H, g, w = X.T @ X, X.T @ y, np.zeros(X.shape[1])
    for _ in range(2000):
        last = w.copy()
        for j in range(len(w)):
            c = g[j] - H[j] @ w + H[j, j] * w[j]
            w[j] = np.sign(c) * max(abs(c) - level, 0.0) / H[j, j]
        if np.abs(w - last).max() < 1e-13:
            break
    return w


def error(game, level: float) -> float:
    """Return the mean squared error on held-out rows."""
    X, y, out = game.X / 1e4, game.y / 1e4, 0.0
    for k in range(game.parameters.folds):
        held = game.fold == k
        out += float(((X[held] @ lasso(X[~held], y[~held], level) - y[held]) ** 2).sum())
    return out / len(y)


def test_the_best_lasso_is_that_of_a_scan():
    game = model.build(task="lasso", rows=30, columns=3, folds=2)
    result = kg.optimize(game, time_limit=40)
    assert result.report.claim == "optimal"
    value, level = result.solution.objective, float(result.solution[game.hyper["L"]])
    best = min(error(game, each) for each in np.linspace(0, 10, 501))
    assert error(game, level) == pytest.approx(value, rel=1e-5)
    assert value - 1e-6 <= best <= value + 1e-3
    assert "fold2" in str(model.report(result))


@pytest.mark.parametrize("level", [0.02, 0.5, 3.0])
def test_errors_are_those_of_scikit_learn(level):
    linear_model = pytest.importorskip("sklearn.linear_model")
    game, out = model.build(task="lasso", rows=60, columns=5, folds=3), 0.0
    X, y = game.X / 1e4, game.y / 1e4
    for k in range(3):
        held = game.fold == k
        fit = linear_model.Lasso(alpha=level / (~held).sum(), fit_intercept=False, tol=1e-13, max_iter=100_000)
        out += ((fit.fit(X[~held], y[~held]).predict(X[held]) - y[held]) ** 2).sum() / len(y)
    assert error(game, level) == pytest.approx(out, rel=1e-9)
    game.add(game.hyper["L"] == level)
    assert kg.optimize(game).solution.objective == pytest.approx(out, rel=1e-6)


@pytest.mark.parametrize(("name", "scikit"), SCIKIT)
def test_values_of_scikit_learn_are_met(name, scikit):
    """Scanned 401 levels with scikit-learn's Lasso (tolerance 1e-13) and refined the best by bounded minimisation."""
    known = load_instance(name).known
    assert known.get("objective", known.get("best")) == pytest.approx(scikit, rel=1e-5)
    if "bound" in known:
        assert known["bound"] <= scikit * (1 + 1e-6)


@pytest.mark.parametrize(
    "given",
    [
        {"task": "svr", "rows": 10, "columns": 2, "folds": 2},
        {"task": "svm", "data": "iris", "rows": 10, "columns": 2, "folds": 2},
    ],
    ids=["svr", "svm"],
)
def test_no_parameters_of_a_grid_are_better(given):
    game = model.build(**given)
    result = kg.optimize(game, time_limit=60)
    assert result.report.claim == "optimal"
    C, other = game.hyper.values()
    low, high = ((0.0, 1.0), (0.1, 2.0))[given["task"] == "svm"]
    for c in (0.1, 2.0):
        for value in (low, high):
            fixed = model.build(**given)
            one, two = fixed.hyper.values()
            fixed.add(one == c, two == value)
            found = kg.optimize(fixed, time_limit=20)
            assert found.solution.objective >= result.solution.objective - 1e-5
    assert 0.01 <= float(result.solution[C]) <= 10.0 and low <= float(result.solution[other]) <= high


def test_data_are_standardised_and_have_a_source():
    for name, shape in {"diabetes": (442, 10), "iris": (100, 4), "wine": (130, 13), "breast_cancer": (569, 10)}.items():
        X, y = model.table(name)
        assert X.shape == shape
        assert np.abs(X.mean(axis=0)).max() < 1.0 and np.abs((X / 1e4).std(axis=0) - 1).max() < 1e-3
        assert name == "diabetes" or set(y) == {-10_000, 10_000}
        head = (model.DATA / f"{name}.csv").read_text().splitlines()[:2]
        assert head[0].startswith("# source: ") and head[1].startswith("# terms: ")


@pytest.mark.parametrize(
    "wrong", [{"task": "svm"}, {"rows": 500}, {"folds": 1}, {"columns": 11}, {"top": 0.0}, {"task": "ridge"}], ids=str
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(kg.ProblemError, match="hyper: "):
        model.build(**wrong)
