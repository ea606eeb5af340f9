"""HiGHS objects that print nothing, and HiGHS's own words where a solve fails.

HiGHS keeps one scheduler of threads per calling thread, and fails where the number of threads set is not that of the
scheduler: ``ERROR: Option 'threads' is set to 1 but global scheduler has already been initialized to use 2 threads``.
So nobody here sets ``threads`` on a thread that other code may have run HiGHS on.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import highspy

SHOWN = 3
"""Most complaints of HiGHS that a message repeats."""
_GREETING = re.compile(rb"^(?:Running HiGHS |Includes third-party software).*\n", re.MULTILINE)
SCHEDULER = re.compile(r"'threads' is set to \d+ but .*\bscheduler has already been initialized to use (\d+) thread")
"""What HiGHS says where its scheduler has another number of threads than its options."""
_lock = threading.Lock()
_greeted = False


def quiet() -> Any:
    """Return a silent HiGHS object, its options at their defaults otherwise."""
    global _greeted
    with _lock:
        highs = highspy.Highs() if _greeted else first_of_process()
        _greeted = True
    highs.setOptionValue("output_flag", False)
    return highs


def first_of_process() -> Any:
    """Return a HiGHS object without the lines that version 1.16 prints with the first one of a process.

    It does so before any option can be set. What others write to stdout in the meantime is passed on.
    """
    try:
        file, out = tempfile.TemporaryFile(), os.dup(1)  # noqa: SIM115
    except OSError:  # there is no stdout, or nowhere to keep what goes there
        return highspy.Highs()
    with file:
        os.dup2(file.fileno(), 1)
        try:
            highs = highspy.Highs()
        finally:
            os.dup2(out, 1)
            os.close(out)
        file.seek(0)
        rest = _GREETING.sub(b"", file.read())
    with suppress(OSError):
        os.write(1, rest)
    return highs


@contextmanager
def logged(highs: Any) -> Iterator[Callable[[], str]]:
    """Have HiGHS write its log to a file in the meantime, beside where it goes anyway; yields what reads complaints.

    These are its errors, else its warnings, else its last line; empty where it said nothing.
    """
    options = {name: highs.getOptionValue(name)[1] for name in ("log_file", "log_to_console", "output_flag")}
    with tempfile.TemporaryDirectory(prefix="kktgen-", ignore_cleanup_errors=True) as folder:
        path = Path(options["log_file"] or Path(folder) / "highs.log")
        own = {} if options["log_file"] else {"log_file": str(path)}
        shown = options["output_flag"] and options["log_to_console"]
        for name, value in {**own, "log_to_console": shown, "output_flag": True}.items():
            highs.setOptionValue(name, value)
        try:
            yield lambda: _complaints(path)
        finally:
            for name in ("output_flag", "log_to_console", *own):
                highs.setOptionValue(name, options[name])


def _complaints(path: Path) -> str:
    with suppress(OSError):
        lines = [" ".join(line.split()) for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
        for word in ("ERROR", "WARNING"):
            found = list(dict.fromkeys(line for line in lines if line.startswith(word)))
            if found:
                return " ".join(found[-SHOWN:])
        return lines[-1] if lines else ""
    return ""


def run(highs: Any, listen: bool = False) -> str:
    """Run HiGHS and return its words where it failed, empty otherwise.

    Where its scheduler has another number of threads than its options say, that number is taken.

    Parameters
    ----------
    highs : highspy.Highs
    listen : bool
        Return its complaints whether it failed or not. A failed run is repeated to hear them, unless this is set.
    """
    failed = highspy.HighsStatus.kError
    if not listen and highs.run() != failed:
        return ""
    with logged(highs) as said:
        status, words = highs.run(), said()
        scheduler = SCHEDULER.search(words) if status == failed else None
        if scheduler:
            highs.setOptionValue("threads", int(scheduler[1]))
            status = highs.run()
            words = said() if status == failed else ""
    return words if listen or status == failed else ""


def pass_model(highs: Any, program: Any) -> str:
    """Hand a program over and return HiGHS's words where it refuses it, empty otherwise."""
    failed = highspy.HighsStatus.kError
    if highs.passModel(program) != failed:
        return ""
    with logged(highs) as said:
        highs.passModel(program)
        return said() or "no reason given"
