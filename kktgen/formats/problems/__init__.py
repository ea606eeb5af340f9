"""Files that hold a whole bilevel problem: ``.bilevel.json`` any, ``.aux`` with its ``.mps`` a linear one, and links.

``.mof.json`` files with a ``.link.json``, and a ``.toml`` table of level files, hold one level a file
(:mod:`kktgen.formats.problems.linked`).
"""

from __future__ import annotations

import os

from ...errors import FormatError
from ...problem.bilevel import Bilevel
from ..writing.files import contents, file_path
from . import aux_read, aux_write, bundle, bundle_read, linked, mof_write, single_read

SUFFIXES = (bundle.SUFFIX, aux_write.SUFFIX, mof_write.SUFFIX)
"""Of files that are read and written."""
__all__ = ["SUFFIXES", "aux_read", "aux_write", "bundle", "is_table", "mof_write", "read", "suffix_of"]


def suffix_of(path: str | os.PathLike[str]) -> str:
    """Return which of the suffixes a path ends in, ``.gz`` behind it set aside; empty when in none."""
    name = os.fspath(path).lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def is_table(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is that of a ``.toml`` table of level files."""
    name = os.fspath(path)
    return name.lower().endswith(linked.TABLE) and linked.is_table(file_path(name).expanduser())


def read(path: str | os.PathLike[str]) -> Bilevel:
    """Return the bilevel problem of a file.

    Parameters
    ----------
    path : path
        ``.bilevel.json``, or ``.aux`` with the ``.mps`` it names (else that of its own name) in the same folder; either
        may have ``.gz`` behind it. ``.mof.json`` with the ``.link.json`` beside it; a ``.toml`` table of level files
        (``kktgen help levels``). An ``.aux`` may list indices (``LC``, ``LR``, ``LO``, ``OS``) or names
        (``@VARSBEGIN``, in the spellings of MibS, BOBILib and idol). A plain ``.lp`` or ``.mps`` is a problem without
        followers; :func:`kktgen.highs.follower` makes a follower of one.

    Returns
    -------
    Bilevel
        Of a bundle the problem that was written, bit for bit, with what is known of it in ``about``. Of an ``.aux``
        file leader variables ``x``, follower ``lower`` with variables ``y``, rows ``upper`` and ``rows``; columns and
        rows are called as in the file, ``solution["Y7"]``.

    Raises
    ------
    FormatError
        Unknown suffix, or the file is not what it should be: file, place, what was expected.
    ProblemError
        Integer followers, which have no KKT conditions: how many.

    See Also
    --------
    kktgen.write : Writes such files.

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
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write(m, pathlib.Path(folder) / "toll.bilevel.json")
    ...     back = kg.read(path)
    >>> back
    Bilevel('toll', 4 columns, 1 followers)
    >>> kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    True
    """
    source = file_path(path)
    suffix = suffix_of(source)
    if source.name.lower().endswith(linked.TABLE):
        return linked.load_table(source).m
    if suffix == mof_write.SUFFIX:
        return linked.load_mof(source).m
    if not suffix and source.name.lower().removesuffix(".gz").endswith(single_read.SUFFIXES):
        return single_read.load(source)
    if not suffix:
        raise FormatError(
            f"{source}: a bilevel problem is read from {', '.join(SUFFIXES)} or a .toml table of level files, one "
            f"without followers from {' or '.join(single_read.SUFFIXES)}; all but .mof.json and .toml also with .gz "
            "behind it"
        )
    data = contents(source)
    return bundle_read.load(data, str(source)) if suffix == bundle.SUFFIX else aux_read.load(data, source)
