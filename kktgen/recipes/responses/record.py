"""Responses as a file: JSON, so that an enumeration can go on where another one ended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import orjson

from ...errors import FormatError, ProblemError
from ...problem.bilevel import Bilevel
from ...reformulate.responses.parts import Response
from ...reformulate.responses.stated import stated

SUFFIX = ".responses.json"
FORMAT, VERSION = "kktgen responses", 1


@dataclass(frozen=True, eq=False)
class Responses(Sequence[Response]):
    """Responses of followers, in the order in which they were found.

    Parameters
    ----------
    problem : str
        Name of the problem.
    items : tuple of Response
        Each with ``follower``, the values ``y`` of its variables and ``x`` of the leader's columns that it sees.

    See Also
    --------
    kktgen.master : The relaxation they make.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("start")
    >>> price = m.var("price", lb=0, ub=9)
    >>> plant = m.follower("plant")
    >>> on = plant.var("on", kind="B")
    >>> plant.minimize(5 * on - price * on)
    >>> m.maximize(8 * on - price * on)
    >>> result = kg.optimize(m)
    >>> len(result.responses), sorted(int(one.y[0]) for one in result.responses)
    (2, [0, 1])
    """

    problem: str
    items: tuple[Response, ...]

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, at: int) -> Response: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Response, ...]: ...
    def __getitem__(self, at: Any) -> Any:
        """Return one response, or some."""
        return self.items[at]

    def __iter__(self) -> Iterator[Response]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"Responses({self.problem!r}, {len(self)})"

    def write(self, path: str | Path) -> Path:
        """Write them as ``.responses.json``, whole or not at all, and return the path.

        Raises
        ------
        ProblemError
            Another suffix.
        FormatError
            The file cannot be written.
        """
        file = Path(path)
        if not file.name.endswith(SUFFIX):
            raise ProblemError(f"{file}: responses are written as {SUFFIX}")
        data = {
            "format": FORMAT, "version": VERSION, "problem": self.problem,
            "responses": [one.to_dict() for one in self],
        }  # fmt: skip
        beside = file.with_name(f"{file.name}.{os.getpid()}.part")
        try:
            beside.write_bytes(orjson.dumps(data) + b"\n")
            beside.replace(file)
        except OSError as error:
            raise FormatError(f"{file} cannot be written: {error}") from error
        return file


def responses_of(bilevel: Bilevel, given: Any) -> Responses:
    """Return responses from a file, from responses, or none; each is checked against its follower.

    Raises
    ------
    FormatError
        The file is none of responses.
    ProblemError
        A response that fits no follower.
    """
    if given is None:
        return Responses(bilevel.name, ())
    items = _read(Path(given)) if isinstance(given, str | Path) else list(given)
    own = stated(bilevel)
    names = [part.name for part in own.parts]
    for one in items:
        if not isinstance(one, Response) or one.follower not in names:
            raise ProblemError(f"no response of a follower of {bilevel.name!r}: {one!r}"[:200])
    return Responses(bilevel.name, own.told(own.responses(items)))


def _read(path: Path) -> list[Response]:
    try:
        root = orjson.loads(path.read_bytes())
        if root["format"] != FORMAT or root["version"] != VERSION:
            raise KeyError("format")
        return [Response.of(one) for one in root["responses"]]
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: no responses of kktgen, version {VERSION}: {error}") from None
