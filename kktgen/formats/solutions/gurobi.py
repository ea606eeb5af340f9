"""Gurobi's and COPT's solution files and starts (``.sol``, ``.mst``): comments, then names and values.

::

    # Solution for model m           |      # Objective value -36        |      # MIP start
    # Objective value = -36          |      i         10                 |      i 10
    i 10                             |

They do not say how the solve ended.

References
----------
https://docs.gurobi.com/projects/optimizer/en/current/reference/fileformats.html; written by Gurobi 13.0.3.
https://guide.coap.online/copt/en-doc/fileformats.html; written by COPT 8.0.7.
"""

from __future__ import annotations

import re
from typing import IO

import numpy as np

from ...model.model import Model
from ..writing.names import CONSTANT, column_names
from ..writing.text import Number, emit
from .stated import Stated, table

TITLE = "Gurobi, COPT"
SUFFIX = ".mst"
OPENING = "'# ..'"
_COMMENTS = re.compile(rb"\s*(?:#[^\n]*(?:\n|$)\s*)*")


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be Gurobi's or COPT's."""
    return line.startswith(b"#")


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    head = _COMMENTS.match(text)
    assert head is not None
    return Stated("", None, *table(text, where, head.end()))


def dump(status: str, model: Model, z: np.ndarray, file: IO[bytes]) -> None:
    """Write a point (n,), without its NaN entries, to a binary file."""
    known = np.flatnonzero(~np.isnan(z))
    file.write(b"# MIP start\n")
    emit(file, len(known), column_names(model)[known], b" ", Number(z[known]), b"\n")
    if model.matrices[2]:
        file.write(CONSTANT + b" 1\n")
