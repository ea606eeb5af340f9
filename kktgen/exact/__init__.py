"""Certificates: responses of followers, and the leader's optimum, proved in rational numbers.

Takes: a Bilevel and a point.
Gives: a Certificate or a Proof in rational numbers, and their checkers.
Must not know: floating-point tolerances, what solvers claim.
"""

from .certificate import Certificate
from .certify import certify
from .proof import Proof
from .prove import prove

__all__ = ["Certificate", "Proof", "certify", "prove"]
