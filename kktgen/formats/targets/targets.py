"""A file for a certain solver, refused where that solver would read another model, reject it or not solve it.

The refusal says what the solver stumbles over, where that stands, and how to get around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...encodings import encodings
from ...errors import ProblemError, UnsupportedError
from ...model.model import Model
from ..writing.plain import Plain
from .needs import Needs, combined, needs_of
from .table import READERS
from .verdicts import Fault, judge

FORMATS = (".lp", ".mps", ".cip")


def target_name(target: str) -> str:
    """Return the name of a reader as the table has it, or refuse an unknown one."""
    name = target.lower() if isinstance(target, str) else target
    if name not in READERS:
        raise ProblemError(f"target={target!r} is not one of {', '.join(READERS)}")
    return name


def check_target(model: Model, form: Plain, target: str, suffix: str, zipped: bool) -> None:
    """Refuse a file that its reader would misread, reject or not solve.

    Parameters
    ----------
    model : Model
    form : Plain
        Its plain form.
    target : str
        Name of the reader.
    suffix : str
        Of the format.
    zipped : bool
        Whether the file is packed.

    Raises
    ------
    ProblemError
        Unknown target.
    UnsupportedError
        What the reader stumbles over, where it stands, and the cures.
    """
    reader = target_name(target)
    needs = needs_of(model, form)
    faults = judge(reader, suffix, zipped, needs).faults
    if faults:
        who = f"{READERS[reader].title} {READERS[reader].version}"
        what = "; it ".join(_sentence(fault, needs) for fault in faults)
        cures = _cures(reader, suffix, zipped, needs, model, faults)
        raise UnsupportedError(
            f"model {model.name!r} as {suffix}{'.gz' * zipped} for {reader}: {who} {what}."
            + (f" Cures: {'; '.join(cures)}" if cures else "")
        )


def _sentence(fault: Fault, needs: Needs) -> str:
    beside = [words for words in (needs.where(fault.need), fault.remark) if words]
    return f"{fault.does} {fault.what}" + (f" ({'; '.join(beside)})" if beside else "")


def _cures(reader: str, suffix: str, zipped: bool, needs: Needs, model: Model, faults: Sequence[Fault]) -> list[str]:
    """Return what can be done instead, in words."""
    out = []
    others = [other for other in FORMATS if other != suffix and judge(reader, other, False, needs).ok]
    if zipped and judge(reader, suffix, False, needs).ok:
        out.append(f"write {suffix} unpacked")
    elif others:
        out.append(f"write {' or '.join(others)}")
    better = _encodings(reader, suffix, needs, model)
    if better:
        out.append(f"encode with {' or '.join(f'kg.{name}()' for name in better)}")
    if any(fault.need == "qobj_nonconvex" for fault in faults):
        out.append("kg.eliminate rids the objective of prices x quantities where it can")
    if any(fault.is_number for fault in faults):
        out.append("rescale rows and units")
    takers = [other for other in READERS if judge(other, suffix, zipped, needs).ok]
    if takers:
        out.append(f"{', '.join(takers)} take{'s' * (len(takers) == 1)} it as {suffix}{'.gz' * zipped}")
    return out


def _encodings(reader: str, suffix: str, needs: Needs, model: Model) -> list[str]:
    """Return the exact encodings by which the reader would take the model, where one is what is in the way."""
    known = brought()
    used = {done.encoding for done in model.encodings} & set(known)
    if not used:
        return []
    base = (needs.features - frozenset().union(*(known[name] for name in used)) - {"miqp", "int_free"}) | _own(model)
    unbounded = "int_free" in needs.features
    choices = {name: replace(needs, features=combined(base | known[name], unbounded)) for name in _exact()}
    return [name for name, asked in choices.items() if judge(reader, suffix, False, asked).ok]


def _exact() -> list[str]:
    """Return the exact encodings by the names of their classes."""
    kinds: Iterable[Any] = encodings().values()
    return [kind.__name__ for kind in kinds if getattr(kind, "EXACT", False)]


def brought() -> dict[str, frozenset[str]]:
    """Return the features every encoding may bring into a model, by its name."""
    kinds: Iterable[Any] = encodings().values()
    return {kind.__name__: kind.FEATURES for kind in kinds}


def _own(model: Model) -> frozenset[str]:
    """Return the features a model has apart from its encodings."""
    out = set()
    if ((model.space.kind != "C") & (model.space.role != "binary")).any():
        out.add("int")
    tables = [("sos1", model.sos1.blocks), ("qrow", model.quads.linear.blocks)]
    tables += [("indicator", model.indicators.rows.blocks)] if model.indicators is not None else []
    for feature, blocks in tables:
        if any(block.role != "encoding" for block in blocks):
            out |= {key for key in model.features if key.startswith(feature)}
    return frozenset(out)
