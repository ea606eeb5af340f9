"""The library and the results of runs as pages to look into: one file each, that a browser opens without a network.

Takes: instance files, the catalogue, records of runs.
Gives: ``catalogue.html`` and ``results.html``, and the files they offer for download.
Must not know: the command line, how problems are solved.

::

    lists       rows of cells          -> a table that sorts, filters and opens (lists.js, lists.css)
    facts       an instance's file     -> what stands in its row, and what the row opens
    downloads   files of an instance   -> links: inside the page where small, else copies beside it
    instances   instances, records     -> catalogue.html
    results     instances, records     -> results.html
    site        both                   -> a folder
"""
