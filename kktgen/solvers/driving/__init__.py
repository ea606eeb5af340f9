"""What every solver module shares: checked data, flat arrays, one session, progress, the answer.

Takes: a Model.
Gives: a Solution.
Must not know: any one solver.
"""
