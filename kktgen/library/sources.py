"""Where an instance comes from: its own file, a model with parameters, or a file that holds a whole problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import catalog
from ..catalog.places import instance_path, is_bundle, model_path
from ..errors import ProblemError
from ..formats import read
from ..formats.problems import is_table, suffix_of
from ..problem.bilevel import Bilevel
from . import case_file
from .catalogue import INSTALLED
from .stored import BUNDLE

LONGEST = 100
"""Characters of the longest name of a case or a family."""


@dataclass(eq=False)
class Source:
    """An instance about to be added or updated.

    Parameters
    ----------
    path : Path
        Of its file, which need not be there yet.
    data : dict
        What the file holds.
    module : ModuleType
        Of its model.
    bilevel : Bilevel
    is_file : bool
        The problem comes from a file, not from a model: the stored bundle is all there is of it.
    """

    path: Path
    data: dict[str, Any]
    module: ModuleType
    bilevel: Bilevel
    is_file: bool = False

    @property
    def stem(self) -> str:
        """The case's name."""
        return self.path.stem

    @property
    def name(self) -> str:
        """``model/case``, wherever the files lie; the case alone where there is no model."""
        model = Path(self.data["model"])
        return self.stem if self.is_file else f"{model.stem}/{self.stem}"

    def beside(self, suffix: str) -> Path:
        """Return the path of a file of this instance."""
        return self.path.with_name(self.stem + suffix)


def source_of(target: str, parameters: Mapping[str, Any], name: str = "", family: str = "") -> Source:
    """Return the instance a target stands for.

    Parameters
    ----------
    target : str
        ``family/case`` or a ``.toml`` file; a model's name or ``.py`` file; a file that holds a problem.
    parameters : mapping
        Of a model; text is read by the parameters' types.
    name : str
        Of the case; by default that of the file.
    family : str
        A family of the library, whose folder takes the files; else they lie beside the target, or, of a model by
        name, in the current folder.

    Raises
    ------
    ProblemError
        Nothing of that name, parameters for a finished problem, or another instance's file is in the way.
    """
    if not is_table(target) and suffix_of(target) or is_table(target):
        return _of_file(target, parameters, name, family)
    if target.endswith(".toml") or (target in catalog.instance_names()):
        return _of_instance(target, parameters, name, family)
    return _of_model(target, parameters, name, family)


def _of_instance(target: str, parameters: Mapping[str, Any], name: str, family: str) -> Source:
    if parameters:
        raise ProblemError(f"{target} has its parameters in the file: write {', '.join(parameters)} there")
    path = instance_path(target)
    instance = catalog.load_instance(path)
    data = case_file.read(path)
    if name or family:
        path = _place(path.parent if target.endswith(".toml") else Path(), name or path.stem, family)
        if family and (instance.model.endswith(".py") or is_bundle(instance.model)):
            raise ProblemError(f"{target}: a model of one's own goes into models/{family}/ first; then name it there")
        data = {**data, "model": data.get("model", instance.model)}
    if INSTALLED in path.resolve().parts:
        raise ProblemError(f"{target} belongs to an installed package, which stays as it is")
    module = catalog.load_model(instance.model)
    bilevel = catalog.call(module, catalog.checked(module, instance.parameters))
    return Source(path, data, module, bilevel, is_bundle(instance.model))


def _of_file(target: str, parameters: Mapping[str, Any], name: str, family: str) -> Source:
    if parameters:
        raise ProblemError(f"{target} holds a finished problem, in which {', '.join(parameters)} cannot be set")
    given = Path(target).expanduser()
    bilevel = read(given)
    stem = name or given.name.removesuffix(".gz").removesuffix(suffix_of(target) or given.suffix)
    path = _place(given.parent, stem, family)
    data = _fresh(path, f"{stem}{BUNDLE}", {})
    module = ModuleType(given.name)
    module.__file__ = str(given)
    return Source(path, data, module, bilevel, True)


def _of_model(target: str, parameters: Mapping[str, Any], name: str, family: str) -> Source:
    file, module = model_path(target), catalog.load_model(target)
    inside = catalog.folder("models") in file.parents
    values = catalog.checked(module, parameters)
    if family and not inside:
        raise ProblemError(f"{target}: a model of one's own goes into models/{family}/ first; then name it there")
    own = catalog.describe(target).name
    given = Path(target).expanduser()
    folder = Path() if inside else given.parent if given.suffix == ".py" else given
    path = _place(folder, name or own, family)
    data = _fresh(path, own if inside else file.name, {key: values[key] for key in parameters})
    data.setdefault("description", catalog.describe(target).summary or own)
    return Source(path, data, module, catalog.call(module, values))


def _place(folder: Path, stem: str, family: str) -> Path:
    """Return the path of the instance's file, its folder made."""
    for option, word in (("--name", stem), ("--family", family)):
        if word in (".", "..") or any(sign in word for sign in "/\\\0") or len(word) > LONGEST:
            raise ProblemError(
                f"{option} takes a plain name of at most {LONGEST} characters, without / and \\, not {word[:120]!r}; "
                "change to the folder where the instance is to lie"
            )
    if not family:
        return folder / f"{stem}.toml"
    root = catalog.folder("instances")
    if root.name == INSTALLED:
        raise ProblemError("--family writes into a checkout of kktgen, and this is an installed package: leave it out")
    (root / family).mkdir(exist_ok=True)
    return root / family / f"{stem}.toml"


def _fresh(path: Path, model: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what the file of a new instance holds, or what it holds already, of the same model and parameters."""
    before = case_file.read(path)
    data = {"model": model, **({"parameters": parameters} if parameters else {})}
    if before and (before.get("model"), before.get("parameters", {})) != (model, parameters):
        raise ProblemError(f"{path} is there already and says another model or other parameters: give --name")
    return {**data, **before}
