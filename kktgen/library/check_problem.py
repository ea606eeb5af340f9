"""Checks of an instance that build its model: is it the stored problem, does the point hold, is its value right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import catalog
from ..errors import FormatError, KktgenError
from ..exact import certify
from ..formats.writing.files import contents
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..verification.report import EQUILIBRIUM, Report
from ..verification.verify import verify
from .add import ADD
from .classes import sizes
from .duplicates import fingerprint
from .findings import Checked
from .points import filled, read_point, stated_value
from .proofs import fault
from .records import EXACT, same, value_of
from .same_problem import difference
from .stored import bundle_bytes, digest

CERTIFIED = 200
"""Most variables of a follower whose response is proved in rational numbers."""
SECONDS = 10.0
"""Seconds that such a proof may take."""


def check_problem(path: Path, data: Mapping[str, Any], out: Checked) -> None:
    """Check an instance against the problem its model builds."""
    try:
        instance = catalog.load_instance(path)
        bilevel = catalog.build(path)
    except KktgenError as error:
        out.find("model", str(error), "correct the model or its parameters")
        return
    model = Path(instance.model)
    stem = path.stem if model.name.endswith((".json", ".gz")) else f"{model.stem}/{path.stem}"
    _generator(path, data, bilevel, stem, out)
    known = data.get("known", {})
    if known.get("sense") and (known["sense"] == "min") != (bilevel.sense > 0):
        out.find("value", f"known.sense is {known['sense']}, and the model says the opposite", ADD)
    if known.get("claim") == EQUILIBRIUM and not shared_kkt(bilevel).equilibrium:
        out.find("proof", f"claimed {EQUILIBRIUM}, which is of equilibria, and the model has an objective", ADD)
    out.fingerprint = fingerprint(bilevel, sizes(bilevel), value_of(known))
    file = path.with_name(known.get("point", "-"))
    if file.is_file():
        _point(file, known, bilevel, out)
    if known.get("claim") == EXACT and (wrong := fault(path.with_name(known.get("proof", "-")), known, bilevel)):
        out.find("proof", wrong, f"{ADD} --prove, or lower the claim")


def _generator(path: Path, data: Mapping[str, Any], bilevel: Bilevel, name: str, out: Checked) -> None:
    """Check that the model builds the stored problem, or one of the recorded digest where it is not stored."""
    problem = data.get("problem", {})
    if "sha256" not in problem:
        return
    made = bundle_bytes(bilevel, name, data.get("parameters", {}))
    if "file" not in problem:
        if digest(made) != problem["sha256"]:
            out.find("generator", "the model builds other bytes than the recorded sha256 is of", f"see why, or {ADD}")
        return
    try:
        stored = contents(path.with_name(problem["file"]))
        said = difference(stored, made)
    except FormatError:
        return  # said already
    except ValueError as error:
        out.find("problem", f"{problem['file']} holds no problem ({error})", f"get the file again, or {ADD}")
        return
    if said:
        out.find("generator", f"the model builds another problem than the stored one ({said})", f"see why, or {ADD}")


def _point(file: Path, known: Mapping[str, Any], bilevel: Bilevel, out: Checked) -> None:
    """Check the stored point: it holds, has the recorded value, and is certified where that can be."""
    try:
        z = read_point(bilevel, file)
    except KktgenError as error:
        out.find("point", str(error), ADD)
        return
    if z is None:
        out.find("point", f"{file.name} holds no point, or the followers have no response to it", ADD)
        return
    report = verify(bilevel, z)
    if not report.ok:
        out.find("point", f"{file.name} does not hold ({_worst(report)})", ADD)
        return
    assert report.value is not None
    stated = stated_value(file)  # of the minimised problem, as bundles hold it
    if stated is not None and not same(stated, report.value) and not same(-stated, report.value):
        out.find(
            "point", f"{file.name} states the value {stated:.10g}, and its point is worth {report.value:.10g}", ADD
        )
    value = value_of(known)
    if value is not None and not same(report.value, value):
        out.find("value", f"the point is worth {report.value:.10g}, and {value:.10g} is recorded", ADD)
    _certificate(bilevel, z, out)


def _worst(report: Report) -> str:
    """Return in words what fails most at a point."""
    failing = report.failing
    return f"{failing[0].name} {failing[0].value:.1e} at {failing[0].where}" if failing else report.reasons[0]


def _certificate(bilevel: Bilevel, z: np.ndarray, out: Checked) -> None:
    """Prove the responses of small followers in rational numbers; where that fails, the point still verifies."""
    kkt = shared_kkt(bilevel).kkt
    if kkt is None or kkt.conditions.any() or np.bincount(kkt.y_of).max(initial=0) > CERTIFIED:
        return
    try:
        proof = certify(bilevel, filled(bilevel, z), seconds=SECONDS)
    except KktgenError as error:
        out.notes.append(f"no certificate: {error}")
        return
    out.certified = proof.ok
    if not proof.ok:
        open_ones = [f"{name} {status}" for name, status in proof.followers.items() if status.startswith("not")]
        out.notes.append((open_ones or [f"not certified: {'; '.join(proof.faults)}"])[0])
