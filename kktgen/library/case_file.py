"""The file of an instance, changed in place: its comments and its layout stay."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from ..catalog import schema
from ..errors import ProblemError
from .stored import write_bytes

ORDER = ("model", "description", "quick", "grade", "tags", "parameters", "data", "problem", "known")
"""Keys of the file as they are written."""


def read(path: Path) -> dict[str, Any]:
    """Return what an instance file holds; nothing where there is none yet.

    Raises
    ------
    ProblemError
        It cannot be read, or holds what no instance file does.
    """
    if not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"instance {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (ValueError, RecursionError) as error:  # endless nesting has no class of its own
        raise ProblemError(f"instance {path} is not a TOML file: {str(error)[:300]}") from None
    schema.check(data, path)
    return data


def write(path: Path, data: Mapping[str, Any]) -> Path:
    """Write an instance file; of one that is there only the keys whose values changed are written anew.

    Raises
    ------
    ProblemError
        The data hold what no instance file does.
    FormatError
        The file cannot be written.
    """
    schema.check(data, path)
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.is_file() else tomlkit.document()
    before = document.unwrap()
    stale = [key for key in before if before[key] != data.get(key)]
    for key in stale:
        document.remove(key)
    texts = {key: text for key, text in _pieces(document)}
    texts |= {key: _text(key, data[key]) for key in ORDER if key in data and (key in stale or key not in before)}
    head = texts.pop("", "")
    scalars = [texts[key] for key in ORDER if key in texts and not isinstance(data[key], dict)]
    tables = [texts[key] for key in ORDER if key in texts and isinstance(data[key], dict)]
    text = head + "".join(scalars) + "".join(f"\n{one.strip()}\n" for one in tables)
    return write_bytes(path, text.encode())


def _pieces(document: tomlkit.TOMLDocument) -> list[tuple[str, str]]:
    """Return the pieces of a document: what stands before the first key under "", then each key with its lines."""
    out: list[tuple[str, str]] = []
    head = ""
    for key, item in document.body:
        if key is None:
            text = item.as_string()
            if out:
                out[-1] = (out[-1][0], out[-1][1] + (text if text.strip() else ""))
            else:
                head += text
            continue
        own = tomlkit.document()
        own.append(key, item)
        out.append((key.key, own.as_string()))
    return [("", head), *out]


def _text(key: str, value: Any) -> str:
    """Return a key and its value as lines of TOML."""
    document = tomlkit.document()
    document.add(key, _item(value))
    return tomlkit.dumps(document)


def _item(value: Any) -> Any:
    """Return a value as TOML holds it; a list of tables one below the other."""
    if isinstance(value, dict):
        table = tomlkit.table()
        for name, part in value.items():
            if isinstance(part, list) and part and all(isinstance(one, dict) for one in part):
                tables = tomlkit.aot()
                for one in part:
                    tables.append(_item(one))
                table.add(name, tables)
            else:
                table.add(name, part)
        return table
    return value
