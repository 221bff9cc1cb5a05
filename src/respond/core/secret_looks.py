"""Recognise a text that looks like a credential, so that files which never hold one refuse it.

This is a net for accidents, not the way secrets are kept out of sight: what is a secret is known
by its type. Only whole, distinctive forms are listed; a false alarm in a config file is cheap.
Every repetition that something must follow is bounded, so that no text takes long to look at.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

__all__ = ["LOOKS", "looks_secret", "names_an_id"]

_ID_NAME: Final = re.compile(
    r"(?:\w+_)?id|account|identity|oidc_subject"
    r"|(?:\w+_)?(?:member|user|group|factor|device|roles?)|policies"
)

LOOKS: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    # These two are ids as well, and stand first: ``is_id`` leaves them out.
    ((), r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])", "an API key (32 hexadecimal digits)"),
    ((), r"(?<![0-9A-Za-z])[0-9A-F]{32}(?![0-9A-Za-z])", "an API key (32 hexadecimal digits)"),
    (
        ("sa_",),
        r"sa_(?:live|test|sandbox)_[A-Za-z0-9_-]{8,}",
        "a Customer.io service account token",
    ),
    (("xox", "xapp"), r"xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}", "a Slack token"),
    (("slack",), r"hooks\.slack\.com/services/[A-Za-z0-9/]+", "a Slack webhook address"),
    (
        ("gh", "github"),
        r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}",
        "a GitHub token",
    ),
    (("hv",), r"hv[sbr]\.[A-Za-z0-9_-]{16,}", "a Vault token"),
    (("jca_",), r"jca_[A-Za-z0-9]{16,}", "a JumpCloud API key"),
    (("cf",), r"cf(?:k|at|ut)_[A-Za-z0-9_-]{16,}", "a Cloudflare token"),
    # Its id alone is none: it stands in logs and lists, and names what is to be switched off.
    (
        ("AKIA", "ASIA"),
        r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}[^A-Za-z0-9/+]{1,8}[A-Za-z0-9/+]{40}",
        "an AWS access key with its secret",
    ),
    (("00",), r"(?<![0-9A-Za-z])00[A-Za-z0-9_-]{40}(?![0-9A-Za-z])", "an Okta API token"),
    (("SSWS",), r"SSWS\s{1,4}\S{20,}", "an Okta API token"),
    (("PRIVATE",), r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----", "a private key"),
    (("sk",), r"sk_live_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{32,}", "an API key"),
    (("glpat",), r"glpat-[A-Za-z0-9_-]{16,}", "a GitLab token"),
    (("eyJ",), r"eyJ[A-Za-z0-9_-]{16,400}\.eyJ[A-Za-z0-9_-]{16}", "a signed token (JWT)"),
    ((), r"(?i)\bbearer\s{1,4}[A-Za-z0-9._~+/-]{20,}", "a bearer token"),
    (("://",), r"[a-z0-9]://[^/\s:@]{1,100}:[^/\s:@]{1,200}@", "a password in an address"),
    (("=",), r"[?&](?i:password|passwd|pwd)=[^&\s]+", "a password in an address"),
)
"""Words of which one stands in each such text, and its form: that is compiled where one does."""

_SHORT: Final = 26
"""A text of so many characters holds none of the forms that have no word."""

_compiled: Final = cache(re.compile)


def names_an_id(name: str) -> bool:
    """Whether the value of a key of this name is an id, in a file, an argument or an input.

    Keys and tokens are not among them: of some vendors their own values are 32 digits, too.
    """
    return _ID_NAME.fullmatch(name) is not None


def looks_secret(text: str, *, is_id: bool = False) -> str:
    """Say what kind of credential a text seems to hold; empty when it seems to hold none.

    Args:
        is_id: It stands where an id belongs: 32 hexadecimal digits are one there.
    """
    # Plain loops: a file asks this of each of its texts.
    for words, form, says in LOOKS[2 if is_id else 0 :]:
        may_be = not words and len(text) > _SHORT
        for word in words:
            may_be = may_be or word in text
        if may_be and _compiled(form).search(text):
            return says
    return ""
