"""The lines of an ``.mps`` file, checked before HiGHS reads them.

HiGHS guesses where a file is damaged: it drops lines, takes words it cannot parse for zeros, and may read on for ever
where a section is missing. So every line must be one the format knows; names hold no blanks and are no keywords.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import FormatError

NEWLINE = b"\n"
LONGEST = 255
"""Characters of the longest name."""
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUND = rb"(?:" + _NUMBER + rb"|[-+]?[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
_GAP = rb"[ \t]+"
_WORD = rb"[^\s\x00]+"
_KEYWORDS = (
    "NAME OBJSENSE OBJSENS OBJSENSEMAX ROWS LAZYCONS USERCUTS COLUMNS RHS RANGES BOUNDS SOS SOS1 SOS2 SETS QUADOBJ "
    "QMATRIX QSECTION QCMATRIX INDICATORS GENCONS CSECTION ENDATA"
)
_NAME = rb"(?!(?:" + _KEYWORDS.replace(" ", "|").encode() + rb")(?:[ \t]|$))" + _WORD
_ENTRIES = rb"(?:" + _GAP + _WORD + rb")?(?:" + _GAP + _WORD + _GAP + _NUMBER + rb"){1,2}"
_COLUMN = _GAP + _NAME + rb"(?:" + _GAP + _WORD + _GAP + _NUMBER + rb"){1,2}"
_MARKER = _GAP + _WORD + _GAP + rb"'MARKER'" + _GAP + rb"'INT(?:ORG|END)'"
_WITH_NUMBER = rb"(?:UP|LO|FX|UI|LI|SC|SI)(?:" + _GAP + _WORD + rb"){1,2}" + _GAP + _BOUND
_WITHOUT = rb"(?:FR|MI|PL|BV)(?:" + _GAP + _WORD + rb"){1,3}"
_LINES = {
    "NAME": (rb"(?!)", "the beginning of a section"),
    "OBJSENSE": (_GAP + rb"(?:MAX|MIN|MAXIMIZE|MINIMIZE|MAXIMISE|MINIMISE)", "MAX or MIN"),
    "ROWS": (_GAP + rb"[NLGEnlge]" + _GAP + _NAME, "N, L, G or E and a name without blanks that is no keyword"),
    "COLUMNS": (rb"(?:" + _COLUMN + rb"|" + _MARKER + rb")", "a column and one or two pairs of a row and a number"),
    "RHS": (_ENTRIES, "one or two pairs of a row and a number"),
    "RANGES": (_ENTRIES, "one or two pairs of a row and a number"),
    "BOUNDS": (_GAP + rb"(?:" + _WITH_NUMBER + rb"|" + _WITHOUT + rb")", "a bound such as UP BND x 8.0"),
}
"""Sections of a linear file: what every line looks like, and in words."""
_SKIPPED = rb"[ \t]*(?:\*.*)?"
_STRAY = {
    name: re.compile(rb"^(?!(?:" + line + rb"|" + _SKIPPED + rb")[ \t]*$).*$", re.MULTILINE)
    for name, (line, _) in _LINES.items()
}
"""Finds the first line of a section that is none of its lines."""
_HEADER = re.compile(rb"^[^\s*].*$", re.MULTILINE)


def check_mps(data: bytes, file: str) -> None:
    """Refuse a file that is not made of the sections and lines of a linear ``.mps`` file.

    Parameters
    ----------
    data : bytes
    file : str
        Its name, for messages.

    Raises
    ------
    FormatError
        File, line, and what was expected.

    Notes
    -----
    Sections that only other models have (QUADOBJ, SOS ...) are left for HiGHS to refuse. What follows ENDATA is
    ignored, as everywhere.
    """
    data = data.replace(b"\r\n", b"\n")
    headers = [(match.start(), match.end(), match[0].split()) for match in _HEADER.finditer(data)]
    seen: list[str] = []
    _check_lines(data, "NAME", 0, headers[0][0] if headers else len(data), file)
    for k, (start, end, words) in enumerate(headers):
        section = words[0].decode("ascii", "replace").upper()
        if section not in _KEYWORDS.split():
            raise _fault(data, start, file, "the beginning of a section, such as ROWS, COLUMNS, RHS, BOUNDS, ENDATA")
        again = section in seen and section in _LINES
        if again or (section == "COLUMNS" and "ROWS" not in seen):
            raise _fault(data, start, file, f"every section once, ROWS before COLUMNS; got {section} after {seen[-1:]}")
        if section not in ("NAME", "OBJSENSE", "ROWS") and "ROWS" in seen and "COLUMNS" not in [*seen, section]:
            raise _fault(data, start, file, "the section COLUMNS after ROWS")
        seen.append(section)
        if section == "ENDATA":
            break
        after = headers[k + 1][0] if k + 1 < len(headers) else len(data)
        if section in _LINES:
            _check_lines(data, section, min(end + 1, len(data)), after, file)
    missing = [name for name in ("ROWS", "COLUMNS", "ENDATA") if name not in seen]
    if missing:
        raise FormatError(f"{file}: section {missing[0]} is missing; expected an .mps file with ROWS, COLUMNS, ENDATA")


def _check_lines(data: bytes, section: str, begin: int, end: int, file: str) -> None:
    """Refuse the first line between two places that no line of the section looks like."""
    stray = _STRAY[section].search(data, begin, end)
    if stray and stray.start() < end:
        raise _fault(data, stray.start(), file, f"{_LINES[section][1]} (section {section})")


def check_text(data: bytes, file: str) -> None:
    """Refuse what is no text in UTF-8, or holds NUL characters.

    Raises
    ------
    FormatError
        File and line.
    """
    at = data.find(b"\0")
    if at < 0:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            at = error.start
    if at >= 0:
        raise FormatError(
            f"{file}, line {data.count(NEWLINE, 0, at) + 1}: expected text in UTF-8 without NUL characters"
        )


def check_words(words: Sequence[str], file: str) -> None:
    """Refuse endless words: an array of texts takes the longest one's room for each.

    Raises
    ------
    FormatError
    """
    longest = max(words, key=len, default="")
    if len(longest) > LONGEST:
        raise FormatError(f"{file}: {longest[:60]!r}... is longer than {LONGEST} characters; no name or number is")


def _fault(data: bytes, at: int, file: str, wanted: str) -> FormatError:
    """Return the error about the line that begins at a place of the file."""
    line = data[at : at + 80].split(b"\n")[0].decode("utf-8", "replace").strip()
    return FormatError(f"{file}, line {data.count(NEWLINE, 0, at) + 1}: {line[:60]!r}; expected {wanted}")
