"""Start points: bilevel-feasible points by relaxing, responding, and searching complementarity patterns.

Takes: a Bilevel, or its KKT model.
Gives: points.
Must not know: claims.
"""
