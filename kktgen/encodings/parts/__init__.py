"""What several encodings share: constants given by keys, columns for slacks.

Takes: a Model and its pairs.
Gives: constants, a Model with more columns.
Must not know: any one encoding.
"""
