"""Population searches beside the exact optimum: best, median and worst of several seeds, and how they came down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UnsupportedError
from .record import Search

COLUMNS = ("what", "seeds", "best", "median", "worst", "median gap %", "evaluations", "seconds")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Searches by name, each run with several seeds, against an optimum.

    Parameters
    ----------
    optimum : float
        In the user's sense.
    sense : int
        -1 when the user maximises.
    source : str
        Where the optimum comes from.
    runs : mapping of str to sequence of Search
        One search a seed.
    note : str
        What must be said beside the figures.
    """

    optimum: float
    sense: int
    source: str
    runs: Mapping[str, Sequence[Search]]
    note: str = ""

    def gap(self, value: float) -> float:
        """Return how far a value is from the optimum, in percent of the optimum."""
        return 100.0 * self.sense * (value - self.optimum) / max(abs(self.optimum), 1e-9)

    def values(self, name: str) -> np.ndarray:
        """Return the objectives of a search, the best first; nan where no feasible point was found."""
        found = np.array([search.record.best[-1] for search in self.runs[name]])
        return self.sense * np.sort(self.sense * found)

    def rows(self) -> list[tuple[str, ...]]:
        """Return one line of text cells per search, under ``COLUMNS``; evaluations and seconds are medians."""
        out: list[tuple[str, ...]] = []
        for name, searches in self.runs.items():
            values = self.values(name)
            middle = float(values[(len(values) - 1) // 2])
            count = float(np.median([search.evaluations for search in searches]))
            spent = float(np.median([search.record.seconds[-1] for search in searches]))
            numbers = (f"{values[0]:.5g}", f"{middle:.5g}", f"{values[-1]:.5g}", f"{self.gap(middle):.1f}")
            out.append((name, str(len(searches)), *numbers, f"{count:.0f}", f"{spent:.0f}"))
        return out

    def __str__(self) -> str:
        cells = [COLUMNS, *self.rows()]
        widths = [max(len(row[k]) for row in cells) for k in range(len(COLUMNS))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        return "\n".join([*lines, f"optimum {self.optimum:.6g}: {self.source}", *([self.note] if self.note else [])])

    def plot(self, path: str | Path) -> Path:
        """Draw the best value over the evaluations, a curve a seed, and the optimum; write PNG, SVG or PDF by suffix.

        Raises
        ------
        UnsupportedError
            matplotlib is not installed, or does not know the suffix.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise UnsupportedError("a plot needs matplotlib: pip install 'kktgen[plots]'") from None
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for k, (name, searches) in enumerate(self.runs.items()):
            for n, search in enumerate(searches):
                label = name if n == 0 else None
                axes.step(
                    search.record.evaluations, search.record.best, where="post", color=f"C{k}", lw=1.2, label=label
                )
        axes.axhline(self.optimum, color="black", lw=1.0, ls="--", label="optimum")
        axes.set(xlabel="evaluations", ylabel="objective of the leader")
        axes.legend()
        try:
            figure.savefig(path, dpi=150)
        except ValueError as error:
            raise UnsupportedError(f"{path} not drawn: {str(error).splitlines()[0]}") from None
        return Path(path)
