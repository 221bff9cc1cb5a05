"""The options of every command that takes a person's word: who they are, and what proves it."""

from __future__ import annotations

from typing import Any, Final

import typer

__all__ = ["AS", "KEY"]

KEY: Final[Any] = typer.Option("", help="Private key file to sign with; else the agent or ~/.ssh")
AS: Final[Any] = typer.Option(
    "", "--as", help="Your id in respond.toml, if your login is not in it"
)
