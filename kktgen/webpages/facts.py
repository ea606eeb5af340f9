"""What is told of one instance, from its file, its entry in the catalogue, and its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import catalog
from ..catalog.instance import Instance
from ..library import stored
from ..library.features import features
from ..library.records import SAME, gap, standing
from ..library.selection import name_of

DOUBTS = {
    "reconstructed": "The data are reconstructed from words and figures of the source; its own were not at hand.",
    "calibrated": "The data are calibrated: fitted so that figures of the source come out.",
}
"""What has to be known of data, by their status."""


@dataclass(frozen=True, eq=False)
class Facts:
    """An instance: its file, its entry in the catalogue, its runs.

    Parameters
    ----------
    path : Path
    entry : mapping
    runs : sequence of records
    """

    path: Path
    entry: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]] = field(default=())

    @cached_property
    def instance(self) -> Instance:
        """The instance."""
        return catalog.load_instance(self.path)

    @property
    def known(self) -> dict[str, Any]:
        """What is known of the answer."""
        return self.instance.known

    @property
    def name(self) -> str:
        """Its name on the page: folder and file."""
        own = self.path.resolve()
        return f"{own.parent.name}/{own.stem}"

    @property
    def target(self) -> str:
        """What commands call it."""
        called = name_of(self.path)
        return called if called in catalog.instance_names() else str(self.path)

    @cached_property
    def model(self) -> str:
        """Name of its model; empty where the file of the problem stands for one."""
        given = self.instance.model
        return "" if given.endswith(".gz") or given.endswith(".json") else Path(given).stem

    @property
    def gap(self) -> float | None:
        """The distance of value and bound."""
        return gap(self.entry["value"], self.entry["bound"])

    @cached_property
    def record(self) -> Mapping[str, Any]:
        """The record its value rests on."""
        return standing(self.known)

    @cached_property
    def features(self) -> list[str]:
        """What is special about it."""
        return features(self.entry)

    @cached_property
    def stored(self) -> dict[str, Path]:
        """The stored problem, point and proof that there are, by suffix."""
        beside = {end: self.path.with_name(self.path.stem + end) for end in stored.LARGEST}
        return {end: path for end, path in beside.items() if path.is_file()}

    @cached_property
    def warnings(self) -> list[str]:
        """What has to be known before it is used."""
        status = self.entry["status"]
        out = [DOUBTS[status]] if status in DOUBTS else []
        if not status:
            out.append("Nobody has said where the data come from.")
        if self.entry["value"] is not None and stored.POINT not in self.stored:
            out.append("No point is stored; the value is what the record says.")
        published, value = self.known.get("published"), self.entry["value"]
        is_number = isinstance(published, int | float)
        if is_number and value is not None and (gap(value, published) or 0.0) > 10 * SAME:
            out.append(f"The published value {published:.10g} is another one than {value:.10g}.")
        return out
