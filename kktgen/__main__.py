"""``python -m kktgen`` is ``kktgen``."""

from .cli import main

if __name__ == "__main__":
    main()
