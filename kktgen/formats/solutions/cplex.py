"""CPLEX's solution files and starts (``.sol``, ``.mst``): XML.

::

    <CPLEXSolution version="1.2">
     <header objectiveValue="-36" solutionStatusValue="101" solutionStatusString="integer optimal solution" .. />
     <variables>
      <variable name="i" index="0" value="10"/>
     </variables>
    </CPLEXSolution>

Of several solutions the first one is read. Documents with a DOCTYPE, which may define entities, are refused.

References
----------
IBM ILOG CPLEX 22.2, File formats supported by CPLEX: SOL, MST; written by CPLEX 22.2.0.
"""

from __future__ import annotations

from typing import IO, Any
from xml.parsers import expat

import numpy as np

from ...errors import FormatError
from ...model.model import Model
from ..writing.names import CONSTANT, column_names
from ..writing.text import Number, emit
from .stated import Stated

TITLE = "CPLEX"
OPENING = "'<?xml ..' or '<CPLEXSolution ..'"
LARGEST = 1 << 31
"""Larger files are refused, in bytes."""
STATUS = {
    1: "optimal", 2: "unbounded", 3: "infeasible", 4: "infeasible_or_unbounded", 5: "optimal", 6: "time_limit",
    10: "time_limit", 11: "time_limit", 12: "time_limit", 13: "time_limit", 25: "time_limit", 101: "optimal",
    102: "optimal", 103: "infeasible", 104: "time_limit", 105: "time_limit", 106: "time_limit", 107: "time_limit",
    108: "time_limit", 111: "time_limit", 112: "time_limit", 113: "time_limit", 114: "time_limit", 115: "optimal",
    118: "unbounded", 119: "infeasible_or_unbounded", 131: "time_limit", 132: "time_limit",
}  # fmt: skip
"""CPLEX's ``solutionStatusValue`` -> ours."""
_OPENED = b'<?xml version = "1.0" encoding="UTF-8" standalone="yes"?>\n'


def begins(line: bytes) -> bool:
    """Return whether a file whose first line this is may be CPLEX's."""
    return line.startswith((b"<?xml", b"<CPLEXSolution", b"<!DOCTYPE", b"\xef\xbb\xbf<"))


class _Reader:
    """What the parser meets: the header and the variables of the first solution."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.root = ""
        self.solutions = 0
        self.header: dict[str, str] = {}
        self.names: list[str] = []
        self.values: list[str] = []
        self.fault = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        if tag == "variable" and self.solutions == 1:
            try:
                self.names.append(attributes["name"])
                self.values.append(attributes["value"])
            except KeyError as error:
                self.stop(f"expected an attribute {error} of <variable>")
        elif tag == "CPLEXSolution":
            self.solutions += 1
        elif tag == "header" and self.solutions == 1:
            self.header = attributes

    def doctype(self, *_: Any) -> None:
        self.stop("a DOCTYPE, which solution files have not")

    def stop(self, fault: str) -> None:
        self.fault = self.fault or f"line {self.parser.CurrentLineNumber}: {fault}"
        raise _Stop


class _Stop(Exception):
    """Ends the parsing."""


def read(text: bytes, where: str, model: Model) -> Stated:
    """Return what the file states."""
    if len(text) > LARGEST:
        raise FormatError(f"{where}: {len(text)} bytes, more than {LARGEST}")
    reader = _Reader()
    try:
        reader.parser.Parse(text, True)
    except _Stop:
        raise FormatError(f"{where}, {reader.fault} (CPLEX, XML)") from None
    except expat.ExpatError as error:
        raise FormatError(f"{where}, line {error.lineno}: expected XML ({expat.ErrorString(error.code)})") from None
    if reader.root not in ("CPLEXSolution", "CPLEXSolutions"):
        raise FormatError(f"{where}: an element <{reader.root}>; expected <CPLEXSolution> (CPLEX, XML)")
    word = reader.header.get("solutionStatusString", "")
    code = reader.header.get("solutionStatusValue", "")
    status = STATUS.get(int(code)) if code.isdecimal() else None
    if not reader.names or status in ("infeasible", "infeasible_or_unbounded", "unbounded"):
        return Stated(word or "no variables", status)
    try:
        values = np.array(reader.values, dtype=float)
    except ValueError as error:
        raise FormatError(f"{where}: expected finite values of its variables ({error})") from None
    if not np.isfinite(values).all():
        name = reader.names[int(np.argmin(np.isfinite(values)))]
        raise FormatError(f"{where}: expected a finite value of variable {name!r}")
    return Stated(word, status, np.char.encode(np.array(reader.names), "utf-8"), values)


def dump(status: str, model: Model, z: np.ndarray, file: IO[bytes]) -> None:
    """Write a point (n,), without its NaN entries, to a binary file: what CPLEX reads as ``.mst`` and as ``.sol``."""
    known = np.flatnonzero(~np.isnan(z))
    file.write(_OPENED + b'<CPLEXSolution version="1.2">\n <header problemName="" writeLevel="1"/>\n <variables>\n')
    emit(file, len(known), b'  <variable name="', column_names(model)[known], b'" index="', Number(known),
         b'" value="', Number(z[known]), b'"/>\n')  # fmt: skip
    if model.matrices[2]:
        file.write(b'  <variable name="%b" index="%d" value="1"/>\n' % (CONSTANT, model.n))
    file.write(b" </variables>\n</CPLEXSolution>\n")
