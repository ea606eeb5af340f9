"""Population searches over the leader's decisions: Harris hawks and its chaotic variant.

Takes: a Bilevel.
Gives: points and how they were found, never a bound.
Must not know: encodings.
"""
