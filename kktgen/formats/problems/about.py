"""What a bundle says of its problem beside the mathematics."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import KktgenError

KEYS = {
    "model": str,
    "parameters": dict,
    "known": dict,
    "version": str,
    "files": dict,
    "source": str,
    "names": dict,
}
"""Keys of ``Bilevel.about`` and their types.

``model`` and ``parameters``: what it was built from (the seed is a parameter); ``known``: what is known of its answer,
such as objective, bound, claim; ``version``: of kktgen when it was written; ``files``: the sha256 of the files derived
from it; ``source``: the file or paper it comes from; ``names``: names of the entries of its variables and rows.
"""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_about(about: Any, where: str, error: type[KktgenError]) -> dict[str, Any]:
    """Return what is known of a problem, or refuse what the schema does not hold."""
    if not isinstance(about, dict):
        raise error(f"{where}: expected an object with {', '.join(KEYS)}, got {type(about).__name__}")
    for key, value in about.items():
        if key not in KEYS:
            raise error(f"{where}: unknown key {key!r}; expected {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]):
            raise error(f"{where}.{key}: expected {KEYS[key].__name__}, got {type(value).__name__}")
    for name, digest in about.get("files", {}).items():
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise error(f"{where}.files.{name}: expected a sha256, 64 hexadecimal digits, got {digest!r}"[:300])
    return about


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of every file by its name."""
    out = {}
    for path in paths:
        with open(path, "rb") as file:
            out[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return out
