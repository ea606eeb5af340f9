"""The models and instances that come with kktgen, found by looking into their folders.

Takes: a name or a path, and parameters.
Gives: a Bilevel, what is known of its answer, figures.
Must not know: how it is solved.

A model is a folder ``models/<name>/`` whose ``model.py`` has its parts and data beside it, or one file
``models/<name>.py``. It has ``build(**parameters) -> Bilevel``, optionally a dataclass
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

It may hold more (:mod:`kktgen.catalog.schema`), which :mod:`kktgen.library` writes and checks, and name the file of a
whole problem, ``.bilevel.json``, in place of a model. A path to a user's own ``.py`` or ``.toml`` file works wherever a
name does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import KktgenError, ProblemError
from ..problem.bilevel import Bilevel
from .instance import Instance, load_instance
from .loading import Function, beside, load_model, where
from .parameters import Parameter, convert, parameters_of
from .places import folder, instance_names, is_folder, model_name, model_names, model_path

__all__ = [
    "Function", "Instance", "ModelInfo", "beside", "build", "call", "checked", "describe", "folder", "instance_names",
    "load_instance", "load_model", "model_names", "models", "resolve", "where",
]  # fmt: skip


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

    See Also
    --------
    kktgen.catalog.describe : Makes one.

    Examples
    --------
    >>> from kktgen import catalog
    >>> info = catalog.describe("random_bilevel")
    >>> info.name, "random_bilevel/toll_small" in info.instances
    ('random_bilevel', True)
    >>> [parameter.name for parameter in info.parameters][:3]
    ['family', 'followers', 'rows']
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    path: Path
    instances: tuple[str, ...] = ()


def models() -> dict[str, ModelInfo]:
    """Return every model in the folder by name.

    Raises
    ------
    ProblemError
        When a model file cannot be imported.

    Examples
    --------
    >>> from kktgen import catalog
    >>> print(catalog.models()["dso_vpp"].summary)
    A distribution system operator sets hourly prices for virtual power plants.
    """
    return {name: describe(name) for name in model_names()}


def describe(name_or_path: str | Path) -> ModelInfo:
    """Return what the catalogue knows of one model (name or path of a file).

    Examples
    --------
    >>> from kktgen import catalog
    >>> print(catalog.describe("random_bilevel").summary)
    Seeded random bilevel problems for benchmarks: LP and QP followers, and tolls on a network.
    """
    module, path = load_model(name_or_path), model_path(name_or_path)
    name = model_name(path)
    lines = (module.__doc__ or "").strip().splitlines()
    return ModelInfo(name, lines[0] if lines else "", parameters_of(module), path, instance_names(name))


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

    See Also
    --------
    kktgen.optimize : Solves the problem.

    Examples
    --------
    >>> from kktgen import catalog
    >>> catalog.build("random_bilevel/toll_small")
    Bilevel('random_bilevel', 201 columns, 4 followers)
    >>> catalog.build("random_bilevel", {"family": "qp", "leaders": "3", "cols": 4, "rows": 4})
    Bilevel('random_bilevel', 19 columns, 1 followers)
    """
    model, given = resolve(name_or_path)
    module = load_model(model)
    return call(module, checked(module, {**given, **(overrides or {})}))


def checked(module: ModuleType, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameter values for a loaded model, checked and read by the types of its parameters.

    Examples
    --------
    >>> from kktgen import catalog
    >>> catalog.checked(catalog.load_model("random_bilevel"), {"leaders": "12"})["leaders"]
    12
    """
    return convert(parameters_of(module), overrides, module.__name__.rpartition(".")[2])


def call(module: ModuleType, values: Mapping[str, Any]) -> Bilevel:
    """Call ``build`` of a loaded model with checked parameter values.

    See Also
    --------
    build : By name, in one step.

    Examples
    --------
    >>> from kktgen import catalog
    >>> module = catalog.load_model("random_bilevel")
    >>> catalog.call(module, catalog.checked(module, {"family": "lp", "leaders": 2}))
    Bilevel('random_bilevel', 27 columns, 1 followers)
    """
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
    """Return the model (name or path) behind a target and the parameters of its instance, if it is one.

    Examples
    --------
    >>> from kktgen import catalog
    >>> catalog.resolve("random_bilevel/toll_small")
    ('random_bilevel', {'family': 'toll', 'rows': 8, 'cols': 6, 'leaders': 5, 'followers': 4, 'seed': 4})
    """
    text = str(target)
    if text.endswith(".toml") or (not text.endswith(".py") and "/" in text and not is_folder(text)):
        instance = load_instance(target)
        return instance.model, instance.parameters
    return text, {}
