"""Stands in for the program ``highs``: takes those of its arguments that kktgen gives, and runs highspy.

Run as a script, apart from kktgen: ``python stand_in_highs.py --options_file FILE --solution_file FILE MODEL``.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any


def run(highs: Any) -> Any:
    """Run HiGHS until Ctrl-C, which it heeds in its callbacks."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    def heard(event: Any) -> None:
        if stop.is_set():
            event.interrupt()

    for event in (highs.cbMipInterrupt, highs.cbSimplexInterrupt, highs.cbIpmInterrupt):
        event.subscribe(heard)
    found: list[Any] = []
    worker = threading.Thread(target=lambda: found.append(highs.run()))
    worker.start()
    while worker.is_alive():
        worker.join(0.1)
    return found[0]


def main() -> int:
    """Read, solve, write."""
    import highspy

    parser = argparse.ArgumentParser()
    parser.add_argument("--options_file")
    parser.add_argument("--solution_file")
    parser.add_argument("--read_solution_file")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("model", nargs="?")
    asked = parser.parse_args()
    highs = highspy.Highs()
    if asked.version:
        print(f"HiGHS version {highs.version()}")
        return 0
    bad = highspy.HighsStatus.kError
    if asked.options_file and highs.readOptions(asked.options_file) == bad:
        return 1
    if highs.readModel(asked.model) == bad:
        return 1
    if asked.read_solution_file and highs.readSolution(asked.read_solution_file, 0) == bad:
        return 1
    status = run(highs)
    if asked.solution_file:
        highs.writeSolution(asked.solution_file, 0)
    return int(status == bad)


if __name__ == "__main__":
    sys.exit(main())
