"""What a solver makes of a model in one format: the table of readers asked for everything the model needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .needs import Needs
from .table import CELLS, NEEDS, READERS, VERDICTS, remark


class Fault(NamedTuple):
    """Why a reader cannot take a file.

    Parameters
    ----------
    need : str
        What it stumbles over: a row of the table, or a field of :class:`kktgen.formats.writing.magnitudes.Magnitudes`.
    does, what : str
        ``rejects`` and ``SOS1 sets``, in words.
    remark : str
        What is beside it in the table.
    """

    need: str
    does: str
    what: str
    remark: str = ""

    @property
    def is_number(self) -> bool:
        """Whether a number is in the way."""
        return self.need not in NEEDS


@dataclass(frozen=True)
class Verdict:
    """What a solver makes of a model in one format.

    Parameters
    ----------
    reader : str
        Name of the solver as ``target=`` takes it.
    format : str
        ``.lp``, ``.mps`` or ``.cip``.
    faults : tuple of Fault
        Why it cannot take it; empty when it can.
    notes : tuple of str
        What is to be known where it can, e.g. a parameter to be set.
    """

    reader: str
    format: str
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the solver reads the model as it is and can solve it."""
        return not self.faults

    @property
    def reason(self) -> str:
        """Why not, in words: ``rejects SOS1 sets, indicator rows``; empty when it can."""
        said: dict[str, list[str]] = {}
        for fault in self.faults:
            said.setdefault(fault.does, []).append(fault.what + (f" ({fault.remark})" if fault.remark else ""))
        return "; ".join(f"{does} {', '.join(what)}" for does, what in said.items())

    def __str__(self) -> str:
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        return f"{self.reader} {self.format}: {self.reason or 'ok'}{notes}"


def judge(reader: str, suffix: str, zipped: bool, needs: Needs) -> Verdict:
    """Return what a reader makes of a file of this suffix, packed or not."""
    asked = ["file", *(["gz"] if zipped else []), *sorted(needs.features)]
    words = {need: _word(reader, suffix, need) for need in asked}
    words = {need: word for need, word in words.items() if word}
    if "file" in words:
        fault = Fault("file", VERDICTS[words["file"]], f"{suffix} files", remark(reader, "file", suffix))
        return Verdict(reader, suffix, (fault,))
    if {"qobj", "qobj_nonconvex"} & set(words):
        words.pop("miqp", None)
    found = [
        Fault(need, VERDICTS[word], NEEDS.get(need, need), remark(reader, need, suffix)) for need, word in words.items()
    ]
    found += _numbers(reader, needs)
    notes = [] if found else [remark(reader, need, suffix) for need in asked]
    return Verdict(reader, suffix, tuple(found), tuple(note for note in notes if note))


def _word(reader: str, suffix: str, need: str) -> str:
    """Return the word of the table; what the table has not was found by SCIP, which takes it."""
    if need in NEEDS:
        return CELLS.get((suffix, need, reader), "")
    return "" if reader == "scip" else "?"


def _numbers(reader: str, needs: Needs) -> list[Fault]:
    """Return which numbers a reader drops, refuses or takes for infinite."""
    about, found = READERS[reader], needs.magnitudes
    checks = (
        ("least_entry", found.least_entry <= about.dropped, "drops coefficients", about.dropped),
        ("largest_entry", found.largest_entry >= about.refused, "refuses coefficients", about.refused),
        ("least_cost", found.least_cost <= about.costs_dropped, "drops costs", about.costs_dropped),
        ("largest_cost", found.largest_cost >= about.costs_refused, "refuses costs", about.costs_refused),
        ("largest_side", found.largest_side >= about.infinite, "takes sides and bounds for infinite", about.infinite),
    )
    return [
        Fault(which, f"{does} {'of at most' if which.startswith('least') else 'from'} {limit:g},",
              f"here {getattr(found, which):g}", about.source)
        for which, bad, does, limit in checks
        if bad
    ]  # fmt: skip
