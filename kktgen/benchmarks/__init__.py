"""Many runs: instances by encodings, solvers and seeds, each in a process of its own, judged by what is known.

Takes: names of instances or the grid of a model's parameters, ways to solve them, limits.
Gives: one record a run, a line of ``runs.jsonl``; figures of them: solved, times, profiles, comparisons.
Must not know: how the command line prints.

::

    sets        names of sets, families, tags, files   -> instances
    ways        names of encodings, of published ways  -> how a problem is solved
    grid        values of parameters                   -> instances of one model
    plan        instances x ways x seeds               -> runs with ids
    driver      runs, on threads or a cluster          -> records: one_run starts the process, child is its inside
    journal     records                                -> lines of a file that survives its writer, and back
    verdict     a record and what is known             -> right, open, better, wrong, failed
    figures, disagreements, compare                    -> what is told of many records: shown, curves, table
"""

from __future__ import annotations
