"""Public names that are imported when they are first used.

Importing a package costs what its parts cost. Here a part is imported when one of its names is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package whose names come from its parts, each part imported when a name of it is first used."""

    __where__: Mapping[str, tuple[str, str]]

    def __getattr__(self, name: str) -> Any:
        """Import the part that holds the name; what was found stays."""
        if name not in self.__where__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        part, word = self.__where__[name]
        module = import_module(f"{self.__name__}.{part}")
        value = getattr(module, word) if word else module
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a public function whose name is also a folder's: Python binds every folder that it imports."""
        if isinstance(value, ModuleType) and self.__where__.get(name, ("", ""))[1]:
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """Return the public names, imported or not."""
        return sorted({*self.__where__, *(name for name in self.__dict__ if name.startswith("__"))})


def make_lazy(package: str, parts: Mapping[str, str]) -> None:
    """Make a package lazy.

    Parameters
    ----------
    package : str
        ``__name__`` of the package, which is being imported.
    parts : mapping
        Names by the part of the package that holds them, as in ``{"formats": ". read write"}``: a dot stands for the
        part itself. ``total=sum`` gives ``total`` of the part the public name ``sum``.
    """
    where: dict[str, tuple[str, str]] = {}
    for part, names in parts.items():
        for name in names.split():
            if name == ".":
                where[part.rpartition(".")[2]] = (part, "")
            else:
                word, _, public = name.partition("=")
                where[public or word] = (part, word)
    module = sys.modules[package]
    module.__dict__["__where__"] = where
    module.__class__ = LazyPackage
