"""Lists of values as they are typed: ``3,6,10``, ``1..20``, ``0..1..0.25``."""

from __future__ import annotations

import re
from fractions import Fraction

from ..errors import ProblemError

MOST = 100_000
"""Most values of one list."""
LARGEST = 2**31 - 1
"""Largest whole number that solvers take."""
SHOWN = 60
"""Most characters of a text that are told again."""
_NUMBER = r"[-+]?\d{1,40}(?:\.\d{1,40})?(?:[eE][-+]?\d{1,2})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")
_OUTSIDE = re.compile(r",(?![^\[(]*[\])])")
"""A comma that stands in no brackets."""


def values(text: str, where: str) -> list[str]:
    """Return the values of a text, in order, each once.

    Parameters
    ----------
    text : str
        Values with commas between them; ``1..20`` stands for whole numbers, ``0..1..0.25`` for steps.
    where : str
        What they are values of, for errors.

    Raises
    ------
    ProblemError
        There is none, or a range that has no end.
    """
    out: list[str] = []
    for part in _OUTSIDE.split(text):
        word = part.strip()
        match = _RANGE.fullmatch(word)
        out += _steps(match[1], match[2], match[3], where) if match else [word] if word else []
    if not out:
        raise ProblemError(f"{where}: no values in {text!r}; write 3,6,10 or 1..20")
    return list(dict.fromkeys(out))


def _steps(first: str, last: str, step: str | None, where: str) -> list[str]:
    a, b, c = Fraction(first), Fraction(last), Fraction(step or 1)
    word = f"{first}..{last}{f'..{step}' if step else ''}"
    if c <= 0 or b < a:
        raise ProblemError(f"{where}: {word} is no rising range of values")
    if (b - a) / c > MOST:
        raise ProblemError(f"{where}: {word} has more than {MOST} values; take larger steps, FIRST..LAST..STEP")
    found = [a + k * c for k in range(int((b - a) / c) + 1)]
    return [str(int(value)) if value.denominator == 1 else repr(float(value)) for value in found]


def whole(text: str, where: str) -> list[int]:
    """Return the values of a text as whole numbers from 0 to ``LARGEST``, each once.

    Raises
    ------
    ProblemError
        One is something else.
    """
    out = values(text, where)
    if not all(word.isdecimal() and len(word) <= len(str(LARGEST)) and int(word) <= LARGEST for word in out):
        got = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise ProblemError(f"{where}: whole numbers up to {LARGEST} are wanted, such as 0..2, got {got!r}")
    return list(dict.fromkeys(map(int, out)))
