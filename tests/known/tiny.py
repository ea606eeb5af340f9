"""The source of a small model file."""

from __future__ import annotations

TINY = '''
"""A leader who pushes a follower up.

    min x + 3 y,  y in argmin { -y : x + y <= 8, x + 4 y >= 8, x + 2 y <= 13, 2 y <= 7 x }
"""

from __future__ import annotations

from dataclasses import dataclass

import kktgen as kg


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    top : float
        Largest x.
    slope : float
        Slope of the last row.
    """

    top: float = 8.0
    slope: float = 7.0


def build(**parameters):
    p = Parameters(**parameters)
    m = kg.Bilevel("tiny")
    x = m.var("x", lb=0, ub=p.top)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= p.slope * x)
    return m


def report(result):
    return f"tiny report: {result.solution.objective:.4f}"
'''
"""A model file with the optimum 6.1333 at x = 0.5333, y = 1.8667."""
