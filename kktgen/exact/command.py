"""Check a file that holds a certificate or a proof; given a problem's file too, also that it is of this problem."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence

from ..errors import KktgenError
from ..formats import read
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from . import checker, optimum
from .problem import plain


def main(arguments: Sequence[str]) -> int:
    """Check a file and print what came out; return 0 where it holds, else 1."""
    try:
        with open(arguments[0], "rb") as file:
            data = file.read()
        document = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        given = document.get("form")
    except (IndexError, OSError, ValueError, EOFError, AttributeError, RecursionError, zlib.error) as error:
        print(f"give a certificate as FILE.json or a proof as FILE.proof.json.gz: {error}")
        return 1
    out = optimum.main(list(arguments[:1])) if given == optimum.FORM else checker.main(list(arguments[:1]))
    if out or len(arguments) < 2:
        return out
    try:
        problem = read(arguments[1])
    except KktgenError as error:
        print(error)
        return 1
    same = isinstance(problem, Bilevel) and checker.digest(plain(shared_kkt(problem))) == document["digest"]
    print(f"  it is {'' if same else 'NOT '}a statement about {arguments[1]}")
    return int(not same)
