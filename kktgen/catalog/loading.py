"""Model files: imported, their parts beside them, their functions for other processes, their errors in one line."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import KktgenError, ProblemError
from ..formats import read
from .places import is_bundle, model_name, model_path


@dataclass(frozen=True)
class Function:
    """A function of a model file with its first arguments, by name, so that another process can call it.

    Parameters
    ----------
    path : str
        Of the model file.
    name : str
    args : tuple

    Examples
    --------
    A model's function for a pool of processes, which cannot take functions of files.

    >>> from kktgen import catalog
    >>> path = catalog.load_model("random_bilevel").__file__
    >>> build = catalog.Function(path, "build")
    >>> build().name
    'random_bilevel'
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

    See Also
    --------
    kktgen.catalog.build : The problem of a model, in one step.

    Examples
    --------
    >>> from kktgen import catalog
    >>> module = catalog.load_model("random_bilevel")
    >>> module.build(family="lp", leaders=2, seed=1)
    Bilevel('random_bilevel', 27 columns, 1 followers)
    """
    path = model_path(name_or_path)
    if is_bundle(path.name):
        return _stored(path)
    name = f"kktgen_models.{model_name(path)}"
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


def _stored(path: Path) -> ModuleType:
    """Return a module whose ``build()`` reads the problem of a file."""
    module = ModuleType(path.name)
    module.__file__ = str(path)
    module.build = lambda: read(path)  # type: ignore[attr-defined]
    return module


@cache
def beside(file: str, name: str) -> ModuleType:
    """Import a module that lies beside a model file: a part of the model.

    Parameters
    ----------
    file : str
        ``__file__`` of the model.
    name : str
        ``report``, or ``../common/vpp_plots``: the path of the file without ``.py``. Beside models of one file it
        begins with ``_``, so that the catalogue does not take it for a model.

    Returns
    -------
    module

    Raises
    ------
    ProblemError
        No such file.

    Examples
    --------
    A model file whose data stand in another file of its folder:

    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (pathlib.Path(folder) / "data.py").write_text("TARIFF = [30, 45]")
    ...     data = kg.beside(f"{folder}/model.py", "data")      # in the model: kg.beside(__file__, "data")
    >>> data.TARIFF
    [30, 45]
    """
    path = (Path(file).parent / f"{name}.py").resolve()
    spec = importlib.util.spec_from_file_location(f"kktgen_models.{path.parent.name}.{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ProblemError(f"no file {path} beside the model")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def where(error: BaseException, path: str | None) -> str:
    r"""Return the last line of the model's own file on the way to an error, and the error, in one line.

    Examples
    --------
    >>> from kktgen import catalog
    >>> try:
    ...     exec(compile("x = 1\ny = x / 0", "mine.py", "exec"))
    ... except ZeroDivisionError as error:
    ...     print(catalog.where(error, "mine.py"))
    line 2: ZeroDivisionError: division by zero
    """
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    at = f"line {lines[-1]}: " if lines and lines[-1] else ""
    words = f": {error}" if str(error) else ""
    return f"{at}{type(error).__name__}{words}".splitlines()[0]
