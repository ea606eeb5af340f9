"""How far a computation is: one record, one line of text, and a live line in terminals and notebooks."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from .errors import ProblemError

PLAIN_SECONDS = 5.0
"""Seconds between two lines where lines cannot be written over."""
LIVE_SECONDS = 0.1
"""Seconds between two changes of a live line."""
WIDTH = 110
"""Characters of a live line."""

DOING = {
    "eliminate": "eliminating products", "bound": "bounding", "encode": "encoding", "cut": "cutting",
    "start": "looking for a starting point", "level": "making boxes smaller", "tighten": "rounds over the followers",
    "solve": "solving", "parts": "solving independent parts", "sum": "adding the parts", "polish": "polishing",
    "responses": "enumerating responses", "verify": "verifying", "search": "searching", "estimate": "estimating",
    "write": "writing", "prove": "proving", "done": "done",
}  # fmt: skip
"""What happens in each stage, in words."""
AFTER = {
    "kkt": "eliminate", "eliminate": "bound", "bound": "encode", "encode": "cut", "cut": "start", "start": "solve",
    "one level": "start", "level": "solve", "tighten": "solve", "parts": "sum", "sum": "verify", "solve": "polish",
    "polish": "verify", "verify": "done", "search": "done",
}  # fmt: skip
"""The stage that follows each stage of :func:`kktgen.optimize`."""

KNOWN = ("stage", "text", "seconds", "nodes", "incumbent", "bound", "gap")
"""What a record may tell in every stage."""


class Progress(dict[str, Any]):
    """How far a computation is: what ``progress=`` functions are called with.

    A mapping of what is known, ``info["nodes"]``; its attributes are None where a thing is not known.

    Attributes
    ----------
    stage : str
        Which stage tells it: ``bound``, ``start``, ``tighten``, ``solve``, ``parts``, ``search``, ``estimate``,
        ``write``, ...
    text : str or None
        What is done, in words.
    seconds : float or None
        Since the stage began.
    nodes : int or None
        Nodes of a tree that are done.
    incumbent, bound : float or None
        Best value so far and what is proved of the optimum, in the user's sense and units.
    gap : float or None
        Relative distance of the two.

    See Also
    --------
    kktgen.optimize : ``progress=True`` shows a live line.

    Notes
    -----
    Some stages tell more, by key: rounds over many followers ``round`` and ``jobs`` (left), trees over boxes ``open``,
    the search of start points ``move`` and ``round``, written files ``fraction``. A function that raises ends the
    computation with its error.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> told = []
    >>> model = kg.bound(kg.kkt(m), progress=told.append)
    >>> told[0].stage, told[0].text, told[0].nodes
    ('bound', 'bounds: follower 1 of 1', None)
    >>> print(kg.Progress(stage="solve", seconds=12.3, nodes=34, bound=11.5))
    solving  12 s  34 nodes  bound 11.5
    """

    def __getattr__(self, name: str) -> Any:
        """Return what is known of a thing, None where nothing is."""
        if name not in KNOWN:
            raise AttributeError(f"Progress has no {name!r}; there are {', '.join(KNOWN)}, and its keys {list(self)}")
        return self.get(name)

    def __str__(self) -> str:
        doing = DOING.get(self.stage, self.stage)
        return "  ".join(part for part in (doing, progress_line(self)) if part)


Told = Callable[[Mapping[str, Any]], Any]
"""What the stages call."""
ProgressOption = bool | Callable[[Progress], Any] | None
"""What ``progress=`` takes."""


def progress_line(info: Mapping[str, Any]) -> str:
    """Return one line of what a solver, or a stage before it, says of its progress.

    Parameters
    ----------
    info : mapping
        Any of seconds, text, nodes, incumbent, bound, gap; None and inf are left out.
    """
    parts = []
    for key, pattern in (
        ("seconds", "{:.0f} s"), ("text", "{}"), ("nodes", "{:.0f} nodes"), ("incumbent", "best {:.6g}"),
        ("bound", "bound {:.6g}"),
    ):  # fmt: skip
        value = info.get(key)
        if isinstance(value, str) or _finite(value):
            parts.append(pattern.format(value))
    if _finite(info.get("gap")):
        parts.append(f"gap {100 * info['gap']:.2g} %")
    return "  ".join(parts)


def _finite(value: Any) -> bool:
    return value is not None and not isinstance(value, str) and math.isfinite(value) and abs(value) < 1e20


class Teller:
    """Calls a user's function with records; the stage is filled in where nobody says it.

    Parameters
    ----------
    tell : callable
    stage : str
    """

    def __init__(self, tell: Callable[[Progress], Any], stage: str) -> None:
        self.tell, self.stage = tell, stage

    def __call__(self, info: Mapping[str, Any]) -> Any:
        """Tell what a stage says."""
        return self.tell(Progress({"stage": self.stage, **info}))

    def passed(self, stage: str) -> None:
        """Note that a stage has ended; a live line shows the next one at once."""
        self.stage = AFTER.get(stage, stage)
        if isinstance(self.tell, Live):
            self.tell(Progress(stage=self.stage))


class Live:
    """A line that is written over; a plain line now and then where the stream is no terminal and no notebook.

    Parameters
    ----------
    stream : text file, optional
        By default stderr, in a notebook stdout.
    every : float
        Seconds between two plain lines.
    """

    def __init__(self, stream: TextIO | None = None, every: float = PLAIN_SECONDS) -> None:
        self._stream: TextIO = stream or (sys.stdout if _notebook(sys.stdout) else sys.stderr)
        self._over = _notebook(self._stream) or self._stream.isatty()
        self._every = LIVE_SECONDS if self._over else every
        self._last = time.monotonic() - (LIVE_SECONDS if self._over else 0.0)
        self._shown, self._doing = 0, ""

    def __call__(self, info: Progress) -> None:
        """Show a record, unless the last one was shown a moment ago."""
        now, doing = time.monotonic(), str(info.stage)
        if now - self._last < self._every and (doing == self._doing or not self._over):
            return
        self._last, self._doing = now, doing
        self._show(str(info).replace("\n", " ")[:WIDTH])

    def _show(self, line: str) -> None:
        text = f"\r{line:<{self._shown}}" if self._over else f"{line}\n"
        self._shown = len(line)
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Leave an empty line behind, for what is printed next."""
        if self._over and self._shown:
            self._show("")
            self._stream.write("\r")
            self._stream.flush()


def _notebook(stream: Any) -> bool:
    return type(stream).__module__.partition(".")[0] == "ipykernel"


@contextmanager
def shown(progress: ProgressOption, stage: str) -> Iterator[Teller | None]:
    """Give what the stages call, as ``progress=`` asks for it: a live line, a function with records, or nothing.

    Parameters
    ----------
    progress : bool, callable or None
    stage : str
        The first stage.

    Raises
    ------
    ProblemError
        Something else.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        live = Live()
        try:
            yield Teller(live, stage)
        finally:
            live.close()
    elif callable(progress):
        yield Teller(progress, stage)
    else:
        raise ProblemError(
            f"progress= takes True or a function of a kktgen.Progress, got {type(progress).__name__} {progress!r}"[:200]
        )
