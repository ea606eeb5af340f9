"""The text of ``.aux`` files: which columns and rows of a ``.mps`` are the follower's, and his objective.

Three spellings are written and read::

    index (MibS)      N 1 / M 2 / LC 3 / LR 0 / LR 2 / LO 1.5 / OS 1        counted from 0 in the order of the .mps
    names (MibS)      @NUMVARS / 1 / @NUMCONSTR / 2 / @VARSBEGIN / y 1.5 / @VARSEND / @CONSTRBEGIN / r1 / r2 /
                      @CONSTREND / @NAME / tiny / @MPS / tiny.mps
    bobilib (idol)    the same with @NUMCONSTRS, @CONSTRSBEGIN and @CONSTRSEND

Older files begin the names with ``N`` and ``M`` and have ``@CONSTSBEGIN`` and no ends; they are read as well, and
``@OBJSENSE`` (MIN or MAX). LO come in the order of LC. Sources: coin-or/MibS (docs/input.md and src/MibSModel.cpp), the
documentation of BOBILib (bobilib.org), hlefebvr/idol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from ...errors import FormatError
from ..writing.text import Number, emit
from .mps_check import check_words

_KEYS = ("N", "M", "LC", "LR", "LO", "OS")
_BEGIN = {"@VARSBEGIN": "variables", "@CONSTSBEGIN": "rows", "@CONSTRBEGIN": "rows", "@CONSTRSBEGIN": "rows"}
_END = ("@VARSEND", "@CONSTSEND", "@CONSTREND", "@CONSTRSEND")
_ONE = {"@NUMVARS": "N", "@NUMCONSTS": "M", "@NUMCONSTR": "M", "@NUMCONSTRS": "M", "@NAME": "name", "@MPS": "mps",
        "@LP": "mps", "@OBJSENSE": "sense"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Aux:
    """What an ``.aux`` file says.

    Parameters
    ----------
    variables, rows : ndarray of int, or of str
        The follower's columns and rows, by index or by name.
    cost : ndarray
        His objective, one coefficient a variable.
    sense : int
        1 he minimises, -1 he maximises.
    name, mps : str
        Name of the problem and of the ``.mps`` (or ``.lp``) file; empty where the file is silent.
    """

    variables: np.ndarray
    rows: np.ndarray
    cost: np.ndarray
    sense: int = 1
    name: str = ""
    mps: str = ""


def parse(text: str, file: str) -> Aux:
    """Return what an ``.aux`` file says.

    Raises
    ------
    FormatError
        File, line, what was expected; or counts that do not fit.
    """
    if "\0" in text:
        raise FormatError(f"{file}: holds NUL characters; expected lines of text")
    lines = text.splitlines()
    marks = [k for k, line in enumerate(lines) if line.lstrip().startswith("@")]
    if not marks:
        pairs = _pairs(lines, file)
        columns, rows = (_numbers(pairs[key], file, f"after {key}", whole=True) for key in ("LC", "LR"))
        cost = _numbers(pairs["LO"], file, "after LO")
        if len(cost) != len(columns):
            raise FormatError(f"{file}: {len(columns)} lines LC, but {len(cost)} lines LO; expected one for each")
        one = {key: words[0] for key, words in pairs.items() if len(words) and key in ("N", "M", "OS")}
        out = Aux(columns, rows, cost, _sense(one, file))
    else:
        head = _pairs(lines[: marks[0]], file)
        one = {key: words[0] for key, words in head.items() if len(words)}
        names: dict[str, list[str]] = {"variables": [], "rows": []}
        for mark, end in zip(marks, [*marks[1:], len(lines)], strict=True):
            _section(lines[mark].strip().upper(), lines[mark + 1 : end], f"{file}, line {mark + 1}", one, names)
        cost = _numbers(np.array(names["variables"][1::2], dtype=str), file, "behind a variable's name")
        variables, rows = np.array(names["variables"][::2], dtype=str), np.array(names["rows"], dtype=str)
        out = Aux(variables, rows, cost, _sense(one, file), one.get("name", ""), one.get("mps", ""))
    for key, what, found in (("N", "variables", out.variables), ("M", "rows", out.rows)):
        if key not in one:
            raise FormatError(f"{file}: the number of the follower's {what} is missing; expected {key} or its @ form")
        if _numbers(np.array([one[key]]), file, f"of {what}", whole=True)[0] != len(found):
            raise FormatError(f"{file}: says {one[key]} {what} of the follower, but lists {len(found)}")
    return out


def _pairs(lines: Sequence[str], file: str) -> dict[str, np.ndarray]:
    """Return the words behind every key of lines such as ``LC 3``."""
    said = " ".join(lines).split()
    check_words(said, file)
    words = np.array(said, dtype=str)
    keys = words[::2]
    known = np.isin(keys, _KEYS)
    if not known.all() or len(words) % 2:
        word = str(keys[~known][0]) if not known.all() else str(keys[-1])
        at = next(k + 1 for k, line in enumerate(lines) if word in line.split())
        more = "; IC and IB belong to interdiction files, which kktgen does not read" if word in ("IC", "IB") else ""
        raise FormatError(
            f"{file}, line {at}: {lines[at - 1].strip()[:60]!r}; expected {', '.join(_KEYS)} with one number each, "
            f"or a section such as @NUMVARS, @VARSBEGIN, @CONSTRSBEGIN{more}"
        )
    return {key: words[1::2][keys == key] for key in _KEYS}


def _section(key: str, lines: Sequence[str], where: str, one: dict[str, str], names: dict[str, list[str]]) -> None:
    """Take over one section of a file with names."""
    filled = [line.strip() for line in lines if line.strip()]
    words = " ".join(filled).split()
    check_words(words, where)
    if key in _ONE:
        if len(filled) != 1:
            raise FormatError(f"{where}: expected one line below {key}, got {len(filled)}")
        one[_ONE[key]] = filled[0]
    elif key in _BEGIN:
        wide = 2 if _BEGIN[key] == "variables" else 1
        if len(words) != wide * len(filled):
            wanted = "a name and a number" if wide == 2 else "a name"
            raise FormatError(f"{where}: expected {wanted} on every line below {key}")
        names[_BEGIN[key]] += words
    elif key not in _END or filled:
        known = ", ".join([*_ONE, *_BEGIN, *_END])
        raise FormatError(f"{where}: {key[:60]!r}" + (" with lines below it" if filled else "") + f"; expected {known}")


def _numbers(words: np.ndarray, file: str, what: str, whole: bool = False) -> np.ndarray:
    """Return the numbers the words spell."""
    try:
        out = words.astype(np.int64 if whole else float)
    except (ValueError, OverflowError):
        out = None
    if out is None or not np.isfinite(out).all():
        wanted = "a whole number" if whole else "a finite number"
        raise FormatError(f"{file}: expected {wanted} {what}, got {', '.join(words[:3].tolist())[:60]}")
    return out


def _sense(one: dict[str, str], file: str) -> int:
    """Return 1 when the follower minimises, -1 when he maximises."""
    word = one.get("sense", one.get("OS", "1")).upper()
    for sense, words in ((1, ("1", "1.0", "+1", "1.", "MIN")), (-1, ("-1", "-1.0", "-1.", "MAX"))):
        if word in words:
            return sense
    raise FormatError(f"{file}: {word[:60]!r} as the follower's sense; expected 1 or MIN, -1 or MAX")


def spell(aux: Aux, form: str, file: IO[bytes]) -> None:
    """Write what an ``.aux`` file says in one of the three spellings: ``index``, ``names`` or ``bobilib``."""
    n, m = len(aux.variables), len(aux.rows)
    if form == "index":
        file.write(f"N {n}\nM {m}\n".encode())
        emit(file, n, b"LC ", Number(aux.variables), b"\n")
        emit(file, m, b"LR ", Number(aux.rows), b"\n")
        emit(file, n, b"LO ", Number(aux.cost), b"\n")
        file.write(b"OS 1\n" if aux.sense > 0 else b"OS -1\n")
        return
    tail = "R" if form == "names" else "RS"
    file.write(f"@NUMVARS\n{n}\n@NUMCONST{tail}\n{m}\n@VARSBEGIN\n".encode())
    emit(file, n, aux.variables, b" ", Number(aux.sense * aux.cost), b"\n")
    file.write(f"@VARSEND\n@CONST{tail}BEGIN\n".encode())
    emit(file, m, aux.rows, b"\n")
    file.write(f"@CONST{tail}END\n@NAME\n{aux.name}\n@MPS\n{aux.mps}\n".encode())
