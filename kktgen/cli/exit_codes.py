"""How a command ends when it cannot go on: one line on stderr and an exit code."""

from __future__ import annotations

import errno
from typing import Any

import click

from ..errors import KktgenError, NoSolutionError, SolverError
from . import child_process


class Stop(click.ClickException):
    """An error that ends the program with one line on stderr and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"kktgen: {self.message}", err=True)


class Commands(click.Group):
    """Commands whose errors become one line and an exit code: 1 the solver, 2 the question, 130 Ctrl-C."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                raise
            path = error.ctx.command_path if error.ctx else "kktgen"
            raise Stop(f"{error.format_message()} (see {path} --help)", 2) from None
        except KktgenError as error:
            code = 1 if isinstance(error, (SolverError, NoSolutionError)) else 2
            raise Stop(str(error), code) from error
        except KeyboardInterrupt:
            raise Stop("interrupted", child_process.INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has seen enough
                raise
            raise Stop(f"{error.filename or 'the output'} cannot be written: {error.strerror or error}", 1) from None
