"""Limits on the memory of this process."""

from __future__ import annotations

from collections.abc import Callable


def limit_memory(megabytes: float) -> Callable[[], None]:
    """Limit the growth of the address space; return what lifts the limit (Linux).

    Parameters
    ----------
    megabytes : float
        Beyond what the process takes now.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    top = size + int(megabytes * 1e6)
    top = top if hard == resource.RLIM_INFINITY else min(top, hard)
    resource.setrlimit(resource.RLIMIT_AS, (top, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
