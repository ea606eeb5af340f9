"""Problems with integer followers, solved by enumerating responses.

Takes: a Bilevel whose followers have integer variables.
Gives: masters, a result with its responses.
Must not know: the command line.
"""
