"""Models of other tools as followers, and answers back: one file a neighbour on one core of matrices.

Takes: a Bilevel; matrices, or a model of another tool; a Solution, to write it back.
Gives: a follower in the Bilevel, with variables and multipliers by the neighbour's names.
Must not know: solvers that run, reports; of this room a file knows the core alone, and PyPSA's that of linopy.

A problem of several levels, from Pyomo or MathOptFormat files, stands on :mod:`kktgen.problem.from_levels` instead.
A neighbour is imported when its function is called, never before; what is missing is named with the line that installs
it. :mod:`.matrices` is the core, :mod:`.imported` what it returns, :mod:`.names` finds columns and rows by name.
"""
