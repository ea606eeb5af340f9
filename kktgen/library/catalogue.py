"""The list of instances: sizes and class code of each once for all, with what its file says now.

``catalogue.json`` lies beside the instances (of the library in the folder ``instances``). Building every model takes
minutes, so it keeps their statistics; an entry's ``digest`` is that of the instance's file when the entry was made,
its ``key`` that of the problem its statistics are of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import orjson

from .. import catalog
from ..catalog import schema
from ..errors import KktgenError, ProblemError
from ..wording import near
from . import case_file
from .classes import sizes
from .findings import Checked
from .picture import picture
from .records import TOP, value_of
from .selection import name_of
from .stored import digest, write_bytes

FILE = "catalogue.json"
INSTALLED = "_instances"
"""Name of the folder of the instances in an installed package."""
FORMAT = "kktgen catalogue/1"
COUNTED = (
    "class", "columns", "pairs", "n_x", "I_u", "B_u", "n_y", "followers", "n_link", "m_u", "m_l", "m_coup", "m_link",
    "alpha", "priced", "products_u", "products_l", "nash", "lifted", "conditional", "complements",
)  # fmt: skip
"""Statistics in an entry."""
PICTURE = "picture"
"""Key of the picture of its structure (:mod:`kktgen.library.picture`)."""
SAID = ("family", "case", "description", "grade", "tags", "status", "sense", "value", "bound", "claim", "proved")
"""What an entry says besides, taken from the instance's file."""
REFRESH = "run kktgen instance list --refresh"

Entry = dict[str, Any]


def root_of(path: Path) -> Path:
    """Return the folder whose catalogue an instance belongs to: that of the library, else the instance's own."""
    library = catalog.folder("instances").resolve()
    own = path.resolve()
    return library if own.parent.parent == library else own.parent


def is_library(root: Path) -> bool:
    """Return whether a folder is that of the library."""
    return root == catalog.folder("instances").resolve()


def is_installed() -> bool:
    """Return whether the library is that of an installed package, which is not written to."""
    return catalog.folder("instances").name == INSTALLED


def load(root: Path) -> dict[str, Entry]:
    """Return the entries of a folder's catalogue by name; none where there is no catalogue.

    Raises
    ------
    ProblemError
        The file is no catalogue.
    """
    path = root / FILE
    if not path.is_file():
        return {}
    try:
        data = orjson.loads(path.read_bytes())
        if data.get("format") != FORMAT:
            raise ValueError(f"format {data.get('format')!r}")
        return {name: dict(entry) for name, entry in data["instances"].items()}
    except (ValueError, KeyError, AttributeError, OSError) as error:
        raise ProblemError(f"{path} is no catalogue of instances ({error}); {REFRESH}, after removing it") from None


def write(root: Path, entries: Mapping[str, Entry]) -> Path:
    """Write a folder's catalogue, one line an instance."""
    option = orjson.OPT_SERIALIZE_NUMPY
    lines = [orjson.dumps(name) + b":" + orjson.dumps(entries[name], option=option) for name in sorted(entries)]
    head = b'{"format":' + orjson.dumps(FORMAT) + b',"instances":{\n'
    return write_bytes(root / FILE, head + b",\n".join(lines) + b"\n}}\n")


def key_of(data: Mapping[str, Any]) -> str:
    """Return what the statistics of an instance belong to: the digest of its problem, else of model and parameters."""
    found = data.get("problem", {}).get("sha256")
    if found:
        return str(found)
    made_of = orjson.dumps([data.get("model"), data.get("parameters", {})], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(made_of).hexdigest()


def said(path: Path, data: Mapping[str, Any]) -> Entry:
    """Return what an instance's file says, as an entry without statistics."""
    known, value = data.get("known", {}), value_of(data.get("known", {}))
    family, _, case = name_of(path).rpartition("/")
    return {
        "family": family, "case": case, "description": catalog.load_instance(path).description,
        "grade": data.get("grade", ""), "tags": data.get("tags", []), "status": data.get("data", {}).get("status", ""),
        "sense": known.get("sense", ""), "value": value, "bound": known.get("bound"), "claim": known.get("claim", ""),
        "proved": known.get("claim") in TOP,
    }  # fmt: skip


def entry(path: Path, before: Mapping[str, Any] | None = None, counted: Mapping[str, Any] | None = None) -> Entry:
    """Return the entry of an instance; its statistics are those before where its problem is the same.

    Raises
    ------
    KktgenError
        The file cannot be read, or its problem cannot be built.
    """
    data = case_file.read(path)
    key = key_of(data)
    if counted is None and before is not None and before.get("key") == key and before.get("class"):
        counted = before
    if counted is None or PICTURE not in counted:
        m = catalog.build(path)
        counted = {**(sizes(m) if counted is None else counted), PICTURE: picture(m)}
    numbers = {name: counted[name] for name in (*COUNTED, PICTURE) if name in counted}
    return {"digest": digest(path.read_bytes()), "key": key, **said(path, data), **numbers}


def entries(paths: Sequence[Path]) -> tuple[dict[Path, Entry], list[Path]]:
    """Return what is listed of instances, and those whose statistics are not up to date.

    What the files say is always as it is now. Models of the library are not built for it, those of other folders are.
    """
    books = {root: load(root) for root in {root_of(path) for path in paths}}
    out: dict[Path, Entry] = {}
    stale = []
    for path in paths:
        data = case_file.read(path)
        before = books[root_of(path)].get(key_in_book(path), {})
        if before.get("key") == key_of(data):
            out[path] = {**before, **said(path, data)}
        elif is_library(root_of(path)):
            out[path] = said(path, data)
            stale.append(path)
        else:
            out[path] = entry(path)
    return out, stale


def key_in_book(path: Path) -> str:
    """Return the name an instance has in its catalogue."""
    own = path.resolve()
    return f"{own.parent.name}/{own.stem}" if root_of(path) != own.parent else own.stem


def refresh(
    paths: Sequence[Path], executor: Executor | None = None, told: Callable[[int], None] | None = None
) -> list[Path]:
    """Make the catalogues of some instances anew; models are built only where problems changed.

    Entries of instances whose files are gone are taken out. Returns the catalogues written.

    Raises
    ------
    KktgenError
        An instance cannot be read or built.
    """
    out = []
    for root in sorted({root_of(path) for path in paths}):
        book = {name: one for name, one in load(root).items() if (root / f"{name}.toml").is_file()}
        mine = [path for path in paths if root_of(path) == root]
        words, before = [str(path) for path in mine], [book.get(key_in_book(path)) for path in mine]
        made = map(_made, words, before) if executor is None else executor.map(_made, words, before)
        for k, (path, one) in enumerate(zip(mine, made, strict=True), 1):
            book[key_in_book(path)] = one
            if told is not None:
                told(k)
        out.append(write(root, book))
    return out


def _made(path: str, before: Entry | None) -> Entry:
    return entry(Path(path), before)


def mark(paths: Iterable[Path], checked: Iterable[Checked]) -> None:
    """Add a finding to every instance whose entry in the catalogue is missing or out of date."""
    books: dict[Path, dict[str, Entry]] = {}
    for path, one in zip(paths, checked, strict=True):
        root = root_of(path)
        try:
            books[root] = books[root] if root in books else load(root)
        except KktgenError as error:
            one.find("catalogue", str(error), REFRESH)
            continue
        found = books[root].get(key_in_book(path))
        if found is None and not is_library(root) and not (root / FILE).is_file():
            continue  # nobody asked for a catalogue there
        if found is None:
            one.find("catalogue", f"{FILE} does not hold it", REFRESH)
        elif found.get("digest") != digest(path.read_bytes()):
            one.find("catalogue", f"{FILE} is older than its file", REFRESH)


def matching(
    listed: Mapping[Path, Entry], family: Sequence[str] = (), grade: Sequence[str] = (), tag: Sequence[str] = (),
    class_: Sequence[str] = (),
) -> dict[Path, Entry]:  # fmt: skip
    """Return the entries of some families, grades, tags and classes; of a class ``?`` stands for any letter.

    Raises
    ------
    ProblemError
        A grade that does not exist; a family, a tag or a code that no instance has.
    """
    for word in grade:
        if word not in schema.GRADES:
            raise ProblemError(f"no grade {word!r}; there are: {', '.join(schema.GRADES)}")
    _refuse("family", family, {one["family"] for one in listed.values()})
    _refuse("tag", tag, {word for one in listed.values() for word in one["tags"]})
    for code in class_:
        if listed and not any(_fits(one, code) for one in listed.values()):
            raise ProblemError(
                f"no instance has a class code that begins with {code!r}; kktgen help library tells them"
            )
    return {
        path: one for path, one in listed.items()
        if (not family or one["family"] in family) and (not grade or one["grade"] in grade)
        and (not tag or set(tag) & set(one["tags"])) and (not class_ or any(_fits(one, code) for code in class_))
    }  # fmt: skip


def _refuse(what: str, words: Sequence[str], there: set[str]) -> None:
    """Refuse words that none of the instances has."""
    for word in words:
        if there and word not in there:
            known = ", ".join(sorted(there))
            raise ProblemError(f"no instance of the {what} {word!r}{near(word, there)}; there are: {known}")


def _fits(one: Mapping[str, Any], code: str) -> bool:
    own = one.get("class", "")
    return len(own) >= len(code) > 0 and all(a in ("?", b) for a, b in zip(code, own, strict=False))
