"""What the row of an instance opens: what it is, what is known of it and by which runs, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ..library import catalogue, stored
from ..library.features import MEANINGS
from ..library.records import first_records, value_of
from ..markup import Html, table, tag
from .facts import Facts

WORDS = {
    "columns": "columns of the KKT system", "pairs": "complementarity pairs", "n_x": "leader's variables",
    "I_u": "integer ones", "B_u": "binary ones", "n_y": "followers' variables", "followers": "followers",
    "n_link": "leader's variables that followers see", "m_u": "leader's rows", "m_l": "followers' rows",
    "m_coup": "leader's rows with followers' variables or prices", "m_link": "followers' rows with the leader's",
    "alpha": "alignment of the two costs: 1 helps, -1 opposes", "priced": "prices the leader uses",
    "products_u": "products in the leader's problem", "products_l": "products in the followers' costs",
    "nash": "followers that see others' variables", "lifted": "products of binaries with followers' expressions",
    "conditional": "rows a binary switches", "complements": "conditions said directly",
}  # fmt: skip
"""What the statistics of the catalogue are."""


def inner(facts: Facts) -> Html:
    """Return what the row of an instance opens."""
    sections = {
        "To repeat it": tag("pre", "\n".join(_commands(facts))),
        "Records": _records(facts),
        "Given runs": _runs(facts),
        "Value and bound": _values(facts),
        "Parameters": table(("parameter", "value"), [(key, _short(v)) for key, v in facts.instance.parameters.items()]),
        "Sizes": _sizes(facts),
        "Stored files": _files(facts),
    }
    shown = [tag("div", tag("h3", title), part) for title, part in sections.items() if part]
    return Html(_picture(facts) + _about(facts) + tag("div", *shown, kind="parts"))


def canvas(facts: Facts, kind: str = "", side: int = 88) -> Html:
    """Return the picture of its structure, which the script draws."""
    text = facts.entry.get(catalogue.PICTURE)
    if not text:
        return Html("")
    about = f"structure of {facts.name}"
    return tag("canvas", kind=kind, width=side, height=side, role="img", aria_label=about, data_picture=text)


def _picture(facts: Facts) -> Html:
    return canvas(facts, "large", 440)


def _about(facts: Facts) -> Html:
    data, model = facts.instance.data, facts.model
    out = [tag("p", tag("b", facts.name), ": ", facts.instance.description)]
    out += [tag("p", tag("b", "Warning: "), one, kind="warning") for one in facts.warnings]
    rows = [("model", tag("a", f"{model}: the mathematics", href=f"#model-{model}") if model else "the stored problem")]
    rows += [(key, data[key]) for key in ("source", "terms", "status") if data.get(key)]
    rows += [("features", "; ".join(MEANINGS[one] for one in facts.features))] if facts.features else []
    rows += [("tags", ", ".join(facts.instance.tags))] if facts.instance.tags else []
    return Html("".join(out) + table(("", ""), rows))


def _commands(facts: Facts) -> list[str]:
    name = shlex.quote(facts.target)
    out = [f"kktgen solve {name} -o out/", f"kktgen instance check {name}", f"kktgen bench {name} -o results/"]
    if {stored.BUNDLE, stored.POINT} <= set(facts.stored):
        bundle, point = (shlex.quote(facts.stored[end].name) for end in (stored.BUNDLE, stored.POINT))
        out.append(f"kktgen verify {bundle} {point}")
    if stored.PROOF in facts.stored:
        out.append(f"python -m kktgen.exact {shlex.quote(facts.stored[stored.PROOF].name)}")
    return out


def _values(facts: Facts) -> Html:
    known, value = facts.known, facts.entry["value"]
    best = " ".join(f"{one:.10g}" for one in known["range"]) if known.get("range") else None
    rows = [
        ("sense", facts.entry["sense"] or None), ("value", _digits(value)), ("bound", _digits(facts.entry["bound"])),
        ("gap", None if facts.gap is None else f"{facts.gap:.2g}"), ("claim", facts.entry["claim"] or None),
        ("range over followers' ties", best), ("largest residual of the point", known.get("infeasibility")),
        ("published", _short(known["published"]) if "published" in known else None),
        ("planted", known.get("planted")), ("source", known.get("source")), ("check", known.get("check")),
    ]  # fmt: skip
    return table(("", ""), [row for row in rows if row[1] is not None])


def _records(facts: Facts) -> Html:
    """Return the history of value and bound, a row a record."""
    header = ("date", "value", "bound", "gap", "claim", "seconds", "encoding", "boxes", "by")
    rows = [
        (one.get("date", ""), _digits(value_of(one)), _digits(one.get("bound")), one.get("gap", ""),
         one.get("claim", ""), one.get("seconds", ""), one.get("encoding", ""), one.get("boxes", ""), one.get("by", ""))
        for one in facts.known.get("history") or first_records(facts.known)
    ]  # fmt: skip
    return table(header, rows)


def _runs(facts: Facts) -> Html:
    header = ("way", "seed", "verdict", "status", "claim", "value", "bound", "seconds", "limit", "began")
    rows = [
        (one["way"], one["seed"], tag("span", one["verdict"], kind=one["verdict"]), one["status"], one["claim"] or "",
         _digits(one["value"]), _digits(one["bound"]), "" if one.get("time") is None else f"{one['time']:.2f}",
         _digits(one["limits"]["time"]), (one.get("began") or "")[:10])
        for one in facts.runs
    ]  # fmt: skip
    return table(header, rows)


def _files(facts: Facts) -> Html:
    """Return the names, sizes and digests of what is stored; the links stand in the row itself."""
    digest = {stored.BUNDLE: facts.instance.problem.get("sha256", "")}
    rows = [(path.name, path.stat().st_size, digest.get(end, "")) for end, path in facts.stored.items()]
    return table(("file", "bytes", "sha256 of what is packed"), rows)


def _sizes(facts: Facts) -> Html:
    there = [key for key in WORDS if facts.entry.get(key) is not None]
    return table(("symbol", "number", "what"), [(key, _digits(facts.entry[key]), WORDS[key]) for key in there])


def _digits(value: Any) -> str | None:
    return f"{value:.10g}" if isinstance(value, int | float) else None


def _short(value: Any) -> str:
    text = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, Mapping) else str(value)
    return text if len(text) <= 400 else f"{text[:400]} ..."
