"""Know every secret value that is live in this process, and keep it out of every text.

Whatever leaves for people or files (errors, logs, reports) passes ``Redactor.clean``, and so does
every answer that comes in. Values come in where they are opened:
the credential store and the transport register them.
"""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Mapping
from typing import Any, NoReturn, SupportsIndex

from respond.core.redact import forms, redact

__all__ = ["Redactor"]


class Redactor:
    """Replaces live secrets in text by ``[secret NAME]``. Safe to use from several threads.

    It has to hold the values in clear to look for them, so it can not be shown or pickled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._whole: set[str] = set()
        self._marks: dict[str, str] = {}
        self._table: tuple[tuple[str, str], ...] = ()
        self._shortest: float = math.inf
        """How long the shortest form is."""

    def register(self, name: str, value: str) -> bool:
        """Look for ``value`` from now on.

        Returns:
            False when the value has fewer than six characters: then it is *not* looked for, and
            whoever accepts such a value as a credential should refuse it.
        """
        if value in self._values:
            return True
        found = forms(value)
        mark = f"[secret {name}]"
        with self._lock:
            self._values |= {value} & found
            if found:
                coded = base64.b64encode(value.encode("utf-8", "surrogatepass"))
                self._whole |= {value, coded.decode("ascii")}
            # The first name stays: the same value under two names is one secret.
            new = {form: mark for form in found if form not in self._marks}
            if new:
                self._marks.update(new)
                # First how short one may be: another thread cleans meanwhile.
                self._shortest = min(self._shortest, *map(len, new))
                self._table = tuple(
                    sorted(self._marks.items(), key=lambda pair: (-len(pair[0]), pair[0]))
                )
        return bool(found)

    def clean(self, text: str) -> str:
        """``text`` without any live secret in it."""
        table = self._table
        # Most texts of an answer are shorter than the shortest form, which stands last.
        return redact(text, table) if table and len(text) >= len(table[-1][0]) else text

    def clean_data(self, value: Any, *, but_at: frozenset[str] = frozenset()) -> Any:
        """The same for every text inside of JSON-like data, keys included.

        What is neither a container nor a plain value becomes its ``repr``, cleaned.

        Args:
            but_at: Names of fields as ``Call.shows_values`` has them: there a text stays that is a
                live secret and nothing else, also as base64.
        """
        return self._cleaned(value, but_at, "", "")

    def _cleaned(self, value: Any, but_at: frozenset[str], name: str, inside: str) -> Any:
        if isinstance(value, str):
            stays = value in self._whole and not but_at.isdisjoint((name, f"{inside}.*"))
            return value if stays else self.clean(value)
        if value is None or isinstance(value, (bool, int, float)):
            # A code of digits may come back as a number.
            return self._marks.get(str(value), value)
        # What is shorter than anything that is looked for stays, without a call for each.
        short = self._shortest
        if isinstance(value, Mapping):
            return {
                (key if type(key) is str and len(key) < short else self.clean(str(key))): (
                    item
                    if type(item) is str and len(item) < short
                    else self._cleaned(item, but_at, str(key), name)
                )
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return [
                item
                if type(item) is str and len(item) < short
                else self._cleaned(item, but_at, name, inside)
                for item in value
            ]
        return self.clean(repr(value))

    def __repr__(self) -> str:
        return "<redactor>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a redactor holds secrets and has no pickle")
