import pytest

from respond.core.strict_xml import NotStrictXmlError, decode

MANY = 200_000


@pytest.mark.promise("P18")
def test_elements_are_counted_as_well_as_bytes() -> None:
    """Five megabytes of empty elements would take seconds; a whole page of a list does not."""
    rows = decode(b"<rows>" + b"<member/>" * (MANY - 1) + b"</rows>")["rows"]
    assert len(rows) == MANY - 1
    with pytest.raises(NotStrictXmlError, match="too many elements"):
        decode(b"<rows>" + b"<member/>" * MANY + b"</rows>")
