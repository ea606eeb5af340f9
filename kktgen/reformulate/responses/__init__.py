"""Relaxations of a problem with integer followers: what responses that are known say of every decision.

Takes: a problem, the model of its points, responses.
Gives: columns and rows that bound each follower's cost from above, exactly or with proved constants.
Must not know: files and solvers, how responses are found.
"""
