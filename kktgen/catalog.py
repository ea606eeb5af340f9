"""The models and instances that come with kktgen, found by looking into their folders.

A model is one Python file ``models/<name>.py`` with ``build(**parameters) -> Bilevel``, optionally a dataclass
``Parameters`` (names, types, defaults, documentation of the parameters), ``report(result)`` and

* ``methods``: a dict of ways of its own to solve it, functions that take the problem and return a ``Solution``;
* ``OPTIONS``: a dict from solver names to dicts of that solver's options that this model wants;
* ``uncertain(parameters)`` and ``sample(parameters, point)``: the inputs and the function of a two-point estimate
  (:func:`kktgen.point_estimate`), made where the parameter ``estimate`` is true and handed to
  ``report(result, estimate)``.

An instance is one file ``instances/<model>/<case>.toml``::

    # The last six hours.
    quick = true
    [parameters]
    hours = 6
    [known]
    objective = 1.33145

A path to a user's own ``.py`` or ``.toml`` file works wherever a name does.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .bilevel import Bilevel
from .errors import KktgenError, ProblemError
from .parameters import Parameter, convert, near, parameters_of


@dataclass(frozen=True)
class ModelInfo:
    """What the catalogue knows of a model.

    Parameters
    ----------
    name : str
    summary : str
        First line of the file's docstring.
    parameters : tuple of Parameter
    path : Path
    instances : tuple of str
        ``model/case`` names.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    path: Path
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    """A model with parameters and what is known of its answer.

    Parameters
    ----------
    name : str
        ``model/case``.
    model : str
        Name of the model, or path of its file.
    parameters : dict
    known : dict
        For example objective, bound, claim, source.
    quick : bool
        Solves within seconds.
    description : str
        The file's ``description``, else its first line when that is a comment.
    path : Path
    """

    name: str
    model: str
    parameters: dict[str, Any]
    known: dict[str, Any]
    quick: bool
    description: str
    path: Path


@dataclass(frozen=True)
class Function:
    """A function of a model file with its first arguments, by name, so that another process can call it.

    Parameters
    ----------
    path : str
        Of the model file.
    name : str
    args : tuple
    """

    path: str
    name: str
    args: tuple[Any, ...] = ()

    def __call__(self, *more: Any) -> Any:
        """Call it; the file is loaded once in every process."""
        return getattr(_loaded(self.path), self.name)(*self.args, *more)


@cache
def _loaded(path: str) -> ModuleType:
    return load_model(path)


def folder(kind: str) -> Path:
    """Return the folder of the ``"models"`` or ``"instances"``: inside an installed package, else beside it."""
    package = Path(__file__).resolve().parent
    inside = package / f"_{kind}"
    return inside if inside.is_dir() else package.parent / kind


def model_names() -> tuple[str, ...]:
    """Return the names of the models in the folder, sorted."""
    return tuple(sorted(p.stem for p in folder("models").glob("*.py") if not p.stem.startswith("_")))


def instance_names(model: str = "*") -> tuple[str, ...]:
    """Return the ``model/case`` names of the instances in the folder, sorted."""
    return tuple(sorted(f"{p.parent.name}/{p.stem}" for p in folder("instances").glob(f"{model}/*.toml")))


def models() -> dict[str, ModelInfo]:
    """Return every model in the folder by name.

    Raises
    ------
    ProblemError
        When a model file cannot be imported.
    """
    return {name: describe(name) for name in model_names()}


def describe(name_or_path: str | Path) -> ModelInfo:
    """Return what the catalogue knows of one model (name or path of a file)."""
    module, path = load_model(name_or_path), _model_path(name_or_path)
    lines = (module.__doc__ or "").strip().splitlines()
    return ModelInfo(path.stem, lines[0] if lines else "", parameters_of(module), path, instance_names(path.stem))


def load_model(name_or_path: str | Path) -> ModuleType:
    """Import a model file.

    Parameters
    ----------
    name_or_path : str or Path
        ``dso_vpp``, or the path of a file that ends in ``.py``.

    Returns
    -------
    module
        With ``build`` and perhaps ``Parameters`` and ``report``.

    Raises
    ------
    ProblemError
        No such model, the file fails on import, or it has no ``build``.
    """
    path = _model_path(name_or_path)
    name = f"kktgen_models.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProblemError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        if isinstance(error, KktgenError) or not isinstance(error, (Exception, SystemExit)):
            raise
        raise ProblemError(f"model file {path} cannot be imported: {where(error, str(path))}") from error
    if not callable(getattr(module, "build", None)):
        raise ProblemError(f"model file {path} has no function build(...) that returns a kktgen.Bilevel")
    return module


@cache
def beside(file: str, name: str) -> ModuleType:
    """Import a module that lies beside a model file: a part of the model, in a file whose name begins with ``_``.

    Parameters
    ----------
    file : str
        ``__file__`` of the model.
    name : str
        ``_carbon_vpp_report``; the catalogue lists no such file as a model.

    Returns
    -------
    module

    Raises
    ------
    ProblemError
        No such file.
    """
    path = Path(file).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"kktgen_models.{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ProblemError(f"no file {path} beside the model")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Bilevel:
    """Build a model's problem.

    Parameters
    ----------
    name_or_path : str or Path
        Model name, ``model/case`` of an instance, or path of a ``.py`` or ``.toml`` file.
    overrides : mapping, optional
        Parameter values; they win over the instance's. Text is read by the type of the parameter.

    Returns
    -------
    Bilevel

    Raises
    ------
    ProblemError
        Unknown model or parameter, a value of the wrong type, or whatever ``build`` objects to.
    """
    model, given = resolve(name_or_path)
    module = load_model(model)
    return call(module, checked(module, {**given, **(overrides or {})}))


def checked(module: ModuleType, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameter values for a loaded model, checked and read by the types of its parameters."""
    return convert(parameters_of(module), overrides, module.__name__.rpartition(".")[2])


def call(module: ModuleType, values: Mapping[str, Any]) -> Bilevel:
    """Call ``build`` of a loaded model with checked parameter values."""
    try:
        out = module.build(**values)
    except KktgenError:
        raise
    except (Exception, SystemExit) as error:
        raise ProblemError(f"model file {module.__file__}: build() failed: {where(error, module.__file__)}") from error
    if not isinstance(out, Bilevel):
        raise ProblemError(f"model file {module.__file__}: build() returned {type(out).__name__}, not a kktgen.Bilevel")
    return out


def resolve(target: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the model (name or path) behind a target and the parameters of its instance, if it is one."""
    text = str(target)
    if text.endswith(".toml") or (not text.endswith(".py") and "/" in text):
        instance = load_instance(target)
        return instance.model, instance.parameters
    return text, {}


def load_instance(target: str | Path) -> Instance:
    """Read an instance.

    Parameters
    ----------
    target : str or Path
        ``model/case``, or the path of a ``.toml`` file. The file's ``model`` may be a name or a path relative to
        the file; without it the model is named by the file's folder.

    Raises
    ------
    ProblemError
        No such instance, or the file is not one.
    """
    path = _instance_path(target)
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"instance {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ProblemError(f"instance {path} is not a TOML file: {error}") from None
    types = {"model": str, "description": str, "quick": bool, "parameters": dict, "known": dict}
    for key, value in data.items():
        if key not in types:
            raise ProblemError(f"instance {path}: unknown key {key!r}{near(key, types)}")
        if not isinstance(value, types[key]):
            raise ProblemError(f"instance {path}: {key!r} must be a {types[key].__name__}, not {value!r}")
    comment = text.partition("\n")[0].removeprefix("#").strip() if text.startswith("#") else ""
    model = data.get("model", path.resolve().parent.name)
    if "model" not in data and model not in model_names():
        raise ProblemError(f"instance {path} names no model: write model = 'name', or the path of a .py file, into it")
    if model.endswith(".py"):
        model = str(path.parent / model)
    return Instance(
        f"{Path(model).stem}/{path.stem}", model, data.get("parameters", {}), data.get("known", {}),
        data.get("quick", False), data.get("description", comment), path,
    )  # fmt: skip


def _model_path(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text.endswith(".py"):
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return path
        raise ProblemError(_no_file("model", text, path))
    if text in model_names():
        return folder("models") / f"{text}.py"
    raise ProblemError(_unknown("model", text, model_names()) + "; or give the path of a .py file")


def _instance_path(target: str | Path) -> Path:
    text = str(target)
    if text.endswith(".toml"):
        path = Path(text).expanduser()
        if path.is_file():
            return path
        raise ProblemError(_no_file("instance", text, path))
    if text in instance_names():
        return folder("instances") / f"{text}.toml"
    raise ProblemError(_unknown("instance", text, instance_names()) + "; or give the path of a .toml file")


def _no_file(what: str, text: str, path: Path) -> str:
    if path.is_dir():
        return f"no {what} file {text}: it is a folder"
    return f"no {what} file {text}" + near(path.name, (p.name for p in path.parent.glob(f"*{path.suffix}")))


def _unknown(what: str, text: str, known: Iterable[str]) -> str:
    known = tuple(known)
    return f"no {what} {text!r}{near(text, known)}; there are: {', '.join(known) or 'none'}"


def where(error: BaseException, path: str | None) -> str:
    """Return the last line of the model's own file on the way to an error, and the error, in one line."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    at = f"line {lines[-1]}: " if lines and lines[-1] else ""
    words = f": {error}" if str(error) else ""
    return f"{at}{type(error).__name__}{words}".splitlines()[0]
