"""What is proved of a point in rational numbers: the certificate, as data that JSON can hold and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import ProblemError, expect
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..verification.report import SHOWN
from . import checker
from .problem import plain

FORM = "kktgen certificate 1"
SHORT = 24
"""A fraction of so many characters is printed as such."""
LIMIT = 1e-6
"""What the leader's rows may be violated by, and a response may miss, in a certificate that is ``ok``."""


def number(value: Fraction) -> int | float | str:
    """Return a rational as JSON holds it exactly: a whole number, a float where it is one, else the text ``p/q``."""
    if value.denominator == 1 and abs(value.numerator) < 2**53:
        return value.numerator
    if value.denominator & (value.denominator - 1) == 0 and value.numerator.bit_length() <= 53:
        near = float(value)
        if Fraction(near) == value:
            return near
    return str(checker.text(value))


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a certificate with the digest of its problem and the seal over everything."""
    out = {key: value for key, value in data.items() if key != "seal"}
    out["digest"] = checker.digest(out["problem"])
    return {**out, "seal": checker.digest(out)}


@dataclass(frozen=True)
class Proof:
    """What is proved of one follower's response.

    Parameters
    ----------
    name : str
    status : str
        ``exact``; ``within 2e-14`` where its cost is convex but for the rounding of its data; or why it is not proved.
    bits : int
        Digits, in base 2, of the longest numerator or denominator in the response and its multipliers.
    distance : float
        Largest change of the response against the point that was given.
    """

    name: str
    status: str
    bits: int
    distance: float


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """The outcome of :func:`kktgen.certify`: a rational point and the proof that every follower's response is optimal.

    Parameters
    ----------
    data : dict
        The certificate as JSON holds it; :mod:`kktgen.exact.checker` says what is in it and checks it.
    proofs : tuple of Proof
        One a follower.
    faults : tuple of str
        What the checker says against it; empty when it holds.
    seconds : float

    See Also
    --------
    kktgen.certify : Makes one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> proof = kg.certify(m, kg.optimize(m).solution)
    >>> proof.name, proof.followers, str(proof.value)
    ('toll', {'driver': 'exact'}, '2')
    >>> proof.ok, proof.exact, [str(entry) for entry in proof.z[:2]]
    (True, True, ['2', '1'])
    >>> [str(number) for number in (proof.gap, proof.violation, proof.distance, proof.moved)]
    ['0', '0', '0', '0']
    """

    data: dict[str, Any]
    proofs: tuple[Proof, ...]
    faults: tuple[str, ...]
    seconds: float = 0.0

    def _claim(self, name: str) -> Fraction:
        return checker.F(self.data["claims"][name])

    @property
    def name(self) -> str:
        """Name of the problem."""
        return str(self.data["problem"]["name"])

    @property
    def followers(self) -> dict[str, str]:
        """Status of every follower: ``exact``, ``within 2e-14``, or why its response is not proved optimal."""
        return {proof.name: proof.status for proof in self.proofs}

    @property
    def ok(self) -> bool:
        """Whether every response is proved and the leader's rows hold within ``LIMIT``."""
        return not self.faults and self.violation <= LIMIT and self.gap <= LIMIT

    @property
    def exact(self) -> bool:
        """Whether the point is bilevel-feasible without any tolerance."""
        return self.ok and self.violation == 0 and self.gap == 0

    @property
    def z(self) -> list[Fraction]:
        """The rational point (n,)."""
        return [checker.F(v) for v in self.data["point"]]

    @property
    def value(self) -> Fraction | None:
        """The leader's objective at the point, in the user's sense; None where a response is not proved."""
        return None if self.faults else self._claim("value")

    @property
    def gap(self) -> Fraction:
        """What a response may cost more than the optimum, by the rounding of the follower's Hessian."""
        return self._claim("gap")

    @property
    def violation(self) -> Fraction:
        """Largest violation of the leader's rows, bounds, sets and integrality."""
        return self._claim("violation")

    @property
    def distance(self) -> Fraction:
        """Largest change of a follower's variable against the point that was given."""
        return self._claim("distance")

    @property
    def moved(self) -> Fraction:
        """Largest change of the leader's variables."""
        return self._claim("moved")

    def belongs_to(self, bilevel: Bilevel) -> bool:
        """Return whether the certificate holds the data of this problem, digit by digit.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> proof = kg.certify(m, kg.search.respond(m, [1.0]))
        >>> proof.belongs_to(m)
        True
        >>> _ = m.add(toll <= 2)
        >>> proof.belongs_to(m)
        False
        """
        expect(bilevel, Bilevel, "belongs_to")
        return bool(checker.digest(plain(shared_kkt(bilevel))) == checker.digest(self.data["problem"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate as plain data that JSON can hold, for the checker.

        Examples
        --------
        >>> import json
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> proof = kg.certify(m, kg.search.respond(m, [1.0]))
        >>> text = json.dumps(proof.to_dict())             # python -m kktgen.exact FILE checks such a file
        >>> kg.Certificate.from_dict(json.loads(text)).ok
        True
        """
        return self.data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Certificate:
        """Return the certificate in plain data; it is checked again.

        Raises
        ------
        ProblemError
            The data are no certificate.

        Examples
        --------
        A certificate that somebody changed does not hold.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> data = kg.certify(m, kg.search.respond(m, [1.0])).to_dict()
        >>> kg.Certificate.from_dict(data).ok
        True
        >>> kg.Certificate.from_dict({**data, "point": [2, 0, 0, 1]}).ok
        False
        """
        faults = checker.check(data)
        if faults and faults[0].startswith("this is no certificate"):
            raise ProblemError(f"Certificate.from_dict: {faults[0]}; give what to_dict returned")
        data = dict(data)
        return cls(data, proofs_of(data, judged(data)), tuple(faults))

    def __str__(self) -> str:
        ranked = sorted(self.proofs, key=lambda p: (not p.status.startswith("not"), p.status == "exact"))
        shown = self.proofs if len(self.proofs) <= SHOWN else ranked[:SHOWN]
        rows = [("follower", "bits", "distance", "response")]
        rows += [(p.name, str(p.bits), f"{p.distance:.1e}", p.status) for p in shown]
        a, b = (max(len(row[k]) for row in rows) for k in range(2))
        word = "exact" if self.exact else "certified" if self.ok else "not certified"
        out = [f"{self.name}: {word}"]
        out += [f"  {r[0]:<{a}}  {r[1]:>{b}}  {r[2]:>8}  {r[3]}" for r in rows]
        if len(shown) < len(self.proofs):
            proved = sum(not p.status.startswith("not") for p in self.proofs)
            out.append(f"  ... {len(self.proofs) - len(shown)} more; {proved} of {len(self.proofs)} proved")
        if self.value is not None:
            text = str(self.value)
            fraction = f"{text} = " if "/" in text and len(text) <= SHORT else ""
            out.append(f"  objective  {fraction}{float(self.value):.17g}")
        where = checker.violation(self.data["problem"], self.z)[1]
        held = "exactly" if self.violation == 0 else f"within {float(self.violation):.1e} ({where})"
        out.append(f"  the leader's rows hold {held}")
        stay = "as given" if self.moved == 0 else f"moved by at most {float(self.moved):.1e}"
        out.append(f"  the leader's decision is {stay}; digest {self.data['digest'][:16]}")
        return "\n".join(out)

    __repr__ = __str__


def judged(data: Mapping[str, Any]) -> list[tuple[list[str], Fraction]]:
    """Return what the checker says of every follower: faults, and what the response may miss."""
    problem, z = data["problem"], [checker.F(v) for v in data["point"]]
    pairs = zip(problem["followers"], data["squares"], strict=True)
    return [checker.follower_faults(follower, part, z, problem["names"]) for follower, part in pairs]


def proofs_of(
    data: Mapping[str, Any], verdicts: Iterable[tuple[list[str], Fraction]], late: Iterable[str] = ()
) -> tuple[Proof, ...]:
    """Return what is proved of every follower; ``late`` names those without a proof for want of time."""
    z, given, late = [checker.F(v) for v in data["point"]], data["given"], set(late)
    out = []
    for follower, (faults, gap) in zip(data["problem"]["followers"], verdicts, strict=True):
        prices = [row[0] for row in (*follower["equations"], *follower["inequalities"])]
        parts = [z[j] for j in (*follower["y"], *prices)]
        bits = max((max(v.numerator.bit_length(), v.denominator.bit_length()) for v in parts), default=0)
        status = "exact" if gap == 0 else f"within {float(gap):.0e}"
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            status = f"not certified: {'out of time' if follower['name'] in late else faults[0] + more}"
        distance = max((float(abs(z[j] - Fraction(given[j]))) for j in follower["y"]), default=0.0)
        out.append(Proof(follower["name"], status, bits, distance))
    return tuple(out)
