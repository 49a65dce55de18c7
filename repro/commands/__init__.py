"""The command line: parse, call one function, print."""

import sys

if sys.platform == "win32":
    sys.exit(
        "repro needs a POSIX system (Linux, macOS): it locks results files by flock. On Windows it runs in WSL, the "
        "Windows Subsystem for Linux."
    )
