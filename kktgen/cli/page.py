"""A solved problem as one page of HTML: what it is, what may be claimed and why, values, plots, how to repeat it."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click
from click.core import ParameterSource

import kktgen as kg

from ..catalog import plots
from ..errors import KktgenError
from ..formats.writing.files import replace_file
from ..installed import own_version
from ..markup import Html, folded, page, table, tag
from ..model.html import all_values, model_sizes
from ..problem.html import sense, sizes
from ..recipes.explain.explanation import KINDS
from ..recipes.html import explanation_parts, times_html
from ..verification.html import claim_html, conditions_html
from . import printing, result_files
from .task import Job

NAME = "report.html"
"""The page of the last solve into a folder."""


@dataclass(frozen=True, eq=False)
class Solved:
    """What a page tells: the problem, its result, and what else was made of it."""

    job: Job
    result: Any
    own: Any
    certificate: kg.Certificate | None
    proof: kg.Proof | str | None
    explanation: kg.Explanation | None
    files: tuple[Path, ...]
    command: str


def write(solved: Solved, folder: Path) -> Path:
    """Write the page into a folder; it is complete or absent."""

    def fill(file: IO[bytes]) -> None:
        file.write(told(solved).encode())

    return replace_file(folder / NAME, fill)


def told(solved: Solved) -> Html:
    """Return the page."""
    job, result, name = solved.job, solved.result, solved.job.bilevel.name
    sections = {
        "Why there is no optimum": _explained(solved),
        "The problem": _problem(solved),
        "The model's own report": _plain(solved.own),
        "Values": Html("") if result.solution.z is None else all_values(result.solution.model.space, result.solution.z),
        "Plots": _plots(job, result),
        "Conditions": Html("") if result.report is None else conditions_html(result.report),
        "Certificate": _plain(solved.certificate),
        "Proof": _plain(solved.proof),
        "Time": times_html(result.seconds),
        "How to repeat it": _repeat(solved),
    }
    shown = [Html(tag("h2", title) + body) for title, body in sections.items() if body]
    claim = Html("") if result.report is None else claim_html(result.report)
    head = result.solution.headline + result_files.trouble(result)
    return page(f"{name} - kktgen", tag("h1", name), tag("p", head), claim, *shown)


def _explained(solved: Solved) -> Html:
    found = solved.explanation
    return Html("") if found is None else explanation_parts(found, KINDS[found.kind])


def _problem(solved: Solved) -> Html:
    job, model = solved.job, solved.result.model
    about = (job.module.__doc__ or "").strip().partition("\n\n")[0]
    count = len(job.bilevel.followers)
    words = f"{sense(job.bilevel)}; {count} follower{'' if count == 1 else 's'}"
    values = [(name, value) for name, value in job.parameters.items()]
    solved_as = f"solved as one level: {model.n} columns, {len(model.rows)} rows, {model.rows.M.nnz} entries"
    return Html(
        (tag("p", about) if about else "") + tag("p", words) + sizes(job.bilevel)
        + folded("parameters", table(("parameter", "value"), values)) + folded(solved_as, model_sizes(model))
    )  # fmt: skip


def _plain(said: Any) -> Html:
    return Html("") if said is None else tag("pre", str(said).strip("\n"))


def _plots(job: Job, result: Any) -> Html:
    """Return the model's plots, else its labelled variables over their labels; or why there are none."""
    if result.solution.z is None:
        return Html("")
    try:
        offered = job.plots(result) if hasattr(job.module, "plots") else plots.own_plots(result.solution)
        drawn = [plots.inline(one, "", f"p{k}-") for k, one in enumerate(offered.values())]
    except KktgenError as error:
        return tag("p", f"not drawn: {error}", kind="quiet")
    return Html("".join(tag("figure", Html(svg)) for svg in drawn))


def _repeat(solved: Solved) -> Html:
    solution = solved.result.solution
    rows = [
        ("kktgen", own_version() or "(not installed)"), ("solver", solution.solver),
        ("Python", platform.python_version()),
        ("machine", f"{platform.system()} {platform.machine()}"),
    ]  # fmt: skip
    files = [(path.name, printing.size(path)) for path in solved.files]
    return Html(tag("pre", solved.command) + table(("what", "version"), rows) + table(("file", "size"), files))


def command_line() -> str:
    """Return the command that is running, as it can be typed: what was given, the model's parameters last."""
    ctx = click.get_current_context()
    words, values = [ctx.command_path], []
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "")
        if ctx.get_parameter_source(param.name or "") is not ParameterSource.COMMANDLINE or value is None:
            continue
        if isinstance(value, Mapping):
            values += [f"{key}={one}" for key, one in value.items()]
        elif isinstance(param, click.Argument):
            words.append(shlex.quote(str(value)))
        elif value is True:
            words.append(param.opts[-1])
        else:
            several: Iterable[Any] = value if isinstance(value, tuple) else [value]
            words += [f"{param.opts[-1]} {shlex.quote(str(one))}" for one in several]
    return " ".join([*words, *(["--set", *map(shlex.quote, values)] if values else [])])
