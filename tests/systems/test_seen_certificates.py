"""Certificates are found by what they look like, wherever a system puts them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from respond.systems.seen_certificates import certificates_in
from respond.testing.certificates import self_signed


@pytest.fixture
def pem(tmp_path: Path) -> str:
    whole = self_signed(tmp_path, "127.0.0.1").read_text(encoding="ascii")
    return whole[whole.index("-----BEGIN CERTIFICATE") :]


def bare(pem: str) -> str:
    return "".join(pem.splitlines()[1:-1])


def test_one_is_found_under_any_name_and_in_any_form(pem: str) -> None:
    """As PEM, as its base64 alone, inside of SAML metadata; the same one counts once."""
    metadata = f"<ds:X509Certificate>\n{bare(pem)}\n</ds:X509Certificate>"
    for answer in (
        {"idp_cert": pem},
        {"a": [{"b": bare(pem)}]},
        {"metadata": metadata},
        [pem, pem],
    ):
        (found,) = certificates_in(answer)
        assert found.subject == "CN=127.0.0.1"
        assert 0 < (found.ends - datetime.now(UTC)).total_seconds() < 2 * 86_400
    assert len(list(certificates_in({"now": pem, "next": bare(pem), "none": None}))) == 1


@pytest.mark.parametrize("wrong", ["MIIC...", "MII" + "A" * 400, "", 7, None, {"MII": 1}])
def test_what_is_no_certificate_is_passed_over(wrong: Any) -> None:
    """Nothing fails on what a vendor may write there."""
    assert list(certificates_in({"certificate": wrong})) == []


def test_a_cut_one_is_none(pem: str) -> None:
    """And what is nested beyond reason is not looked at."""
    assert list(certificates_in(bare(pem)[:-40])) == []
    deep: Any = pem
    for _ in range(40):
        deep = [deep]
    assert list(certificates_in(deep)) == []
    assert list(certificates_in(json.loads(json.dumps({"x": [pem]})))) != []
