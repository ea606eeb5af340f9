"""The command ``python -m kktgen.lagrangian FILE``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..errors import KktgenError
from ..solvers import solvers
from .record import SUFFIX, Lagrangian


def main(arguments: Sequence[str]) -> int:
    """Check a file; return 0 where it is confirmed, 1 where it is not, 2 where it cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m kktgen.lagrangian", description="Check what rounds over many followers have proved.",
        epilog="Exit code: 0 confirmed, 1 not confirmed, 2 no such file, or another kind of file.",
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", help=f"a {SUFFIX} file")
    known = ", ".join(name for name, info in solvers().items() if info.available)
    parser.add_argument("--solver", default="scip", help=f"for the subproblems: {known} (default scip)")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S", help="seconds for each of them")
    asked = parser.parse_args(arguments)
    try:
        found = Lagrangian.read(asked.file).check(asked.solver, asked.time_limit)
    except KktgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(found)
    return 0 if found.ok else 1
