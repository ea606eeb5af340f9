"""Figures of a result: drawn by matplotlib from plain data that a model returns, written as .png or .svg.

A model offers ``plots(result)``: a dict from the name of a plot to its description, and ``PLOTS``, a dict from the same
names to titles. A description holds data and words alone, so that models need no plotting library::

    {"title": "Prices", "x": hours, "xlabel": "hour", "panels": [
        {"title": "VPP1", "quantity": "price", "unit": "EUR/MWh", "series": [
            {"label": "wholesale", "kind": "step", "values": buy, "color": "black"}]}]}

``x`` are whole numbers (one slot each, as hours), words (one slot each, as sources) or any numbers (a scale, as in
a demand curve); a series may have an ``x`` of its own. Kinds: ``line``; ``step``, held over its slot; ``bar``, side by
side; ``stack``, upon one another, what is negative below zero; ``band`` between two rows of values, stepped over slots;
``mark``, points. A value that is nan is not drawn.
"""

from .describe import COLORS, DASHES, KINDS, Panel, Plot, Series
from .draw import SUFFIXES, check_library, check_suffix, claim, figure, heat_map, inline, save
from .labelled import own_plots, plot

__all__ = [
    "COLORS", "DASHES", "KINDS", "SUFFIXES", "Panel", "Plot", "Series",
    "check_library", "check_suffix", "claim", "figure", "heat_map", "inline", "own_plots", "plot", "save",
]  # fmt: skip
