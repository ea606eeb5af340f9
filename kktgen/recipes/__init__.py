"""The whole pipeline in one call.

Takes: a Bilevel.
Gives: a result with its solution, its report and its model.
Must not know: the command line.
"""
