"""Make the catalogue anew, and the files that are made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

from ..errors import ProblemError
from . import catalogue, forms
from .stored import write_bytes

CSV, SOLU, PAGE = "catalogue.csv", "kktgen.solu", "instances.md"
"""Files made from the catalogue; the last one is a page of the guide, of the library alone."""


def refreshed(
    paths: Sequence[Path], executor: Executor | None = None, told: Callable[[int], None] | None = None
) -> list[Path]:
    """Make the catalogues of instances anew, and what is made from them; return the files written.

    Parameters
    ----------
    paths : sequence of Path
        Files of instances.
    executor : concurrent.futures.Executor, optional
        Of processes, for models that have to be built.
    told : callable, optional
        Called with how many are done.

    Raises
    ------
    ProblemError
        The catalogue is that of an installed package.
    """
    if catalogue.is_installed() and any(catalogue.is_library(catalogue.root_of(path)) for path in paths):
        raise ProblemError("the catalogue of an installed package stays as it is; --refresh is for a checkout")
    out = []
    for path in catalogue.refresh(paths, executor, told):
        out.append(path)
        for name, text in derived(path.parent).items():
            out.append(write_bytes(name, text.encode()))
    return out


def derived(root: Path) -> dict[Path, str]:
    """Return the files made from a folder's catalogue, by path."""
    named = sorted(catalogue.load(root).items())
    out = {root / CSV: forms.csv_text(named), root / SOLU: forms.solu_text(named)}
    guide = Path(__file__).parents[1] / "guide" / PAGE
    if catalogue.is_library(root):
        out[guide] = forms.page(named)
    return out
