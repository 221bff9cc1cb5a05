"""Say whether a text is an e-mail address or an https address, for everybody who takes one.

A mailbox is a dot-atom (RFC 5321, section 4.1.2; RFC 6531 for letters outside ASCII), a host a row
of labels of letters, digits and hyphens (RFC 1123, section 2.1). Quoted mailboxes are left out:
nobody's are, and what reads them differs. Letters of two scripts in one are refused: the one
may have been put there to look like the other.
"""

import re
from typing import Final

from respond.core.showable import mixes_scripts

__all__ = ["EMAIL", "HOST", "is_email", "is_https"]

_ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL: Final = r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?"
HOST: Final = rf"(?=[^@]{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
EMAIL: Final = rf"(?=[^@]{{1,64}}@)(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{HOST}"


def is_email(text: str) -> bool:
    """Whether it is one e-mail address and nothing else."""
    return re.fullmatch(EMAIL, text) is not None and not mixes_scripts(text)


def is_https(text: str) -> bool:
    """Whether it is an https address without a name, a password or a fragment in it."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - help does not need it

    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return False
    host = parts.hostname or ""
    # What stands in brackets was looked at when the address was split.
    is_host = ":" in host or (re.fullmatch(HOST, host) is not None and not mixes_scripts(host))
    is_plain = parts.username is None and not parts.fragment and text.isprintable()
    return parts.scheme == "https" and is_host and is_plain and " " not in text
