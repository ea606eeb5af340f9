"""What SCIP says where something fails: kept as text instead of printed on stderr.

SCIP prints errors through one function for the whole process, past the message handler of a model and past
``hideOutput``. The function set here is called from whatever thread SCIP works in, with Python's lock or without it; it
keeps what belongs to a thread that listens and prints the rest as SCIP would. PySCIPOpt's own ``redirectOutput`` sets a
function that must not be called without Python's lock, as ``optimizeNogil`` would.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Any

PIECES = 400
"""Pieces of text that are kept, the last ones; a line has about two."""


class Said:
    """What SCIP said, piece by piece."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque(maxlen=PIECES)

    def hear(self, piece: str) -> None:
        """Take a piece of text."""
        self._pieces.append(piece)

    @property
    def text(self) -> str:
        """All lines, such as ``[paramset.c:165] ERROR: Invalid value ..``."""
        return "".join(self._pieces).rstrip("\n")

    @property
    def cause(self) -> str:
        """The first line without its origin: those behind it tell through which functions it came."""
        return self.text.partition("ERROR: ")[2].partition("\n")[0]


class _Listeners(threading.local):
    """Who listens in this thread; a solve may lie within another."""

    def __init__(self) -> None:
        self.said: list[Said] = []


_listeners = _Listeners()
_lock = threading.Lock()
_listening = 0


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
def _hear(data: int | None, file: int | None, text: bytes | None) -> None:
    if text and _listeners.said:
        _listeners.said[-1].hear(text.decode(errors="replace"))
    elif text:
        os.write(2, text)


@cache
def scip_library() -> Any:
    """Return the library with SCIP's functions, None where it does not show them."""
    import pyscipopt.scip

    try:
        library = ctypes.CDLL(pyscipopt.scip.__file__)
        library.SCIPmessageSetErrorPrinting.argtypes = [type(_hear), ctypes.c_void_p]
        library.SCIPmessageSetErrorPrinting.restype = None
        library.SCIPmessageSetErrorPrintingDefault.restype = None
    except (OSError, AttributeError):
        return None
    return library


@contextlib.contextmanager
def heard() -> Iterator[Said]:
    """Keep what SCIP says in this thread; what other threads' SCIP says is printed as ever.

    Yields
    ------
    Said
        Empty where the library does not let itself be heard.
    """
    global _listening
    said, library = Said(), scip_library()
    if library is None:
        yield said
        return
    with _lock:
        _listening += 1
        library.SCIPmessageSetErrorPrinting(_hear, None)
    _listeners.said.append(said)
    try:
        yield said
    finally:
        _listeners.said.pop()
        with _lock:
            _listening -= 1
            if not _listening:
                library.SCIPmessageSetErrorPrintingDefault()
