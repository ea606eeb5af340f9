"""The commands: one module a command, found by scanning this folder; each offers it as ``command``."""

from __future__ import annotations

import importlib
import pkgutil

import click


def commands() -> list[click.Command]:
    """Return the commands in alphabetical order."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    found = [getattr(importlib.import_module(f"{__name__}.{name}"), "command", None) for name in names]
    return [command for command in found if isinstance(command, click.Command)]
