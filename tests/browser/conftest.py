"""Lets the tests of this folder import ``tests.server.page_kit``, however pytest was started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
