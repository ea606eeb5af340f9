"""Certificates: a follower's response proved optimal in rational numbers.

Takes: a Bilevel and a point.
Gives: a Certificate in rational numbers, and its checker.
Must not know: floating-point tolerances, what solvers claim.
"""

from .certificate import Certificate
from .certify import certify

__all__ = ["Certificate", "certify"]
