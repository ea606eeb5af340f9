"""Whole problems of a job as files: bundles with what is known of the answer, and the other formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

import kktgen as kg

from .. import catalog
from ..catalog.parameters import REQUIRED, parameters_of
from ..catalog.places import is_folder
from ..formats.problems import aux_write, bundle, mof_write
from ..formats.problems.about import digests
from ..installed import own_version
from ..verification.report import TOP
from .problem_files import is_problem_file
from .task import Job


def write(job: Job, names: Iterable[str], folder: Path, derived: Iterable[Path]) -> list[Path]:
    """Write a job's whole problem in the formats named; a bundle records the sha256 of the files ``derived`` from it.

    An ``.aux`` goes out as ``STEM.bilevel.aux`` and ``.mps``, for ``STEM.mps`` is the encoded model; a ``.mof.json``
    with the files of the followers and their ``.link.json``.
    """
    out: list[Path] = []
    for name in sorted(names, key=lambda name: bundle.SUFFIX[1:] in name):  # the bundle last: it knows the others
        if bundle.SUFFIX[1:] in name:
            out.append(write_bundle(job, folder / f"{job.stem}.{name}", [*derived, *out]))
        elif mof_write.SUFFIX[1:] in name:
            path = kg.write(job.bilevel, folder / f"{job.stem}.{name}")
            files, table = mof_write.partners(job.bilevel, path)
            out += [path, *files, table]
        else:
            path = kg.write(job.bilevel, folder / f"{job.stem}.bilevel.{name}")
            out += [path, aux_write.partner(path)]
    return out


def write_bundle(job: Job, path: Path, derived: Iterable[Path], found: Mapping[str, Any] | None = None) -> Path:
    """Write a job's whole problem with what is known of it into a bundle; ``found``: what a run just found."""
    job.bilevel.about = about(job, derived, found)
    return kg.write(job.bilevel, path)


def about(job: Job, derived: Iterable[Path], found: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a bundle says of a job's problem: model, all parameters, known answer, version, derived files.

    An answer just ``found`` takes the place of a known one only where it is claimed optimal, or a
    verified equilibrium.
    """
    out = dict(job.bilevel.about)
    if not is_problem_file(job.target):
        defaults = {p.name: p.default for p in parameters_of(job.module) if p.default is not REQUIRED}
        is_path = job.target.endswith((".py", ".toml")) or is_folder(job.target)
        out["model"] = Path(job.target).name if is_path else job.target
        out["parameters"] = _plain({**defaults, **job.parameters})
        known = _known(job)
        if known:
            out["known"] = known
    if found and (found["claim"] in TOP or "known" not in out):
        out["known"] = dict(found)
    if own_version():
        out.setdefault("version", own_version())
    files = {**out.get("files", {}), **digests(derived)}
    return {**out, "files": files} if files else out


def _known(job: Job) -> dict[str, Any]:
    """Return what an instance knows of its answer; nothing when other parameters were asked for."""
    if job.target.endswith(".py") or not (job.target.endswith(".toml") or "/" in job.target):
        return {}
    instance = catalog.load_instance(job.target)
    same = catalog.checked(job.module, instance.parameters) == job.parameters
    plain = {key: value for key, value in instance.known.items() if key != "history"}
    return dict(_plain(plain)) if same else {}


def _plain(values: Any) -> Any:
    """Return values as JSON holds them."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.loads(orjson.dumps(values, default=str, option=options))
