"""Where the models and instances lie, and the path of each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import ProblemError
from ..wording import near

BUNDLE = ".bilevel.json"
"""The suffix of a file that holds a whole problem; an instance may name one in place of a model."""
MODEL = "model.py"
"""The file of a model that is a folder with its parts and data."""


def folder(kind: str) -> Path:
    """Return the folder of the ``"models"`` or ``"instances"``: inside an installed package, else beside it.

    Examples
    --------
    >>> from kktgen import catalog
    >>> (catalog.folder("models") / "random_bilevel").is_dir()
    True
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / f"_{kind}"
    return inside if inside.is_dir() else package.parent / kind


def model_names() -> tuple[str, ...]:
    """Return the names of the models in the folder, sorted.

    Examples
    --------
    >>> from kktgen import catalog
    >>> "dso_vpp" in catalog.model_names()
    True
    """
    here = folder("models")
    files = {p.stem for p in here.glob("*.py") if not p.stem.startswith("_")}
    return tuple(sorted(files | {p.parent.name for p in here.glob(f"*/{MODEL}")}))


def instance_names(model: str = "*") -> tuple[str, ...]:
    """Return the ``model/case`` names of the instances in the folder, sorted.

    Examples
    --------
    >>> from kktgen import catalog
    >>> "dso_vpp/short" in catalog.instance_names("dso_vpp")
    True
    """
    return tuple(sorted(f"{p.parent.name}/{p.stem}" for p in folder("instances").glob(f"{model}/*.toml")))


_SINGLE_LEVEL = "a single-level model, which does not say who leads and who follows"
_HOLDS = {
    ".lp": _SINGLE_LEVEL, ".mps": _SINGLE_LEVEL, ".cip": _SINGLE_LEVEL, ".mod": _SINGLE_LEVEL, ".zpl": _SINGLE_LEVEL,
    ".nl": _SINGLE_LEVEL, ".gms": _SINGLE_LEVEL, ".osil": _SINGLE_LEVEL, ".mof.json": _SINGLE_LEVEL,
    ".opb": _SINGLE_LEVEL, ".sol": "a point", ".mst": "a point", ".map.json": "a map of names",
    ".certificate.json": "a certificate",
}  # fmt: skip
"""What the files of other kinds hold, by suffix; none of them is a bilevel problem."""


def refuse_other_files(target: str) -> None:
    """Refuse a file that holds no bilevel problem by its suffix: what it is, and what to do with it.

    Raises
    ------
    ProblemError
    """
    name = Path(target).name
    plain = name.lower().removesuffix(".gz")
    suffix = next((suffix for suffix in _HOLDS if plain.endswith(suffix)), None)
    if suffix is None:
        return
    words = (
        f"{target}: {suffix} files hold {_HOLDS[suffix]}; kktgen takes bilevel problems from .bilevel.json files, "
        ".aux files (which name the follower of the .mps or .lp beside them), .py models, .toml instances, or by name; "
        "and one level a file, from .mof.json files and .toml tables (kktgen help levels)"
    )
    pair = Path(target).with_name(name[: len(plain) - len(suffix)] + ".aux")
    if pair.is_file():
        words += f"; beside it lies {pair}, give that"
    elif suffix in (".lp", ".mps", ".cip"):
        words += f". kktgen info {target} tells its sizes and which solvers take it; such a solver solves it as it is"
    elif suffix == ".sol":
        words += f". kktgen verify MODEL {target} checks the point"
    raise ProblemError(words)


def is_bundle(text: str) -> bool:
    """Return whether a text names a file that holds a whole bilevel problem."""
    return text.lower().removesuffix(".gz").endswith(BUNDLE)


def model_path(name_or_path: str | Path) -> Path:
    """Return the file of a model, given its name, the file's path or its folder's."""
    text = str(name_or_path)
    refuse_other_files(text)
    if text.endswith(".py") or is_bundle(text):
        path = Path(text).expanduser().absolute()
        if path.is_file():
            return path
        raise ProblemError(_no_file("model", text, path))
    if text in model_names():
        return next(p for p in (folder("models") / text / MODEL, folder("models") / f"{text}.py") if p.is_file())
    if is_folder(text):
        return Path(text).expanduser().absolute() / MODEL
    raise ProblemError(_unknown("model", text, model_names()) + "; or give the path of a .py file")


def is_folder(text: str) -> bool:
    """Return whether a text is the path of a folder that holds a model."""
    return (Path(text).expanduser() / MODEL).is_file()


def model_name(path: Path) -> str:
    """Return the name of a model from its file: that of the folder where the file is called ``model.py``."""
    return path.parent.name if path.name == MODEL else path.stem


def instance_path(target: str | Path) -> Path:
    """Return the file of an instance, given its ``model/case`` name or the file's path."""
    text = str(target)
    refuse_other_files(text)
    if text.endswith(".toml"):
        path = Path(text).expanduser()
        if path.is_file():
            return path
        raise ProblemError(_no_file("instance", text, path))
    if Path(text).expanduser().is_file():
        raise ProblemError(
            f"{text} holds no problem that can be built: give a .py, .toml, .bilevel.json or .aux file, or a name"
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
