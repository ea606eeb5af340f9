"""Bilevel problems taken apart: subproblems of many followers, trees over boxes of the few columns they share.

A model with its products eliminated falls into one subproblem a follower once the leader's columns that several of them
see get a copy in each. :mod:`~kktgen.decompose.blocks` finds them, :mod:`~kktgen.decompose.lagrangian` bounds their
sum, :mod:`~kktgen.decompose.rounds` make the boxes smaller of what they share.

Where followers see only a few of the leader's columns, most complementarity pairs are settled once those lie in small
boxes, and what is left is a convex program or a small mixed-integer one: :mod:`~kktgen.decompose.tree` searches over
the boxes, :mod:`~kktgen.decompose.few_leaders` bounds each.

Takes: encoded models, points of them, executors.
Gives: models with smaller boxes, proved bounds, points.
Must not know: what is claimed of an answer, files.
"""
