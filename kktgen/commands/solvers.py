"""``kktgen solvers``: what is installed, and what it takes."""

from __future__ import annotations

import click

import kktgen as kg

from .. import show
from ..model import FEATURES


@click.command("solvers")
def command() -> None:
    """List the solvers: version, and what they take.

    \b
    kktgen solvers
    kktgen solve dso_vpp --solver scip
    """
    rows = [
        (name, about.version, ", ".join(words for key, words in FEATURES.items() if key in about.features))
        for name, about in kg.solvers().items()
    ]
    show.table(("solver", "version", "takes"), rows)
