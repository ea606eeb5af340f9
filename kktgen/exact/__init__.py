"""Certificates: a follower's response proved optimal in rational numbers."""

from .certificate import Certificate
from .certify import certify

__all__ = ["Certificate", "certify"]
