"""What is proved of the leader's optimum in rational numbers: the proof, as a file and in words."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import IO, Any

from ..errors import ProblemError, expect
from ..formats.writing.files import file_path, replace_file
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from . import optimum
from .optimum import FORM
from .problem import plain

SUFFIX = ".proof.json.gz"
PROVED, LATE, FAILED = "proved", "not proved in time", "not proved"


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a proof with the digest of its problem and the seal over everything."""
    rest = {key: value for key, value in data.items() if key != "seal"}
    out = {"form": FORM, **rest, "digest": optimum.digest(data["problem"])}
    return {**out, "seal": optimum.digest(out)}


@dataclass(frozen=True, eq=False, repr=False)
class Proof:
    """The outcome of :func:`kktgen.prove`: a tree that proves the leader's optimum, or how far it came.

    Parameters
    ----------
    name : str
        Of the problem.
    claim : str
        ``proved``, ``not proved in time`` or ``not proved``.
    value : Fraction
        The leader's objective at the point, in the user's sense.
    bound : Fraction or None
        What no bilevel-feasible point is better than; None where it is not proved.
    open : float
        The relative gap that is left: 0 where it is proved, inf where nothing is bounded yet.
    leaves : int
        Of the tree.
    reason : str
        Why it is not proved; empty where it is.
    data : dict or None
        The file's contents, None where it is not proved.
    seconds : float

    See Also
    --------
    kktgen.prove : Makes one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> proof = kg.prove(m, kg.optimize(m).solution)
    >>> proof.claim, str(proof.value), float(proof.bound), proof.open, proof.leaves
    ('proved', '2', 2.0, 0.0, 1)
    >>> proof.ok, str(proof.gap)
    (True, '0')
    """

    name: str
    claim: str
    value: Fraction
    bound: Fraction | None
    open: float
    leaves: int
    reason: str = ""
    data: dict[str, Any] | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the optimum is proved."""
        return self.claim == PROVED

    @property
    def gap(self) -> Fraction | None:
        """Distance of value and bound; None where it is not proved."""
        return None if self.bound is None else abs(self.value - self.bound)

    def belongs_to(self, bilevel: Bilevel) -> bool:
        """Return whether the proof holds the data of this problem, digit by digit.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> proof = kg.prove(m, kg.optimize(m).solution)
        >>> proof.belongs_to(m)
        True
        >>> _ = m.add(toll <= 2)
        >>> proof.belongs_to(m)
        False
        """
        expect(bilevel, Bilevel, "belongs_to")
        return self.data is not None and optimum.digest(plain(shared_kkt(bilevel))) == self.data["digest"]

    def write(self, path: str | PathLike[str]) -> Path:
        """Write the proof to a file; ``python -m kktgen.exact FILE`` and ``tools/check_optimum FILE`` check it.

        Parameters
        ----------
        path : str or path
            Best ``NAME.proof.json.gz``; the same proof gives the same bytes.

        Raises
        ------
        ProblemError
            Nothing is proved.
        FormatError
            The file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kg.prove(m, kg.optimize(m).solution).write(Path(folder) / "toll.proof.json.gz").name
        'toll.proof.json.gz'
        """
        if self.data is None:
            raise ProblemError(f"Proof.write: nothing to write, {self.name!r} is {self.claim}: {self.reason}")
        text = json.dumps(self.data, separators=(",", ":")).encode()

        def fill(file: IO[bytes]) -> None:
            file.write(gzip.compress(text, mtime=0) if target.suffix == ".gz" else text)

        target = file_path(path)
        return replace_file(target, fill)

    def __str__(self) -> str:
        head = f"{self.name}: {self.claim}"
        if not self.ok:
            left = f": {100 * self.open:.2g} % open" if self.open < float("inf") else ": nothing is bounded yet"
            why = f"; {self.reason}" if self.reason else ""
            return f"{head}{left if self.claim == LATE else ''}{why}"
        assert self.data is not None and self.bound is not None and self.gap is not None
        head = f"{head}, exactly" if self.gap == 0 else head
        better = "above" if self.data["problem"]["sense"] < 0 else "below"
        return "\n".join([
            head,
            f"  objective  {optimum.shown(self.value)}",
            f"  bound      {optimum.shown(self.bound)}: no bilevel-feasible point has an objective {better} it",
            f"  gap        {float(self.gap):.1e}",
            f"  tree       {self.leaves} leaves; digest {self.data['digest'][:16]}",
        ])  # fmt: skip

    __repr__ = __str__
