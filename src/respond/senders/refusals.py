"""The two ways in which a delivery is refused."""

from __future__ import annotations

__all__ = ["NotGenuineError", "UnusableError"]


class NotGenuineError(Exception):
    """The delivery does not prove that it is its sender's own, now.

    One failure with one text for every cause: a wrong signature, none, two, an old one. Whoever
    tries learns nothing from it.
    """

    def __init__(self) -> None:
        super().__init__("the delivery is not genuine")


class UnusableError(Exception):
    """The delivery is authentic and cannot be used; the text says why, without showing the body."""
