"""Xpress's solution files (``.slx``, ``WRITESLXSOL``).

::

    NAME          02_integers  FREE
      C i                       10
    ENDATA

They do not say how the solve ended.

References
----------
FICO Xpress Optimizer, Reference Manual: WRITESLXSOL; written by Xpress 9.9.1.
"""

from __future__ import annotations

import re

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from .stated import Stated, said, spot, table

TITLE = "Xpress"
OPENING = "'NAME ..'"
_HEAD = re.compile(rb"\s*NAME[^\n]*\n")
_OTHER = re.compile(rb"^ *(?!C )\S", re.MULTILINE)


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be Xpress's."""
    return line.split()[:1] == [b"NAME"]


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states: its first solution, where it holds several."""
    head = _HEAD.match(text)
    end = _OTHER.search(text, head.end() if head else 0)
    if head is None or end is None:
        raise FormatError(f"{spot(text, len(text), where)}: expected 'ENDATA' at the end (Xpress, .slx)")
    if not text.startswith((b"ENDATA", b"NAME"), end.start()):
        raise FormatError(f"{spot(text, end.start(), where)}: {said(text, end.start())}; expected 'C name value'")
    names, values = table(text, where, head.end(), end.start(), 1, 2)
    return Stated("", None, names, np.asarray(values))
