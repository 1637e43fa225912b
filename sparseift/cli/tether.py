"""`python -m sparseift.cli.tether MODULE …`: as `python -m MODULE …`, but it ends when whoever started it does.

The program's stdin is a pipe whose other end only the starter holds. However the starter dies, `kill -9` included, the
system closes that end; the program then gets the SIGTERM that it could not be sent, and stops in its usual order.
"""

import os
import runpy
import signal
import sys
import threading

MODULE = "sparseift.cli.tether"


def end_with(descriptor: int) -> None:
    """Reads the pipe to its end, which comes when the starter is gone, and sends this process SIGTERM."""
    while os.read(descriptor, 4096):
        pass
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGTERM)  # a signal to another thread would not wake a waiting main thread


def main() -> None:
    """Watches the pipe from a thread and becomes the program."""
    pipe = os.dup(0)  # not inheritable: no child of the program holds it
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=end_with, args=(pipe,), name="tether", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
