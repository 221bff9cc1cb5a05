import copy
import pickle
from collections.abc import Callable

import pytest

from respond.core.secret_value import Secret, SecretUsedError

VALUE = "canary-of-ours"


@pytest.mark.promise("P22")
@pytest.mark.parametrize(
    "use",
    [
        str,
        bytes,
        format,
        hash,
        bool,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>20}",
        lambda secret: "%s" % secret,  # noqa: UP031 - the old form is what is tried
        lambda secret: secret == Secret(VALUE),
        lambda secret: secret != VALUE,
        [VALUE].index,
        lambda secret: {secret: 1},
        lambda secret: not secret,
    ],
)
def test_a_secret_can_not_be_used_by_accident(use: Callable[[Secret], object]) -> None:
    """Text, bytes, comparison, hash, truth, pickle and copy raise, and do not show it."""
    with pytest.raises(SecretUsedError) as caught:
        use(Secret(VALUE))
    assert VALUE not in str(caught.value)


@pytest.mark.promise("P22")
def test_a_secret_has_a_repr_that_says_only_what_it_is() -> None:
    """A traceback or a container that holds one can be printed."""
    assert repr(Secret(VALUE)) == "<secret>"
    assert repr([Secret(VALUE)]) == "[<secret>]"
    assert not hasattr(Secret(VALUE), "__dict__")


def test_only_open_gives_the_text() -> None:
    """The transport opens it."""
    assert Secret(VALUE).open() == VALUE


def test_no_subclass_can_take_the_guards_away() -> None:
    """A subclass is refused when it is made."""
    with pytest.raises(SecretUsedError):
        type("Loud", (Secret,), {})
