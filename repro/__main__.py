"""``python -m repro`` is ``repro``."""

from repro.commands.main import main

if __name__ == "__main__":
    main(prog_name="repro")
