"""``python -m kktgen``, which is the command ``kktgen``."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it with a line, too."""
    try:
        from .cli import main as run
    except KeyboardInterrupt:
        print("kktgen: interrupted", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
