"""A model and its matrices as arrays of a file, and back."""

from __future__ import annotations

import numpy as np

from ..model.model import Model
from ..model.tables import Indicators, QuadTable, RowTable, Sos1
from ..numerics.sparse import Csr
from ..problem.columns import Block, Space
from ..problem.expressions import Quad


def matrix_arrays(name: str, M: Csr) -> dict[str, np.ndarray]:
    """Return a matrix as arrays."""
    shape = np.array(M.shape)
    return {f"{name}_data": M.data, f"{name}_indices": M.indices, f"{name}_indptr": M.indptr, f"{name}_shape": shape}


def matrix_of(data: dict[str, np.ndarray], name: str) -> Csr:
    """Return the matrix of such arrays."""
    parts = (data[f"{name}_data"], data[f"{name}_indices"], data[f"{name}_indptr"])
    return Csr(parts, shape=tuple(int(k) for k in data[f"{name}_shape"]))


def model_arrays(model: Model) -> dict[str, np.ndarray]:
    """Return a model as arrays: what tells its subproblems apart is whose every column and row is."""
    P, q, r = model.matrices
    space, rules = model.space, model.indicators
    out = {
        "lb": space.lb, "ub": space.ub, "kind": space.kind, "owner": space.owner, "role": space.role, "q": q,
        "r": np.array(r), "lo": model.rows.lo, "hi": model.rows.hi, "of_leader": model.rows.of_role("leader"),
        "sets": model.sos1.columns, "set_start": model.sos1.start,
    }  # fmt: skip
    out |= matrix_arrays("M", model.rows.M) | matrix_arrays("P", P)
    if rules is not None:
        out |= {"binary": rules.binary, "when": rules.value, "rule_lo": rules.rows.lo, "rule_hi": rules.rows.hi}
        out |= matrix_arrays("rules", rules.rows.M)
    return out


def model_of(name: str, sense: int, data: dict[str, np.ndarray]) -> Model:
    """Return the model of such arrays."""
    n = len(data["lb"])
    space = Space(name)
    at = space.append("z", "leader", lb=data["lb"], ub=data["ub"], shape=(n,))
    for word in ("kind", "owner", "role"):
        getattr(space, word)[at] = data[word]
    goal = Quad.from_matrices(space, matrix_of(data, "P"), data["q"], float(data["r"]))
    mine = data["of_leader"]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(mine)) + 1, [len(mine)]])
    blocks = tuple(
        Block(int(a), int(b), "row", "leader" if mine[a] else "part", shape=(int(b - a),))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
        if b > a
    )
    rows = RowTable(matrix_of(data, "M"), data["lo"], data["hi"], blocks)
    rules = None
    if "binary" in data:
        rules = Indicators(
            data["binary"], data["when"], RowTable(matrix_of(data, "rules"), data["rule_lo"], data["rule_hi"])
        )
    return Model(
        name, space, goal, sense, rows, QuadTable.empty(n), sos1=Sos1(data["set_start"], data["sets"]),
        indicators=rules,
    )  # fmt: skip
