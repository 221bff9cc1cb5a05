"""Certificates are found by what they look like, wherever a system puts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from respond.company.signing_certificate import made_certificate
from respond.systems.seen_certificates import certificates_in


@pytest.fixture
def pem() -> str:
    return made_certificate("sso.example.com", 1_900_000_000)


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
        assert found.subject == "CN=sso.example.com"
        assert found.ends.timestamp() == 1_900_000_000
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
