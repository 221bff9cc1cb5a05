"""Lets the tests of this folder import ``tests.guards.switch_off``, however pytest was started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
