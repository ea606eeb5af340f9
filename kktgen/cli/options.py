"""Options that several commands share."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import kktgen as kg

from ..errors import ProblemError


class Finite(click.FloatRange):
    """A number of a range, but neither nan nor inf."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


POSITIVE = Finite(min=0, min_open=True)


def _assignments(ctx: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    out = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ProblemError(f"--set takes name=value, got {text!r}")
        out[name.strip()] = value.strip()
    return out


def lower(ctx: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """Let names be written in capitals; a solver's command, which has braces, stays as it is."""
    return name if name is None or "{" in name else name.lower()


_option = click.option(
    "-s", "--set", "overrides", multiple=True, metavar="NAME=VALUE ...", callback=_assignments,
    help="Parameters of the model (kktgen models NAME lists them): --set hours=6 vpps=4.",
)  # fmt: skip
_more = click.argument("more", nargs=-1, metavar="", callback=_assignments)


def parameter_options(command: Any) -> Any:
    """Give a command ``--set NAME=VALUE ...``; what stands behind the first comes as further arguments."""

    @functools.wraps(command)
    def wrapped(*, overrides: dict[str, str], more: dict[str, str], **others: Any) -> Any:
        return command(overrides={**overrides, **more}, **others)

    return _more(_option(wrapped))


encoding_option = click.option(
    "--encoding", default="auto", show_default=True, metavar="NAME", callback=lower,
    help=f"How complementarity is written: {', '.join(kg.encodings())}.",
)  # fmt: skip
solver_option = click.option(
    "--solver",
    default="scip",
    show_default=True,
    metavar="NAME",
    callback=lower,
    help="See kktgen solvers; or a command of your own: 'files:prog {model} {solution}'.",
)
time_option = click.option("--time-limit", type=POSITIVE, metavar="S", help="Seconds for everything.")
memory_option = click.option(
    "--memory-limit", type=POSITIVE, metavar="MB",
    help="Memory the solver may take beyond the loaded model (Linux).",
)  # fmt: skip
_workers = (
    click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N",
        help="Processes for followers, parts and boxes that can be worked on apart; 2 for large problems by default.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster, whose workers do that instead."),
)  # fmt: skip


def worker_options(command: Any) -> Any:
    """Give a command what tells who works on what can be done apart."""
    return functools.reduce(lambda inner, option: option(inner), reversed(_workers), command)


gap_option = click.option("--gap", type=Finite(min=0), metavar="G", help="Relative gap at which the solver may stop.")
folder_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("."), show_default=True, metavar="DIR",
    help="Write the files into this folder.",
)  # fmt: skip


_EXACT = ("encoding", "solver", "gap", "cuts", "decompose", "parts", "pessimistic", "memory_limit", "jobs", "cluster")
_SEARCH = ("population", "iterations", "seed", "start")
PROVING = ("exact", "boxes")
"""The methods that prove the optimum."""
HAWKS = ("nchho", "hho")
"""The methods that are searches."""
_search = (
    click.option(
        "--method", default="exact", show_default=True, metavar="NAME", callback=lower,
        help="exact proves the optimum, boxes too, over boxes of the few columns of the leader that followers see; "
        "nchho and hho are population searches, which prove nothing; a model may have others.",
    ),
    click.option("--population", type=click.IntRange(min=2), default=30, show_default=True, help="Hawks of a search."),
    click.option("--iterations", type=click.IntRange(min=0), default=50, show_default=True, help="Of a search."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of a search."),
    click.option(
        "--start", multiple=True, metavar="NAME=VALUE,..",
        help="Decisions one hawk of a search begins with: a number, lb or ub for each variable; may be repeated.",
    ),
)  # fmt: skip


def search_options(command: Any) -> Any:
    """Give a command ``--method`` and the options of a search, which reach it as the mapping ``search``."""

    @functools.wraps(command)
    def wrapped(*, method: str, **others: Any) -> Any:
        for name in (*_SEARCH * (method not in HAWKS), *_EXACT * (method not in PROVING)):
            if click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE:
                right = "nchho or hho" if name in _SEARCH else "exact"
                raise click.UsageError(f"--{name.replace('_', '-')} belongs to --method {right}")
        search = {"method": method, **{name: others.pop(name) for name in _SEARCH}}
        search["start"] = [read_start(text) for text in search["start"]]
        return command(search=search, **others)

    for option in reversed(_search):
        wrapped = option(wrapped)
    return wrapped


def read_start(text: str) -> dict[str, float | str]:
    """Return values by name from ``lp=ub,ls=0.3``: numbers, ``lb`` or ``ub``."""
    out: dict[str, float | str] = {}
    for part in text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        try:
            out[name] = value if name and value in ("lb", "ub") else float(value if name else "")
        except ValueError:
            raise ProblemError(
                f"--start takes NAME=VALUE,NAME=VALUE,.. with a number, lb or ub, got {part!r}"
            ) from None
    return out
