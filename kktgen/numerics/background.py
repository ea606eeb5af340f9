"""Work in a thread of its own that Ctrl-C reaches, however long the library in it keeps silent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

TURN = 0.1
"""Seconds between two looks at the work from outside."""


def in_background(work: Callable[[], None], stop: Callable[[], None]) -> bool:
    """Do the work in a thread, and return whether Ctrl-C was pressed: the first time it calls ``stop`` and waits.

    The second time nobody waits any longer. What the work raises is raised here. Libraries take over Ctrl-C while they
    work, each in its own way (Xpress lets it kill the process): Python's own handler is put back again and again.
    """
    done, pressed = threading.Event(), False
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # raised again by the caller's thread
            failure.append(error)
        finally:
            done.set()

    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None  # None: not Python's, or not ours to touch
    worker = threading.Thread(target=guarded, daemon=True)
    worker.start()
    while not done.is_set():
        try:
            if handler is not None:
                signal.signal(signal.SIGINT, handler)
            done.wait(TURN)
        except KeyboardInterrupt:
            if pressed:
                raise
            pressed = True
            stop()
    worker.join()
    if failure:
        raise failure[0]
    return pressed
