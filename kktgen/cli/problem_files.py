"""What the commands do with files that hold whole bilevel problems: take them for models, write them, describe them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import kktgen as kg

from ..errors import ProblemError
from ..formats.problems import SUFFIXES, aux_write, is_table, suffix_of
from ..formats.problems.about import digests
from ..formats.problems.statistics import problem_class, statistics
from ..problem.bilevel import Bilevel

NAMES = tuple(suffix[1:] for suffix in SUFFIXES)
"""What --format takes for them."""
_MEANING = {
    "n_x": "leader's variables", "I_u": "integer ones, not binary", "B_u": "binary ones",
    "n_y": "followers' variables", "I_l": "integer ones, not binary", "B_l": "binary ones",
    "n_link": "leader's variables that followers see", "n_link^C": "continuous ones",
    "n_link^I": "integer ones", "n_link^B": "binary ones", "m_u": "leader's rows", "m_l": "followers' rows",
    "m_coup": "leader's rows that hold followers' variables or prices", "m_link": "followers' rows that see the leader",
    "complements": "complementarity conditions said directly",
    "alpha": "alignment of the linear costs in y (1 same, -1 opposed)", "followers": "followers",
    "priced": "multipliers the leader uses", "products_u": "products of variables in the leader's problem",
    "products_l": "products of variables in the followers' costs", "nash": "followers that see another one",
    "lifted": "products of the leader's binaries with followers' expressions: a column and four rows each",
    "varying": "products of the leader's continuous variables with followers' expressions: nonconvex rows",
    "curved": "followers' rows with squares or norms",
    "conditional": "followers' rows that hold where a binary of the leader says so",
}  # fmt: skip


RARE = ("complements", "curved")
"""What is shown only where there is some."""


def is_problem_file(target: str) -> bool:
    """Tell whether a target names a file that holds a bilevel problem."""
    return bool(suffix_of(target)) or is_table(target)


def loaded(target: str, overrides: Mapping[str, Any]) -> tuple[str, ModuleType, dict[str, Any], Bilevel]:
    """Return the stem, a module without functions, the parameters and the problem of a file.

    Raises
    ------
    ProblemError
        Parameters are given: a finished problem has none to set.
    FormatError
        The file cannot be read.
    """
    if overrides:
        raise ProblemError(f"{target} holds a finished problem, in which {', '.join(overrides)} cannot be set")
    m = kg.read(Path(target).expanduser())
    module = ModuleType(Path(target).name)
    module.__file__ = target
    return _stem(target), module, dict(m.about.get("parameters", {})), m


def _stem(target: str) -> str:
    """Return the stem of the files made from a file; that of an ``.aux`` is not the one of its ``.mps``."""
    name = Path(target).name
    packed = ".gz" if name.lower().endswith(".gz") else ""
    suffix = suffix_of(name) or Path(name).suffix
    stem = name[: len(name) - len(suffix + packed)]
    return f"{stem.removesuffix('.bilevel')}-kkt" if suffix == aux_write.SUFFIX else stem


def aux_beside(target: str) -> str:
    """Return the ``.aux`` file beside an ``.mps`` or ``.lp`` file; empty where there is none."""
    path = Path(target)
    stem, _, suffix = path.name.removesuffix(".gz").rpartition(".")
    found = [p for p in (path.with_name(f"{stem}{end}") for end in (".aux", ".aux.gz")) if p.is_file()]
    return str(found[0]) if found and suffix.lower() in ("mps", "lp") else ""


def describe(target: str, m: Bilevel | None) -> tuple[Bilevel, list[tuple[str, str, str]]]:
    """Return the problem of a target and its statistics as rows: symbol, number, meaning.

    ``m`` is the problem of a model; without it the target is a file.
    """
    if m is None:
        m = kg.read(Path(target).expanduser())
    counted = statistics(m)
    rows = [(key, _number(counted[key]), words) for key, words in _MEANING.items() if counted[key] or key not in RARE]
    rows.insert(0, ("class", "", problem_class(m)))
    rows += [(f"known {key}", *_known_row(value)) for key, value in m.about.get("known", {}).items()]
    rows += [
        (name, _state(Path(target).with_name(Path(name).name or "-"), digest), "derived file")
        for name, digest in _files(m).items()
    ]
    return m, rows


def _known_row(value: Any) -> tuple[str, str]:
    return (str(value), "") if isinstance(value, (int, float)) else ("", str(value))


def _files(m: Bilevel) -> dict[str, str]:
    files: dict[str, str] = m.about.get("files", {})
    return files


def _state(path: Path, digest: str) -> str:
    if not path.is_file():
        return "not here"
    return "as written" if digests([path]) == {path.name: digest} else "changed"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
