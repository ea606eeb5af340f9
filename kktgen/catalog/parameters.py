"""The parameters of a model file: names, types, defaults, documentation; and values read by their types."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..errors import ProblemError
from ..wording import near

REQUIRED = inspect.Parameter.empty
"""Default of a parameter that has none."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Parameters
    ----------
    name : str
    type : object
        A type or type hint; ``Any`` where the file says nothing.
    default : object
        ``REQUIRED`` when there is none.
    doc : str
    """

    name: str
    type: Any
    default: Any
    doc: str

    @property
    def type_name(self) -> str:
        """The type in words, such as ``int`` or ``float | None``."""
        return _words(self.type)


def parameters_of(module: ModuleType) -> tuple[Parameter, ...]:
    """Return the parameters of a model: its dataclass ``Parameters``, else the arguments of ``build``.

    The documentation of a parameter is its entry in the numpydoc docstring of the class (or of ``build``),
    or the comment behind its default.
    """
    declared = getattr(module, "Parameters", None)
    if declared is not None and dataclasses.is_dataclass(declared):
        docs = {**_comments(module, "Parameters"), **_sections(declared.__doc__ or "")}
        found = {f.name: _default(f) for f in dataclasses.fields(declared) if f.init}
    else:
        declared = module.build
        docs = _sections(declared.__doc__ or "")
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        found = {name: p.default for name, p in inspect.signature(declared).parameters.items() if p.kind in kinds}
    try:
        hints = typing.get_type_hints(declared)
    except (NameError, TypeError) as error:
        raise ProblemError(f"model file {module.__file__}: a parameter's type cannot be resolved: {error}") from None
    return tuple(Parameter(name, hints.get(name, Any), default, docs.get(name, "")) for name, default in found.items())


def convert(parameters: tuple[Parameter, ...], given: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return the given values checked against the parameters; text is read by the type.

    Raises
    ------
    ProblemError
        An unknown name, a value that does not fit its type, or a parameter without default that is not given.
    """
    known = {p.name: p for p in parameters}
    for name in given:
        if name not in known:
            raise ProblemError(
                f"model {model!r} has no parameter {name!r}{near(name, known)}; it has: {', '.join(known) or 'none'}"
            )
    for p in parameters:
        if p.default is REQUIRED and p.name not in given:
            raise ProblemError(f"model {model!r} needs a value for {p.name!r} ({p.type_name}): --set {p.name}=...")
    out = {}
    for name, value in given.items():
        try:
            out[name] = _read(value, known[name].type)
        except ValueError as error:
            reason = f": {error}" if str(error) else ""
            raise ProblemError(f"parameter {name!r} takes {known[name].type_name}, not {value!r}{reason}") from None
    return out


def _read(value: Any, hint: Any) -> Any:
    """Return the value as the type asks; ValueError when it does not fit."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, args)
    if origin is typing.Literal:
        for choice in args:
            if value == choice or value == str(choice):
                return choice
        raise ValueError(f"choose from {', '.join(map(str, args))}")
    if (origin or hint) in (list, tuple):
        return _read_list(value, origin or hint, args)
    if hint in (None, type(None)):
        if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
            return None
        raise ValueError
    if hint is bool:
        word = str(value).strip().lower()
        if word in ("true", "yes", "on", "1", "false", "no", "off", "0"):
            return word in ("true", "yes", "on", "1")
        raise ValueError("write true or false")
    if hint in (int, float):
        return _read_number(value, hint)
    if hint is str and not isinstance(value, str):
        raise ValueError
    if hint is Any and isinstance(value, str):
        return _literal(value)
    return value


def _read_number(value: Any, hint: type) -> Any:
    if isinstance(value, bool):
        raise ValueError
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError from None
    if number != number:
        raise ValueError("not a number")
    if hint is float:
        return number
    try:
        return int(value) if isinstance(value, (str, int)) else _whole(number)
    except ValueError:
        return _whole(number)


def _whole(number: float) -> int:
    if not number.is_integer():
        raise ValueError("a whole number is needed")
    return int(number)


def _read_union(value: Any, choices: tuple[Any, ...]) -> Any:
    """Take the first type that fits, text last because every value is text on a command line."""
    reason = ""
    for choice in sorted(choices, key=lambda c: (c is str, c is not type(None))):
        try:
            return _read(value, choice)
        except ValueError as error:
            reason = reason or str(error)
    raise ValueError(reason)


def _read_list(value: Any, kind: type, args: tuple[Any, ...]) -> Any:
    """Read ``1,2,3`` or ``[1, 2, 3]`` or a list."""
    if isinstance(value, str):
        inside = value.strip()
        if inside[:1] in "[(" and inside[-1:] in "])":
            inside = inside[1:-1]
        items = [part.strip().strip("'\"") for part in inside.split(",")] if inside.strip() else []
    elif isinstance(value, (list, tuple)):
        items = list(value)
    else:
        raise ValueError("write values with commas between them")
    fixed = kind is tuple and args and args[-1] is not Ellipsis
    if fixed and len(args) != len(items):
        raise ValueError(f"{len(args)} values are needed")
    wanted = args if fixed else [args[0] if args else Any] * len(items)
    return kind(_read(item, hint) for item, hint in zip(items, wanted, strict=True))


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _words(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(_words, args))
    if origin is typing.Literal:
        return " | ".join(map(str, args))
    if hint is type(None):
        return "None"
    if args:
        return f"{origin.__name__}[{', '.join('...' if a is Ellipsis else _words(a) for a in args)}]"
    return "any value" if hint is Any else getattr(hint, "__name__", str(hint))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return REQUIRED if field.default_factory is dataclasses.MISSING else field.default_factory()


def _sections(docstring: str) -> dict[str, str]:
    """Return what the numpydoc sections Parameters and Attributes say of each name."""
    docs: dict[str, str] = {}
    text = inspect.cleandoc(docstring)
    for section in re.findall(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", text, re.S | re.M):
        for entry in re.split(r"\n(?=\S)", section.strip("\n")):
            head, _, body = entry.partition("\n")
            words = " ".join(body.split())
            docs.update({name.strip(): words for name in head.split(":")[0].split(",")})
    return docs


def _comments(module: ModuleType, name: str) -> dict[str, str]:
    """Return the comments behind the fields of a class."""
    try:
        source = inspect.getsource(module)
        body = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == name).body
    except (OSError, TypeError, SyntaxError, StopIteration):
        return {}
    lines, docs = source.splitlines(), {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.end_lineno:
            tail = lines[node.end_lineno - 1].encode()[node.end_col_offset or 0 :].decode()
            docs[node.target.id] = tail.partition("#")[2].strip(": ").strip()
    return docs
