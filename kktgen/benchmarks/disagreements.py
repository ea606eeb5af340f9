"""What runs say that cannot all be true: told before any figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .verdict import Known, beyond, less

Record = Mapping[str, Any]


def disagreements(records: Iterable[Record]) -> list[str]:
    """Return a line for each thing that a run says and another run, or what is known, excludes."""
    groups: dict[str, list[Record]] = {}
    for one in records:
        groups.setdefault(one["instance"], []).append(one)
    return [line for name, group in groups.items() for line in _within(name, group)]


def _within(name: str, group: list[Record]) -> list[str]:
    """Return the lines about one instance."""
    problems = {one["problem"] for one in group if one.get("problem")}
    if len(problems) > 1:
        return [f"{name}: {len(problems)} different problems have this name (another version of the model or its data)"]
    sense = -1.0 if any(one.get("sense") == "max" for one in group) else 1.0
    names = _called(group)
    value, source = _best(group, names, sense)
    out = []
    for one, own in zip(group, names, strict=True):
        told = f"{name}: {own}"
        if one["says"] == "infeasible" and value is not None:
            out.append(f"{told} calls it infeasible, {source} has a point of value {value:.10g}")
        elif one["says"] == "optimal" and one["value"] is not None and less(sense, value, one["value"]):
            out.append(f"{told} calls {one['value']:.10g} optimal, {source} has {value:.10g}")
        elif one["says"] == "optimal" and not one["ok"]:
            out.append(f"{told} calls a point optimal that fails verification ({one['claim']})")
        elif beyond(sense, one["bound"], value):
            out.append(f"{told} has the bound {one['bound']:.10g}, {source} has a point of value {value:.10g}")
    known = Known.of(group[0]["known"])
    if known.proved and less(sense, value, known.value):
        out.append(f"{name}: {source} has {value:.10g}, better than the known optimum {known.value:.10g}")
    elif beyond(sense, known.bound, value) and value != known.value:
        out.append(f"{name}: {source} has {value:.10g}, which the known bound {known.bound:.10g} excludes")
    if known.infeasible and value is not None:
        out.append(f"{name}: {source} has a point of value {value:.10g}, and none is known to exist")
    return out


def _best(group: list[Record], names: list[str], sense: float) -> tuple[float | None, str]:
    """Return the best value of a verified point or of what is known, and whose it is."""
    known = Known.of(group[0]["known"]).value
    found = [(sense * known, "what is known")] if known is not None else []
    found += [
        (sense * one["value"], own)
        for one, own in zip(group, names, strict=True)
        if one["ok"] and one["value"] is not None
    ]
    if not found:
        return None, ""
    value, source = min(found)
    return sense * value, source


def _called(group: list[Record]) -> list[str]:
    """Return what each record is called: its way, its seed, and where others are called the same its machine."""
    plain = [f"{one['way']}, seed {one['seed']}" if one["seed"] else str(one["way"]) for one in group]
    hosts = [one.get("machine", {}).get("host") for one in group]
    return [
        f"{name} on {host or 'an unknown machine'}" if plain.count(name) > 1 and len(set(hosts)) > 1 else name
        for name, host in zip(plain, hosts, strict=True)
    ]
