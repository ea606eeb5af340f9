"""Which version of kktgen is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Return the version; nothing where kktgen is used without being installed."""
    try:
        return version("kktgen")
    except PackageNotFoundError:
        return ""


__version__ = own_version()
