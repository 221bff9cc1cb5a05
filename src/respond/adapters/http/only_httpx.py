"""Import httpx without its command line.

Wherever click, rich and pygments are installed, as they are beside the server, httpx loads them
for a command line of its own. That nearly doubles what the first request costs.
"""

import sys

# A name that is None is not imported: the import system raises what httpx is prepared for.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - after the line above

__all__ = ["httpx"]
