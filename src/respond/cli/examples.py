"""The examples under a command's help, each in a line of its own, so that it can be copied."""

from __future__ import annotations

__all__ = ["examples"]


def examples(*commands: str, note: str = "") -> str:
    r"""An epilog for the command line library, which rewraps every paragraph without a ``\b``."""
    head = "Example:" if len(commands) == 1 else "Examples:"
    lines = "\n".join(["\b", head, *(f"  {command}" for command in commands)])
    return f"{lines}\n\n{note}" if note else lines
