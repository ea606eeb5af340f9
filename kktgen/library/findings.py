"""What a check finds at an instance: one thing that is wrong, and how to cure it."""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = (
    "file", "data", "model", "problem", "generator", "point", "value", "bound", "proof", "grade", "duplicate",
    "catalogue",
)  # fmt: skip
"""What a finding may be about."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    wrong : str
        What is wrong, in words.
    cure : str
        What to do about it.
    """

    kind: str
    wrong: str
    cure: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.wrong}; {self.cure}"


@dataclass
class Checked:
    """What a check says of one instance.

    Parameters
    ----------
    name : str
    findings : list of Finding
    fingerprint : str
        The same for problems that differ in the order of rows and columns and in the scale of rows alone; empty where
        no model was built.
    notes : list of str
        What could not be shown, and is no fault of the instance.
    certified : bool
        The followers' responses at the stored point are proved optimal in rational numbers.
    seconds : float
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    fingerprint: str = ""
    notes: list[str] = field(default_factory=list)
    certified: bool = False
    seconds: float = 0.0

    def find(self, kind: str, wrong: str, cure: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, wrong, cure))

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        said = "; ".join(map(str, self.findings)) if self.findings else "ok"
        return f"{self.name}: {said}" + "".join(f" ({note})" for note in self.notes)
