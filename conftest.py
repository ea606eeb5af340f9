"""Settings for the examples in docstrings: a time limit, and no drawing where matplotlib is not installed."""

from __future__ import annotations

import importlib.util

import pytest

collect_ignore_glob = ["models/*", "tools/*"]
"""Model files have no examples, and several of one name."""
LONGEST = 120.0
"""Seconds an example may take: far more than any needs, on a busy machine as well."""
DRAWING = ("plots.check_library", "plots.figure", "plots.save")
"""What wants matplotlib, which is optional."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every example a time limit, and skip those that draw without the library that draws."""
    drawn = importlib.util.find_spec("matplotlib") is not None
    for item in items:
        if not isinstance(item, pytest.DoctestItem):
            continue
        if config.pluginmanager.hasplugin("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST, method="thread"))
        text = "".join(example.source for example in item.dtest.examples)
        if not drawn and any(word in text for word in DRAWING):
            item.add_marker(pytest.mark.skip(reason="matplotlib is not installed"))
