"""Text in bulk: the plain form all model formats share, names, numbers and sides as lines.

Takes: a Model.
Gives: lines.
Must not know: any one format.
"""
