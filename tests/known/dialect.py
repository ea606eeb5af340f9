"""The rules of the common dialect as a check on text: what some reader misreads must not be written."""

from __future__ import annotations

import re
from collections import Counter

NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
NAME = r"(?!(?:e|inf|nan))[A-Za-z_][A-Za-z0-9_.(),]{0,99}"
LP_TERM = re.compile(rf" ([+-]) ({NUMBER[2:]}) ({NAME})(?: \^2| \* ({NAME}))?", re.IGNORECASE)
LP_BOUND = re.compile(
    rf" (?:{NAME} free|-inf <= {NAME} <= {NUMBER}|{NUMBER} <= {NAME} <= {NUMBER}|{NAME} >= {NUMBER}|{NAME} = {NUMBER})",
    re.IGNORECASE,
)
LP_SET = re.compile(rf" {NAME}: S1 ::(?: {NAME} : \d+){{2,}}", re.IGNORECASE)
MPS_ORDER = ["NAME", "ROWS", "COLUMNS", "RHS", "BOUNDS", "SOS", "QUADOBJ", "QCMATRIX", "INDICATORS", "ENDATA"]


class Broken(AssertionError):
    """The text breaks a rule; the message is the rule."""


def need(condition: object, rule: str, line: str = "") -> None:
    if not condition:
        raise Broken(f"{rule}: {line}" if line else rule)


def check_text(text: str) -> None:
    need(text.isascii() and "\t" not in text and "\r" not in text and text.endswith("\n"), "ASCII, LF, no tabs")
    need("-0.0\n" not in text and "-0.0 " not in text and "null" not in text, "no -0.0, no null")


def check_lp(text: str) -> None:
    """Raise Broken where the text of an LP file leaves the dialect."""
    check_text(text)
    headers = [line for line in text.splitlines() if not line.startswith(" ")]
    order = ["Minimize", "Subject To", "Bounds", "Binaries", "Generals", "SOS", "End"]
    need(
        headers == [h for h in order if h in headers] and {"Minimize", "Subject To", "Bounds", "End"} <= set(headers),
        "sections",
    )
    section, inside, seen, binaries = (
        "",
        False,
        Counter[tuple[str, ...]](),
        set(re.findall(r"^ (\S+)$", text, re.MULTILINE)),
    )
    for line in text.splitlines():
        if not line.startswith(" "):
            section, seen = line, Counter()
            need(not inside, "bracket closed", line)
        elif section == "Bounds":
            need(LP_BOUND.fullmatch(line), "bound", line)
        elif section in ("Binaries", "Generals"):
            need(re.fullmatch(rf" {NAME}", line, re.IGNORECASE), "one name a line", line)
        elif section == "SOS":
            need(LP_SET.fullmatch(line), "set", line)
        elif line in (" + [", " ]", " ] / 2"):
            need((line == " ] / 2") == (section == "Minimize") or line == " + [", "half only in the objective", line)
            inside = line == " + ["
        elif match := LP_TERM.fullmatch(line):
            product = " ^2" in line or " * " in line
            need(product == inside, "products in brackets, others not", line)
            seen[tuple(sorted(filter(None, match.groups()[2:])))] += 1
            need(max(seen.values()) == 1 or product, "no duplicate terms", line)
        elif re.fullmatch(rf" (?:<=|>=|=) {NUMBER}", line):
            need(section == "Subject To", "no side in the objective", line)
        else:
            head = re.fullmatch(rf" {NAME}:(?: ({NAME}) = [01] ->)?", line, re.IGNORECASE)
            need(head, "head of a row, one operator", line)
            need(not head or not head[1] or head[1] in binaries, "condition is listed as binary", line)
            seen = Counter()


def check_mps(text: str) -> None:
    """Raise Broken where the text of an MPS file leaves the dialect."""
    check_text(text)
    sections: dict[str, list[list[str]]] = {}
    order: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if line.startswith(" "):
            sections[order[-1]].append(words)
        else:
            key = words[0] if words[0] != "QCMATRIX" else line
            order.append(key)
            need(key not in sections, "a section once", line)
            sections[key] = []
    plain = [key.split()[0] for key in order]
    need(text.splitlines()[0].endswith("  FREE"), "NAME n FREE")
    need(
        plain == sorted(plain, key=MPS_ORDER.index) if set(plain) <= set(MPS_ORDER) else False,
        "sections and their order",
    )
    need({"ROWS", "COLUMNS", "RHS", "BOUNDS", "ENDATA"} <= set(plain), "RHS and BOUNDS are always there")
    check_mps_rows(sections, [key.split()[1] for key in order if key.startswith("QCMATRIX")])
    check_mps_bounds(sections)
    for key, entries in sections.items():
        if key.startswith("QCMATRIX"):
            table = {(i, j): float(v) for i, j, v in entries}
            need(len(table) == len(entries), "an entry once", key)
            need(all(table.get((j, i)) == v for (i, j), v in table.items()), "QCMATRIX symmetric", key)
    pairs = [frozenset(entry[:2]) for entry in sections.get("QUADOBJ", [])]
    need(len(set(pairs)) == len(pairs), "QUADOBJ: each pair once")


def check_mps_rows(sections: dict[str, list[list[str]]], quadratic: list[str]) -> None:
    rows = [words[1] for words in sections["ROWS"]]
    conditional = [words[1] for words in sections.get("INDICATORS", [])]
    rank = {name: 1 for name in conditional} | {name: 2 for name in quadratic}
    ranks = [rank.get(name, 0) for name in rows]
    need(rows[0] == "obj" and ranks == sorted(ranks), "rows: linear, indicator, quadratic")
    need(len({name.lower() for name in rows}) == len(rows), "row names unique")
    entries = [words for words in sections["COLUMNS"] if words[1] != "'MARKER'"]
    need(all(len(words) == 3 for words in entries), "one entry a line")
    cells = [(column, row) for column, row, _ in entries]
    need(len(set(cells)) == len(cells), "an entry once")
    runs = [column for k, (column, _) in enumerate(cells) if k == 0 or cells[k - 1][0] != column]
    need(len(set(runs)) == len(runs), "columns contiguous")
    need(all(row == "obj" or float(value) != 0 for _, row, value in entries), "no zeros")
    need(
        all(words[0] == "RHS" and words[1] != "obj" and float(words[2]) for words in sections["RHS"]),
        "rhs: named, nonzero",
    )


def check_mps_bounds(sections: dict[str, list[list[str]]]) -> None:
    integer, inside = set(), False
    for words in sections["COLUMNS"]:
        if words[1] == "'MARKER'":
            inside = words[2] == "'INTORG'"
        elif inside:
            integer.add(words[0])
    sorts: dict[str, dict[str, str]] = {}
    for words in sections["BOUNDS"]:
        need(words[1] == "BND", "bound set is named")
        need(words[0] not in sorts.setdefault(words[2], {}), "a bound once", " ".join(words))
        sorts[words[2]][words[0]] = words[3] if len(words) > 3 else ""
    for name, found in sorts.items():
        if "UP" in found and float(found["UP"]) <= 0:
            need({"LO", "MI"} & set(found), "UP <= 0 needs LO or MI", name)
        need("MI" not in found or "UP" in found, "MI comes with UP, else FR", name)
    for name in integer:
        found = set(sorts.get(name, {}))
        need(
            found & {"BV", "FX", "FR"} or (found & {"LO", "MI"} and found & {"UP", "PL"}), "integer: both bounds", name
        )
