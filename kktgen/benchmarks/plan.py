"""The runs: instances by ways by seeds, each with an id that says what it is of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..catalog import folder, resolve
from ..catalog.places import model_path
from ..errors import ProblemError
from ..formats.problems import is_table, suffix_of
from ..solvers import solvers
from .machine import versions
from .sets import Entry
from .ways import seed_options

BESIDE = (".mps", ".mps.gz", ".lp", ".lp.gz", ".link.json")
"""Files that belong to a problem file of the same stem."""

DIGITS = 9
"""Most digits of a number of parts."""


@dataclass(frozen=True)
class Job:
    """One run that is to be made.

    Parameters
    ----------
    id : str
        The same for the same problem, way, seed, limits and versions.
    instance, target : str
    parameters : dict
        Values that win over those of the target.
    known : dict
    encoding, solver : str
    solver_version : str
    seed : int
    time_limit : float
        Seconds.
    memory_limit : float or None
        GB.
    report : bool
        Whether the model's own report is wanted.
    grace, build : float
        Seconds after the time limit, and for building the problem, until the process is killed.
    """

    id: str
    instance: str
    target: str
    encoding: str
    solver: str
    solver_version: str
    seed: int
    time_limit: float
    memory_limit: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    report: bool = False
    grace: float = 30.0
    build: float = 600.0

    @property
    def way(self) -> str:
        """Encoding and solver."""
        return f"{self.encoding} {self.solver}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for another process."""
        return asdict(self)


def plan(
    found: Sequence[Entry], ways: Iterable[tuple[str, str]], seeds: Sequence[int], time_limit: float,
    memory_limit: float | None = None, report: bool = False,
) -> list[Job]:  # fmt: skip
    """Return the runs of instances by ways by seeds, all ways of an instance together, each once.

    Parameters
    ----------
    found : sequence of Entry
    ways : iterable of (str, str)
        Encoding and solver.
    seeds : sequence of int
    time_limit : float
        Seconds a run.
    memory_limit : float, optional
        GB a run may take beyond Python and its libraries.
    report : bool
        Whether the models' own reports are wanted.

    Raises
    ------
    UnsupportedError
        A solver that takes no seed is to have one.
    """
    ways, known = list(ways), solvers()
    for _, solver in ways:
        for seed in seeds:
            seed_options(solver, seed)
    out: dict[str, Job] = {}
    for entry in found:
        digest = source(entry)
        for encoding, solver in ways:
            about = known[solver].version if solver in known else ""
            for seed in seeds:
                words = [digest, encoding, solver, about, seed, time_limit, memory_limit, versions()["kktgen"], report]
                name = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:16]
                job = Job(name, entry.name, entry.target, encoding, solver, about, seed, time_limit, memory_limit,
                          dict(entry.parameters), dict(entry.known), report)  # fmt: skip
                out.setdefault(name, job)
    return list(out.values())


def part(jobs: Sequence[Job], text: str) -> list[Job]:
    """Return part k of n of the runs, from ``k/n``: each run is in one part.

    Raises
    ------
    ProblemError
        Not two whole numbers of which the first is one of 1 to n.
    """
    k, stroke, n = text.partition("/")
    numbers = all(one.isdecimal() and len(one) <= DIGITS for one in (k, n))
    if not (stroke and numbers and 1 <= int(k) <= int(n)):
        raise ProblemError(f"--part takes k/n with k from 1 to n, such as 3/20, got {text!r}")
    return list(jobs[int(k) - 1 :: int(n)])


def source(entry: Entry) -> str:
    """Return a digest of what a problem is built from: parameters and files, without building it."""
    digest = hashlib.sha256()
    target = entry.target
    if suffix_of(target) or is_table(target):
        path = Path(target)
        stem = path.name.removesuffix(".gz").removesuffix(suffix_of(target))
        files = [path, *sorted(path.parent / f"{stem}{end}" for end in BESIDE)]
        for one in files:
            if one.is_file():
                digest.update(one.read_bytes())
        return digest.hexdigest()
    model, given = resolve(target)
    digest.update(_model(str(model_path(model))).encode())
    digest.update(json.dumps({**given, **entry.parameters}, sort_keys=True, default=str).encode())
    return digest.hexdigest()


@cache
def _model(path: str) -> str:
    """Return a digest of a model's file, of its folder where it has one, and of what the models share."""
    file, digest = Path(path), hashlib.sha256()
    folders = [file.parent] if file.name == "model.py" else []
    folders += [folder("models") / "common"] if file.is_relative_to(folder("models")) else []
    files = {file, *(one for place in folders for one in place.rglob("*") if "__pycache__" not in one.parts)}
    for one in sorted(files):
        if one.is_file():
            digest.update(one.name.encode() + one.read_bytes())
    return digest.hexdigest()
