"""How IAM and STS are asked and answer: an operation by its name, and a record around what it says.

Source: IAM API reference, "Making query requests".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from respond.core.script import Api, Call, MalformedReplyError, Me, Paging, Reply
from respond.systems.aws.vendor import GONE, IAM, STS, VENDOR
from respond.systems.rest import Thing, asking, dig, or_said, read_record

__all__ = ["changing", "listed", "record", "result", "thing"]

T = TypeVar("T")


def result(reply: Reply, operation: str) -> Mapping[str, Any]:
    """What an operation says.

    Raises:
        MalformedReplyError: It is not the answer to that operation.
    """
    found = dig(reply.body, f"{operation}Response.{operation}Result")
    if not isinstance(found, Mapping):
        raise MalformedReplyError(f"the reply has no {operation}Result")
    return found


def record(cls: type[T], operation: str, inside: str = "") -> Callable[[Sequence[Reply]], T]:
    """The parser of one record."""

    def parse(replies: Sequence[Reply]) -> T:
        return read_record(cls, dig(result(replies[0], operation), inside))

    return parse


def listed(operation: str, inside: str, reply: Reply) -> list[Any]:
    """The rows of a page; an empty list has nothing in it that would tell it from a text."""
    found = result(reply, operation).get(inside)
    if found == "":
        return []
    if not isinstance(found, list):
        raise MalformedReplyError(f"the reply has no list of {inside}")
    return found


def _rows(cls: type[T], operation: str, inside: str) -> Callable[[Sequence[Reply]], tuple[T, ...]]:
    def parse(replies: Sequence[Reply]) -> tuple[T, ...]:
        return tuple(
            read_record(cls, row) if isinstance(row, Mapping) else row
            for reply in replies
            for row in listed(operation, inside, reply)
        )

    return parse


def _next_page(call: Call, reply: Reply, _: int) -> Call | None:
    found = result(reply, dict(call.query)["Action"])
    is_cut, marker = found.get("IsTruncated"), found.get("Marker")
    # It is an optional field, and its absence the end; a marker beside that contradicts it.
    if is_cut == "false" or (is_cut is None and marker is None):
        return None
    if is_cut != "true" or not isinstance(marker, str) or not marker:
        raise MalformedReplyError("the reply does not say whether, or where, the list goes on")
    return asking(call, "Marker", marker)


def thing(
    name: str,
    operation: str,
    parse: Callable[[Sequence[Reply]], T] | None = None,
    *,
    rows: tuple[type[Any], str] | None = None,
    surface: str = "iam",
    gone: Any = None,
    settle_s: int | None = None,
    **fields: str,
) -> Thing[T]:
    """What an operation shows, or the ``rows`` (what of, and where) of all pages of its list."""
    paging = Paging(_next_page) if rows is not None or operation.startswith("List") else None
    reads: Any = _rows(rows[0], operation, rows[1]) if rows is not None else parse
    version = IAM if surface == "iam" else STS
    return Thing(
        VENDOR,
        name,
        (),
        reads,
        gone=gone,
        pages=paging,
        query=(("Action", operation), ("Version", version), *fields.items()),
        settle_s=settle_s,
        surface=surface,
    )


def changing(
    me: Me,
    operation: str,
    parse: Callable[[Reply], Any] | None = None,
    *,
    ends: bool = False,
    **fields: str,
) -> Api[Any]:
    """A request that changes something; ``ends``: where it is gone, it was ended already."""

    def done(reply: Reply) -> None:
        # It answers a record of its own name, so that a page of something else is no success.
        if not isinstance(dig(reply.body, f"{operation}Response"), Mapping):
            raise MalformedReplyError(f"the reply is no {operation}Response")

    call = VENDOR.call(
        me.connection.name,
        "POST",
        surface="iam",
        form=True,
        body={"Action": operation, "Version": IAM, **fields},
        answers=frozenset({404}) if ends else frozenset(),
    )
    judge: Callable[[Reply], Any] = parse or done
    return Api(call, or_said(VENDOR, judge, GONE, means=None) if ends else judge)
