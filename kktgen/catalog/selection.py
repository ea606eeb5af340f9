"""Which instances of the library a word stands for: all, a family, a case, a pattern, a set, a grade, a tag."""

from __future__ import annotations

import fnmatch

from ..errors import ProblemError
from ..wording import near
from .instance import load_instance
from .places import folder, instance_names

ALL = "all"
"""The word for the whole library."""
WORDS = "all, a family ({families}), family/case, a pattern such as 'roads/*', grade=easy, tag=market"
"""What may be given, for messages."""


def chosen(word: str) -> tuple[str, ...]:
    """Return the names of the instances that a word stands for, none where it stands for none.

    Parameters
    ----------
    word : str
        ``all``, a family, ``family/case``, a pattern, ``grade=G``, ``tag=T``, or the name of a set: a file of
        ``instances/sets`` with a word a line, where what follows ``#`` is a comment.

    Raises
    ------
    ProblemError
        No instance has the grade or the tag, or a line of a set stands for nothing.

    Examples
    --------
    >>> from kktgen.catalog.selection import chosen
    >>> chosen("random_bilevel/toll_*")
    ('random_bilevel/toll_large', 'random_bilevel/toll_small')
    >>> chosen("no such family")
    ()
    """
    names = instance_names()
    key, equals, value = word.partition("=")
    if equals and key in ("grade", "tag"):
        return _with(key, value)
    listed = folder("instances") / "sets" / f"{word}.txt"
    if word == ALL:
        return names
    if word in families():
        return instance_names(word)
    if listed.is_file():
        lines = (line.partition("#")[0].strip() for line in listed.read_text(encoding="utf-8").splitlines())
        return tuple(dict.fromkeys(name for line in lines if line for name in _needed(line)))
    return tuple(fnmatch.filter(names, word))


def families() -> list[str]:
    """Return the families in alphabetical order."""
    return sorted({name.partition("/")[0] for name in instance_names()})


def sets() -> list[str]:
    """Return the names of the sets in alphabetical order."""
    return sorted(path.stem for path in (folder("instances") / "sets").glob("*.txt"))


def unknown(word: str, more: str) -> ProblemError:
    """Return the error of a word that stands for nothing; ``more`` tells what may be given beside :data:`WORDS`."""
    words = WORDS.format(families=", ".join(families())) + "".join(f", {name}" for name in sets())
    return ProblemError(
        f"{word!r} stands for no instance{near(word, [*instance_names(), *families(), *sets()])}; take {words}, {more}"
    )


def _with(key: str, value: str) -> tuple[str, ...]:
    loaded = [load_instance(name) for name in instance_names()]
    found = tuple(one.name for one in loaded if value in (one.tags if key == "tag" else (one.grade,)))
    if not found:
        raise ProblemError(f"'{key}={value}': no instance is like that")
    return found


def _needed(line: str) -> tuple[str, ...]:
    found = chosen(line)
    if not found:
        raise unknown(line, "one a line of a set")
    return found
