"""Maps of names: a file beside a model file that says where every column, row and set comes from.

Takes: a Model and the names in its file.
Gives: the map, written or read.
Must not know: formats of models.
"""
