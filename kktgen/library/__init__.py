"""The instance library: instances with stored problems and points, what was proved of them and by what, their list.

Takes: instance files, problems of one's own.
Gives: instance files with their records, what is wrong with them, catalogues.
Must not know: the command line.

An instance is ``CASE.toml`` with the stored problem ``CASE.bilevel.json.gz`` and the best point ``CASE.sol.gz`` beside
it. The problem is built by the instance's model; the stored one is for other tools and must be the same.
"""
