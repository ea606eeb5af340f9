"""``kktgen solvers``: what is installed, and what it takes."""

from __future__ import annotations

import click

import kktgen as kg

from ...model.model import FEATURES
from .. import printing


@click.command("solvers")
def command() -> None:
    """List the solvers: version, and what they take.

    files:NAME is a program that reads a file and writes its solution into another. A program kktgen does not know is
    given as a command: {model} (or {lp}, {mps}, {cip}) and {solution} are the two files, {start}, {time_limit}, {gap}
    and {threads} may be used as well. What kktgen info prints of a model tells which programs read it rightly.

    \b
    kktgen solvers
    kktgen solve dso_vpp --solver scip
    kktgen solve random_bilevel --encoding bigm --solver files:glpk
    kktgen solve my_model.py --solver 'files:my_solver {mps} --write {solution}'
    """
    rows = [
        (name, about.version, ", ".join(words for key, words in FEATURES.items() if key in about.features))
        for name, about in kg.solvers().items()
    ]
    printing.table(("solver", "version", "takes"), rows)
