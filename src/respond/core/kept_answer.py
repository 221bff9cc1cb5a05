"""What is kept of an answer as evidence: its text without secret values, and what is said of it.

Pure. Who keeps the bytes, and where, is a port's; the digest stands in the journal with the step.
The format of the file that people get stands in ``docs/evidence.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlencode

from msgspec import structs

from respond.core.records import Frozen
from respond.core.script import Call, Evidence, Reply
from respond.core.secret_looks import looks_secret
from respond.core.shapes import encode

__all__ = ["RUN_ANSWERS_MAX", "RUN_BYTES_MAX", "TAKEN_OUT", "KeptAnswer", "kept_answer"]

RUN_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of one run's answers, what is kept; of those beyond it only the digest."""

RUN_ANSWERS_MAX: Final = 5_000
"""Answers of one run that are told apart; more would make its records too long."""

TAKEN_OUT: Final = "[taken out]"
"""Stands where a value was, or may have been."""

_HOLDS_A_VALUE: Final = re.compile(
    r"(?:secret|password|passwd|passphrase|passcode|token|credential|cookie|signature|otp"
    r"|authorization|recovery_?code|(?:api|private|secret|signing|access|encryption)_?key)s?$",
    re.IGNORECASE,
)
_IN_ADDRESS: Final = re.compile(
    r"([?&;][\w.-]*(?:token|key|secret|sig|signature|password|pass|auth|code)=)[^&;#\s]+",
    re.IGNORECASE,
)


class KeptAnswer(Frozen):
    """One answer, as the journal speaks of it.

    Attributes:
        sha256: Of the bytes that are kept, in hex.
        bytes: How many there are.
        request: Method, path and query, as they were sent.
        at: When it was looked at, by our clock.
        step: Address of the step that looked first.
        theirs: When the system itself says that it answered (its ``Date``).
        asked: The body of the request as JSON, where it had one.
        cut: Only the digest is kept: the run had kept as much as one may.
        seq: Place of the record that speaks of it; of its record, not in the JSON.
    """

    sha256: str
    bytes: int
    connection: str
    request: str
    status: int
    at: str
    step: str = ""
    theirs: str = ""
    asked: str = ""
    cut: bool = False
    seq: int = -1

    @property
    def as_json(self) -> dict[str, Any]:
        """What stands in the journal; what is empty is left out."""
        told = {name: value for name, value in structs.asdict(self).items() if name != "seq"}
        return {name: value for name, value in told.items() if value not in ("", False)}

    @property
    def same(self) -> tuple[str, ...]:
        """Equal for answers that say nothing new: the same bytes to the same question."""
        return self.connection, self.request, self.asked, str(self.status), self.sha256


def kept_answer(
    call: Call, reply: Reply, mark: Evidence, *, step: str, at_ms: int
) -> tuple[KeptAnswer, bytes] | None:
    """An answer and its bytes as they are kept; None where it shows values and nothing may stay."""
    if call.shows_values and not mark.only:
        return None
    body = _without_values(reply.body, mark.only, "")
    text = _text(body)
    # Most answers hold nothing of the kind; one search is quicker than one in each of its texts.
    if looks_secret(text.replace("\\n", "\n"), is_id=True) or _IN_ADDRESS.search(text):
        text = _text(_without_looks(body))
    # A lone surrogate becomes the escape that JSON has for it.
    kept = text.encode("utf-8", "backslashreplace") + b"\n"
    answer = KeptAnswer(
        sha256=hashlib.sha256(kept).hexdigest(),
        bytes=len(kept),
        connection=call.connection,
        request=_request(call),
        status=reply.status,
        at=datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        step=step,
        theirs=reply.headers.get("date", ""),
        asked="" if call.body is None else json.dumps(encode(call.body), sort_keys=True),
    )
    return answer, kept


def _request(call: Call) -> str:
    query = urlencode(call.query, quote_via=quote, errors="surrogatepass")
    return f"{call.says}?{query}" if query else call.says


def _text(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)


def _without_values(part: Any, only: frozenset[str], name: str) -> Any:
    """The answer without what is a value by its name, or for not being in ``only``."""
    if isinstance(part, dict):
        return {key: _without_values(each, only, str(key)) for key, each in part.items()}
    if isinstance(part, list | tuple):
        return [_without_values(each, only, name) for each in part]
    if part is None or isinstance(part, bool) or part == "" or not _is_value(name, only):
        return part
    return TAKEN_OUT


@lru_cache(maxsize=1024)
def _is_value(name: str, only: frozenset[str]) -> bool:
    return name not in only if only else _HOLDS_A_VALUE.search(name) is not None


def _without_looks(part: Any) -> Any:
    """The answer without what looks like a secret, and without what an address hands over."""
    if isinstance(part, dict):
        return {key: _without_looks(each) for key, each in part.items()}
    if isinstance(part, list | tuple):
        return [_without_looks(each) for each in part]
    if not isinstance(part, str):
        return part
    if looks_secret(part, is_id=True):
        return TAKEN_OUT
    return _IN_ADDRESS.sub(rf"\g<1>{TAKEN_OUT}", part)
