"""``python -m respond.cli``: the command line, where the script ``respond`` is not on a path."""

from __future__ import annotations

from respond.cli.main import main

if __name__ == "__main__":
    main()
