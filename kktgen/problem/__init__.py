"""What a user declares: columns, expressions, rows, the leader, the followers.

Takes: expressions, or matrices.
Gives: a Bilevel, its followers as QPs.
Must not know: multiplier pairs, models, solvers.
"""
