"""Solution to report: residuals, followers re-solved, what may be claimed and why not more.

Takes: a Bilevel and a Solution or a point.
Gives: a Report.
Must not know: how the point was found.
"""
