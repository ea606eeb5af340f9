"""Model to model: products cancelled, boxes proved, inequalities added, numbers put in units of their own.

Takes: a Model with complementarity pairs.
Gives: the same problem as a Model, exactly or with a proof.
Must not know: files and solvers.
"""
