"""Instances: a model with parameters and what is known of its answer, one TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ProblemError
from . import schema
from .places import instance_path, is_bundle, model_names


@dataclass(frozen=True)
class Instance:
    """A model with parameters and what is known of its answer.

    Parameters
    ----------
    name : str
        ``model/case``.
    model : str
        Name of the model, or path of its file (``.py``, or the ``.bilevel.json`` that holds the problem itself).
    parameters : dict
    known : dict
        For example objective (proved) or best, bound, claim, source, and ``history``: one dict a run or proof.
    quick : bool
        Solves within seconds.
    description : str
        The file's ``description``, else its first line when that is a comment.
    path : Path
    grade : str
        ``trivial``, ``easy``, ``hard`` or ``open``; empty where nobody said.
    tags : tuple of str
    data : dict
        Of the data behind it: source, terms, status.
    problem : dict
        Of the stored problem: format, sha256, file.

    See Also
    --------
    kktgen.catalog.load_instance : Reads one.

    Examples
    --------
    >>> from kktgen import catalog
    >>> instance = catalog.load_instance("random_bilevel/toll_small")
    >>> instance.model, instance.quick, round(instance.known["objective"], 4)
    ('random_bilevel', True, 123.4303)
    """

    name: str
    model: str
    parameters: dict[str, Any]
    known: dict[str, Any]
    quick: bool
    description: str
    path: Path
    grade: str = ""
    tags: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)


def load_instance(target: str | Path) -> Instance:
    r"""Read an instance.

    Parameters
    ----------
    target : str or Path
        ``model/case``, or the path of a ``.toml`` file. The file's ``model`` may be a name or a path relative to
        the file; without it the model is named by the file's folder.

    Raises
    ------
    ProblemError
        No such instance, or the file is not one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from kktgen import catalog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "mine.toml"
    ...     _ = path.write_text('model = "random_bilevel"\n[parameters]\nleaders = 3\n')
    ...     instance = catalog.load_instance(path)
    >>> instance.model, instance.parameters
    ('random_bilevel', {'leaders': 3})
    """
    path = instance_path(target)
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"instance {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (ValueError, RecursionError) as error:  # endless integers and nesting have no class of their own
        raise ProblemError(f"instance {path} is not a TOML file: {str(error)[:300]}") from None
    schema.check(data, path)
    comment = text.partition("\n")[0].removeprefix("#").strip() if text.startswith("#") else ""
    model = data.get("model", path.resolve().parent.name)
    if "model" not in data and model not in model_names():
        raise ProblemError(f"instance {path} names no model: write model = 'name', or the path of a .py file, into it")
    if model.endswith(".py") or is_bundle(model):
        model = str(path.parent / model)
    return Instance(
        f"{_family(model, path)}/{path.stem}", model, data.get("parameters", {}), data.get("known", {}),
        data.get("quick", False), data.get("description", comment), path, data.get("grade", ""),
        tuple(data.get("tags", ())), data.get("data", {}), data.get("problem", {}),
    )  # fmt: skip


def _family(model: str, path: Path) -> str:
    """Return the first half of an instance's name: the model's, or the folder's where the problem lies in a file."""
    return path.resolve().parent.name if is_bundle(model) else Path(model).stem
