"""Arithmetic on arrays: sparse rows, LPs and QPs, intervals, convexity, bounds that hold in spite of rounding.

Takes: arrays.
Gives: arrays, answers of LPs and QPs.
Must not know: what a column means: no leader, no follower, no model.
"""
