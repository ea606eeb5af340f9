"""Bilevel problems taken apart: trees over boxes of the few columns that followers share, each box a small problem.

Where followers see only a few of the leader's columns, or none of one another's, the problem falls apart once those
columns lie in small boxes: most complementarity pairs are settled by the box, and what is left is a convex program or a
small mixed-integer one.

Takes: a model with its KKT system, bounded.
Gives: bounds on its optimum, and points.
Must not know: recipes, the command line.
"""
