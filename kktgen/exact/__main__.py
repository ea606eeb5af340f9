"""``python -m kktgen.exact FILE.json`` checks a certificate."""

import sys

from .checker import main

sys.exit(main(sys.argv[1:]))
