"""A master's point to the last digits: where solvers' tolerances hide what a follower would do there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import Deadline
from ...errors import KktgenError
from ...model.model import Model
from ...model.tables import Sos1
from ...solvers import solve
from ...verification.mixed import FINE


def sharpened(model: Model, z: np.ndarray, deadline: Deadline) -> np.ndarray | None:
    """Return the best point with the integers and zeros of SOS1 sets of a point; None where that is no linear program.

    Parameters
    ----------
    model : Model
        A master, encoded.
    z : ndarray (n,)
        What a solver found of it.
    deadline : Deadline
    """
    space = model.space.copy()
    whole = np.flatnonzero(space.kind != "C")
    space.lb[whole] = space.ub[whole] = np.round(z[whole])
    for begin, end in zip(model.sos1.start[:-1], model.sos1.start[1:], strict=True):
        members = model.sos1.columns[begin:end]
        zero = np.delete(members, int(np.argmax(np.abs(z[members]))))
        space.lb[zero] = space.ub[zero] = 0.0
    program = replace(model, space=space, sos1=Sos1.empty())
    if not program.features <= {"int"}:
        return None
    try:
        return solve(program, "highs", time_limit=deadline.left(), gap=0.0, **FINE).z
    except KktgenError:
        return None
