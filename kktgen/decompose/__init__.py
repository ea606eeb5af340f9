"""Many followers that meet only through the leader: subproblems, Lagrangian bounds, smaller boxes by rounds over them.

A model with its products eliminated falls into one subproblem a follower once the leader's columns that several of them
see get a copy in each. :mod:`~kktgen.decompose.blocks` finds them, :mod:`~kktgen.decompose.lagrangian` bounds their
sum, :mod:`~kktgen.decompose.rounds` make the boxes smaller of what they share.

Takes: encoded models, points of them, executors.
Gives: models with smaller boxes, proved bounds.
Must not know: what is claimed of an answer, files.
"""
