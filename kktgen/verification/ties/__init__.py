"""What followers may do at one decision: their optimal faces, and what those are worth to the leader.

Takes: a KKT model and a point that was verified.
Gives: the range of the leader's value.
Must not know: claims.
"""
