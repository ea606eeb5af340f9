"""What :func:`kktgen.optimize` makes of the known problems and the shipped instances, once in a process.

For tests that need a right point and do not ask how it is found. What is given here is shared: nobody changes it.
"""

from __future__ import annotations

from functools import cache

from problems import ALL

import kktgen as kg
from kktgen import catalog

BY_NAME = {problem.name: problem for problem in ALL}


@cache
def answer(name: str) -> tuple[kg.Bilevel, kg.Result]:
    """Return a known problem by its name, and what the recipe finds."""
    m = BY_NAME[name].build()
    return m, kg.optimize(m, time_limit=60)


@cache
def instance_answer(name: str) -> tuple[kg.Bilevel, kg.Result]:
    """Return a shipped instance by its name, and what the recipe finds without a limit or options."""
    m = catalog.build(name)
    return m, kg.optimize(m)
