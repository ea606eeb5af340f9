"""``python -m kktgen.exact FILE [PROBLEM]`` checks a certificate or a proof, and whether it is of a problem's file."""

import sys

from .command import main

sys.exit(main(sys.argv[1:]))
