"""Model files: one module a format, found by scanning this folder.

Takes: a Model or a Bilevel; a file.
Gives: a file; a Bilevel, a point.
Must not know: solvers that run.

A format module declares ``SUFFIX``, ``FEATURES`` (keys of :data:`kktgen.model.model.FEATURES` it can hold) and
``dump(form, file)`` of a plain form. One that orders columns and rows in its own way, or adds some, also has
``listing(model, form)``, and one that names some ``replaced(form)``. What a format cannot hold is refused by name,
never written and hoped for. Whole bilevel problems are held by the formats of the folder ``instances``.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import os
import pkgutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from ..errors import FormatError, ProblemError, UnsupportedError
from ..model.model import FEATURES, Model
from ..model.single_level import single_level
from ..problem.bilevel import Bilevel
from ..progress import ProgressOption, shown
from ..reformulate.level import without_cutoff
from ..reformulate.scale import Scaled, as_it_stands
from ..reformulate.scale import scaled as stated
from . import problems
from .maps.provenance import listing
from .maps.read import NameMap, read_map
from .maps.write import dump_map, map_path
from .problems import read
from .solutions import read_solution, write_solution
from .targets import check_target, encoding_rows, file_features, reader_rows, readers, target_name
from .writing.counted import Counted
from .writing.files import file_path, remove_file, replace_file
from .writing.magnitudes import warn_of_units
from .writing.names import column_names
from .writing.plain import Plain, plain

__all__ = [
    "NameMap",
    "column_names",
    "dumps",
    "encoding_rows",
    "file_features",
    "formats",
    "read",
    "read_map",
    "read_solution",
    "reader_rows",
    "readers",
    "write",
    "write_solution",
]


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])


def formats() -> dict[str, Any]:
    """Return the format modules by suffix, e.g. ``{".cip": <module>, ".lp": <module>, ".mps": <module>}``.

    Examples
    --------
    >>> from kktgen.formats import formats
    >>> sorted(formats())
    ['.cip', '.lp', '.mps']
    """
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.SUFFIX: module for module in sorted(modules, key=lambda m: m.__name__) if hasattr(module, "SUFFIX")}


def write(
    problem: Model | Bilevel,
    path: str | os.PathLike[str],
    form: str | None = None,
    *,
    target: str | None = None,
    names: str = "full",
    map: bool = False,  # noqa: A002
    scaled: bool = False,
    progress: ProgressOption = None,
) -> Path:
    """Write a model or a bilevel problem to a file in the format of its suffix.

    The file is complete or absent: it is written under a temporary name and then renamed. The same model
    gives the same bytes, whatever the process.

    Parameters
    ----------
    problem : Model or Bilevel
        A Bilevel must be without followers; an MPEC must be encoded first. Of ``.bilevel.json`` and ``.aux`` it is the
        other way round: they hold the Bilevel itself.
    path : path
        Ends in ``.lp``, ``.mps`` or ``.cip``, or in ``.bilevel.json`` (the whole problem, :func:`read` returns it) or
        ``.aux`` (one LP follower, together with an ``.mps`` of the same name), and in ``.gz`` as well to be compressed.
        Or in ``.mof.json``: the leader's level for JuMP, with a file a follower and a ``.link.json`` beside it.
    form : str, optional
        Of an ``.aux`` file: ``"index"`` (MibS, the default), ``"names"`` (MibS) or ``"bobilib"`` (BOBILib, idol).
    target : str, optional
        The solver the file is for: ``scip``, ``highs``, ``gurobi``, ``cplex``, ``xpress``, ``copt``, ``mosek``,
        ``cbc``, ``glpk``, ``lp_solve`` or ``symphony``. What it would misread, reject or not solve is refused.
    names : str
        ``"full"``, such as ``mu_ub(market,g,2)``, or ``"short"``: columns ``x1``, ``x2``, ..., rows ``c1``, ..., sets
        ``s1``, ...
    map : bool
        Whether to write ``<path>.map.json`` too, which says where every column, row and set comes from
        (:func:`read_map`). It is written anyway with short names, and where full names clash or are too long and became
        ``x<j>`` or ``c<i>``; where none is written, one of an earlier file of this name is removed.
    scaled : bool
        Whether to write the model in its own units (:mod:`kktgen.reformulate.scale`), in which its numbers are of order
        one, and their map, which holds them; :func:`read_solution` brings points of the file back. The file of a
        problem of ordinary numbers is the same either way. By default the file is in the user's units, with a warning
        where readers, which work to absolute tolerances, would get it wrong.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress`, also with ``fraction``, while an
        ``.lp``, ``.mps`` or ``.cip`` file is written, at most four times a second.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FormatError
        Unknown suffix, or the file cannot be written.
    UnsupportedError
        The format or the target lacks a feature of the model, the target would drop or refuse a number of it, or there
        are followers or complementarity pairs: what, where, and the cures. Or it was tightened, and no point lies
        beside the file.
    ProblemError
        NaN or inf where a number is needed, an unknown target, or an option that the format does not have.

    See Also
    --------
    kktgen.dumps : The same as text.
    kktgen.read : Problems from ``.bilevel.json`` and ``.aux`` files.
    kktgen.readers : Which solver takes which file.

    Notes
    -----
    The objective is always minimised: of a maximised problem the negated objective is written. Boxes that rest on the
    value of a verified point (``proved(cutoff ..)``, see :func:`kktgen.optimize`) are written only where a start lies
    beside the file, ``.sol`` or ``.mst`` of the same name. A model of :func:`kktgen.tighten` is refused without one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> milp = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kg.write(milp, pathlib.Path(folder) / "toll.mps.gz").name
    ...     kg.write(m, pathlib.Path(folder) / "toll.bilevel.json").name
    'toll.mps.gz'
    'toll.bilevel.json'

    What the reader would get wrong is refused, with the cures:

    >>> kg.write(kg.encode(kg.kkt(m), kg.Product()), "toll.lp", target="highs")
    Traceback (most recent call last):
        ...
    kktgen.errors.UnsupportedError: model 'toll' as .lp for highs: ... Cures: kg.eliminate rids the objective of ...
    """
    file = file_path(path)
    zipped = file.suffix.lower() == ".gz"
    whole = problems.suffix_of(file)
    if form is not None and whole != problems.aux_write.SUFFIX:
        raise ProblemError(f"{file}: form={form!r} belongs to .aux files")
    if whole and (target is not None or names != "full" or map or scaled):
        known = ", ".join(formats())
        raise ProblemError(f"{file}: target=, names=, map= and scaled= belong to {known} files, not to {whole}")
    if whole == problems.aux_write.SUFFIX:
        return problems.aux_write.write(cast(Bilevel, problem), file, form)
    if whole == problems.mof_write.SUFFIX:
        return problems.mof_write.write(cast(Bilevel, problem), file)
    if whole:
        return replace_file(file, _filler(problems.bundle, problem, zipped, None))
    suffix = (file.with_suffix("") if zipped else file).suffix.lower()
    module = _format(suffix, str(file))
    view, body = _body(_for_all(problem, file), module, target, names, zipped, scaled)
    with shown(progress, "write") as told:
        count = None if told is None else partial(Counted, progress=told, name=file.name, total=body.lines)
        out = replace_file(file, _filler(module, body, zipped, count))
    if map or view.changes or body.replaced or getattr(module, "replaced", _never)(body):
        found = getattr(module, "listing", listing)(view.model, body)
        replace_file(map_path(file), lambda inner: dump_map(inner, view, file, names, found))
    else:
        remove_file(map_path(file))
    return out


def _for_all(problem: Any, file: Path | None = None) -> Any:
    """Return a model with the boxes that hold for all points, unless a start lies beside the file.

    Raises
    ------
    UnsupportedError
        None does, and rounds over followers have made the model what it is: it was asked for as such.
    """
    if not isinstance(problem, Model) or problem.cutoff is None:
        return problem
    stem = None if file is None else file.with_suffix("") if file.suffix.lower() == ".gz" else file
    if stem is not None and any(stem.with_suffix(end).is_file() for end in (".sol", ".mst")):
        return problem
    if problem.cutoff.rows is None:
        return without_cutoff(problem)
    value = f"boxes and rows of model {problem.name!r} hold for points of value {problem.cutoff.value:.10g} or better"
    point = "a file" if stem is None else stem.with_suffix(".sol").name
    raise UnsupportedError(
        f"{value}, so that a point of that value has to lie beside it. Cures: kg.write_solution(point, ...) writes "
        f"{point} first, then kg.write the model beside it; or write the model that kg.tighten was given"
    )


def _never(form: Plain) -> bool:
    return False


def _filler(module: Any, body: Any, zipped: bool, told: Callable[[Any], Counted] | None) -> Callable[[IO[bytes]], None]:
    """Return what fills a file: the format's text, counted where progress is told, packed where asked."""

    def fill(file: IO[bytes]) -> None:
        with contextlib.ExitStack() as stack:
            inner: Any = file
            if zipped:
                inner = stack.enter_context(
                    gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
                )
            counted = inner if told is None else told(inner)
            module.dump(body, counted)
            if told is not None:
                counted.done()

    return fill


def dumps(
    problem: Model | Bilevel,
    format: str,  # noqa: A002
    *,
    target: str | None = None,
    names: str = "full",
    scaled: bool = False,
) -> str:
    """Return the text that :func:`write` puts into a file.

    Parameters
    ----------
    problem : Model or Bilevel
        A Bilevel must be without followers; an MPEC must be encoded first.
    format : str
        ``"lp"``, ``"mps"`` or ``"cip"``; ``"bilevel.json"`` of a Bilevel.
    target, names, scaled
        As of :func:`write`.

    Returns
    -------
    str

    Raises
    ------
    FormatError, UnsupportedError, ProblemError
        As :func:`write`.

    See Also
    --------
    kktgen.write : Into a file.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("tiny")
    >>> x = m.var("x", 2, lb=0, ub=1)
    >>> m.maximize(3 * x[0] + 2 * x[1])
    >>> row = m.add(x.sum() <= 1, name="limit")
    >>> print(kg.dumps(m, "lp"))
    Minimize
     obj:
     - 3.0 x(0)
     - 2.0 x(1)
    Subject To
     limit:
     + 1.0 x(0)
     + 1.0 x(1)
     <= 1.0
    Bounds
     0.0 <= x(0) <= 1.0
     0.0 <= x(1) <= 1.0
    End
    """
    suffix, file = "." + str(format).lower().lstrip("."), io.BytesIO()
    if suffix == problems.bundle.SUFFIX:
        problems.bundle.dump(cast(Bilevel, problem), file)
        return file.getvalue().decode("utf-8")
    module = _format(suffix, f"format {format!r}")
    module.dump(_body(_for_all(problem), module, target, names, False, scaled)[1], file)
    return file.getvalue().decode("ascii")


def _format(suffix: str, where: str) -> Any:
    known = formats()
    if suffix not in known:
        raise FormatError(
            f"{where}: no format has the suffix {suffix!r}; known are {', '.join(known)}, each also with .gz behind "
            f"it; whole bilevel problems go into {' and '.join(problems.SUFFIXES)}"
        )
    return known[suffix]


def _body(
    problem: Any, module: Any, target: str | None, names: str, zipped: bool, in_own_units: bool
) -> tuple[Scaled, Plain]:
    """Return the model in the units of the file and its plain form, once format and target are known to take it."""
    if target is not None:
        target_name(target)
    model = _writable(problem, module)
    view = stated(model) if in_own_units else as_it_stands(model)
    body = plain(view.model, names, warned=target is None)
    if not in_own_units and body.magnitudes.safe:
        warn_of_units(stated(model))
    if target is not None:
        check_target(view.model, body, target, module.SUFFIX, zipped)
    return view, body


def _writable(problem: Any, module: Any) -> Model:
    """Return the problem as a model the format can hold."""
    model = single_level(problem, "write", f"{module.SUFFIX} cannot hold", ", or write a .bilevel.json")
    if not (set(FEATURES) - {"pairs"} <= module.FEATURES):  # only then is it worth finding out which are needed
        missing = model.features - module.FEATURES
        if missing:
            able = [suffix for suffix, other in formats().items() if missing <= other.FEATURES]
            cure = f"formats that have it: {', '.join(able)}" if able else "no file format has it"
            words = ", ".join(FEATURES[key] for key in sorted(missing))
            raise UnsupportedError(f"{module.SUFFIX} cannot hold {words} of model {model.name!r}; {cure}")
    return model
