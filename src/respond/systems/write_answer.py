"""Take a write's answer, whether it came just now or stands in the journal."""

from __future__ import annotations

from typing import TypeVar

from respond.core.shapes import decode

__all__ = ["answer_as"]

T = TypeVar("T")


def answer_as(kind: type[T], answer: object, unknown: T) -> T:
    """The answer as a value of its type.

    Args:
        kind: What the write's parser makes.
        answer: That, or its JSON from the journal, or None when a person said that the write
            happened and nobody saw its answer.
        unknown: Stands for None.
    """
    if answer is None:
        return unknown
    value: T = decode(kind, answer)
    return value
