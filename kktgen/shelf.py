"""Where the models and instances lie, and the path of each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .errors import ProblemError
from .parameters import near


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


def model_path(name_or_path: str | Path) -> Path:
    """Return the file of a model, given its name or the file's path."""
    text = str(name_or_path)
    if text.endswith(".py"):
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return path
        raise ProblemError(_no_file("model", text, path))
    if text in model_names():
        return folder("models") / f"{text}.py"
    raise ProblemError(_unknown("model", text, model_names()) + "; or give the path of a .py file")


def instance_path(target: str | Path) -> Path:
    """Return the file of an instance, given its ``model/case`` name or the file's path."""
    text = str(target)
    if text.endswith(".toml"):
        path = Path(text).expanduser()
        if path.is_file():
            return path
        raise ProblemError(_no_file("instance", text, path))
    if Path(text).expanduser().is_file():
        raise ProblemError(
            f"{text} holds no problem that can be built: give a .py, .toml, .bilevel.json or .aux file, or a name; "
            "of .lp, .mps and .cip files kktgen info tells the sizes, of .sol files kktgen verify MODEL FILE the rest"
        )
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
