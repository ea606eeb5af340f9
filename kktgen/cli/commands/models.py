"""``kktgen models``: the models, or the parameters and instances of one."""

from __future__ import annotations

from typing import Any

import click

from ... import catalog
from ...catalog.parameters import REQUIRED
from .. import printing


@click.command("models")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the models, or the parameters and instances of one.

    \b
    kktgen models
    kktgen models dso_vpp
    kktgen models my/own/model.py
    """
    if name is None:
        rows = [
            (info.name, info.summary, ", ".join(f"{p.name}={_default(p.default)}" for p in info.parameters))
            for info in catalog.models().values()
        ]
        printing.table(("model", "what", "parameters"), rows)
        return
    info = catalog.describe(name)
    click.echo(f"{info.name}: {info.summary}\n{info.path}\n")
    printing.table(
        ("parameter", "type", "default", "meaning"),
        [(p.name, p.type_name, _default(p.default), p.doc) for p in info.parameters],
    )
    if info.instances:
        click.echo()
        cases = [catalog.load_instance(case) for case in info.instances]
        printing.table(
            ("instance", "known objective", "what"), [(c.name, _known(c.known), c.description) for c in cases]
        )


def _default(value: Any) -> str:
    return "" if value is REQUIRED else str(value)


def _known(known: dict[str, Any]) -> str:
    return str(known.get("objective", ""))
