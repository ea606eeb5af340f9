"""A solver in a process of its own: its crash, its hang, its hunger for memory cost one answer.

Takes: a Model and a solver's name.
Gives: a Solution.
Must not know: how the solver works.
"""
