"""Tell people with one letter to all of them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from respond.core.script import Connection, Me, PersonRecord, answer_as
from respond.errors import NotReadyError
from respond.systems.email.letter import Sent, mail
from respond.systems.people.channels import NoticeChannel, Reached, notice_to
from respond.systems.people.messages import Notice

__all__ = ["CHANNEL"]


def _tell(
    me: Me, connection: Connection, people: Sequence[PersonRecord], notice: Notice
) -> Generator[Any, object, dict[str, Reached]]:
    reachable = [person for person in people if person.emails]
    found = {person.id: Reached("no address", is_next=True) for person in people}
    if not reachable:
        return found
    try:
        write = mail(
            connection,
            me,
            subject_line=notice.title,
            text=notice.text,
            to=tuple(person.emails[0] for person in reachable),
            things=tuple(notice_to(me, person.id) for person in reachable),
        )
    except NotReadyError as error:
        return dict.fromkeys(found, Reached(error.what))
    answer = yield from write
    sent = answer_as(Sent, answer, write.foretold)
    for person in reachable:
        refused = person.emails[0] in sent.refused
        found[person.id] = Reached("the mail server refused the address" if refused else "")
    return found


CHANNEL: Final = NoticeChannel("no connection for e-mail", tell=_tell)
