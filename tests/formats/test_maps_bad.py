"""Files that are no map of names are refused, with the place and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from format_cases import CASES

import kktgen as kg
from kktgen import formats
from kktgen.formats.maps.read import read_map
from kktgen.formats.maps.write import map_path


def change(path: list[Any], value: object) -> Any:
    def changed(data: dict[str, Any]) -> dict[str, Any]:
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return data

    return changed


@pytest.mark.parametrize(
    "path, value, said",
    [
        (["schema"], "other", 'expected "schema": "kktgen.map"'),
        (["version"], 3, "version 3 of the schema; this kktgen reads 1"),
        (["file"], 3, "expected 'file' to be str, got int"),
        (["blocks"], {}, "expected 'blocks' to be list"),
        (["blocks", 0], 1, r"blocks\[0\]: expected an object"),
        (["blocks", 1, "kind"], None, r"blocks\[1\]: expected 'kind' to be str"),
        (["blocks", 1, "shape"], [-1], "expected a shape of whole numbers"),
        (["blocks", 1, "source"], {"word": "a"}, "source: expected 'item' to be str"),
        (["columns"], [], "expected 'columns' to be dict"),
        (["columns", "name"], ["x"], "columns: its arrays differ in length"),
        (["rows", "label", 0], 7, "rows.label: expected entries of type str"),
        (["rows", "block", 0], True, "rows.block: expected entries of type int"),
        (["rows", "block", 0], 99, "rows: a block or an index that does not exist"),
        (["rows", "index", 0], -1, "rows: a block or an index that does not exist"),
        (["rows", "index", 0], 10**18, "rows: a block or an index that does not exist"),
        (["rows", "index", 0], 2**63, "rows: a block or an index that does not exist"),
        (["columns", "index", 1], 5, "columns: a block or an index that does not exist"),
        (["version"], 2, "objective_unit: expected a positive number, got None"),
        (["columns", "unit"], [0.0], "columns.unit: expected a positive number, got 0.0"),
    ],
)
def test_what_is_no_map_is_refused(path: list[Any], value: object, said: str, tmp_path: Path) -> None:
    target = map_path(formats.write(CASES["04_ranges"].build(), tmp_path / "a.lp", map=True))
    target.write_bytes(orjson.dumps(change(path, value)(orjson.loads(target.read_bytes()))))
    with pytest.raises(kg.FormatError, match=said):
        read_map(target)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(kg.FormatError, match=r"a\.lp\.map\.json: cannot be read"):
        read_map(tmp_path / "a.lp")
    (tmp_path / "a.lp.map.json").write_text("{")
    with pytest.raises(kg.FormatError, match="no JSON"):
        read_map(tmp_path / "a.lp")
    (tmp_path / "a.lp.map.json").write_text("[]")
    with pytest.raises(kg.FormatError, match="no map of names"):
        read_map(tmp_path / "a.lp")
