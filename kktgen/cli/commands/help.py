"""``kktgen help``: the pages of the guide."""

from __future__ import annotations

import re

import click
from rich.console import Console
from rich.markdown import Markdown

from ... import guide
from .. import printing

WIDTH = 110
"""Columns of a printed page at most."""


@click.command("help", short_help="Read the guide.")
@click.argument("topic", required=False)
@click.option("--raw", is_flag=True, help="Print the page as it is written, in Markdown.")
@click.pass_context
def command(ctx: click.Context, topic: str | None, raw: bool) -> None:
    """Read the guide: its topics, or the page of one; of a command, its options.

    \b
    kktgen help
    kktgen help start
    kktgen help claims
    kktgen help solve
    """
    commands = ctx.parent.command.commands if ctx.parent and isinstance(ctx.parent.command, click.Group) else {}
    if topic is None:
        printing.table(("topic", "what"), [(page.topic, page.summary) for page in guide.pages()])
        click.echo("\nkktgen help TOPIC shows a page; kktgen COMMAND --help the options of a command.")
    elif topic in commands and topic not in guide.topics():
        asked = commands[topic]
        with click.Context(asked, info_name=topic, parent=ctx.parent) as own:
            click.echo(asked.get_help(own))
    elif raw:
        click.echo(guide.page(topic).text, nl=False)
    else:
        _show(guide.page(topic).for_terminal())


def _show(text: str) -> None:
    """Print Markdown: a screen at a time on a terminal that is too small for it, plainly elsewhere."""
    console = Console()
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    with console.capture() as printed:
        console.print(Markdown(text if console.is_terminal else _marked(text), hyperlinks=False))
    page = "\n".join(line.rstrip() for line in printed.get().splitlines()) + "\n"
    if console.is_terminal and page.count("\n") >= console.height:
        click.echo_via_pager(page, color=True)
    else:
        click.echo(page, nl=False)


def _marked(text: str) -> str:
    """Return Markdown whose pieces of code keep their marks when printed, for output without colours."""
    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [re.sub(r"`([^`]+)`", r"`` `\1` ``", part) for part in parts[::2]]
    return "".join(parts)
