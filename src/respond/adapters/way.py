"""How requests leave this machine: whose certificates count, through which proxy, to what address.

One record for connections, sources, mail and sign-on; and where mail is handed in, apart from what
does it (``adapters/smtp.py``), which takes long to load and few runs need. The environment decides
nothing here (P20); what is seen there and not used is named where something cannot be reached.
"""

from __future__ import annotations

from typing import Final, Literal

from respond.core.records import Frozen

__all__ = ["DIRECT", "SmtpServer", "WayThere"]


class WayThere(Frozen):
    """How to get to one place.

    Attributes:
        ca: File with the authorities that count, and no others; empty: the public ones.
        proxy: ``http://HOST:PORT``, which is asked for a tunnel and looks names up itself.
        inside: The address may be of this machine or of a private network.
        table: Where that stands in respond.toml.
        unused: Names in the environment that would have meant a proxy or authorities elsewhere.
    """

    ca: str = ""
    proxy: str = ""
    inside: bool = True
    table: str = ""
    unused: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """What was gone through, behind a reason; empty where nothing is set."""
        proxy = f"; through the proxy {self.proxy}" if self.proxy else ""
        return f"{proxy}; held against {self.ca}" if self.ca else proxy

    @property
    def do(self) -> str:
        """What to do besides, where the environment was not heard; or empty."""
        if not self.unused:
            return ""
        return (
            f"; {', '.join(self.unused)} of the environment counts for nothing here: "
            f"set proxy or ca under [{self.table}]"
        )


DIRECT: Final = WayThere()


class SmtpServer(Frozen):
    """The mail server of one connection.

    Attributes:
        user: Log in as; the password is the connection's credential. Empty: no log-in.
        ehlo: Who we say that we are. It is not looked up: that asks the name server.
        tls: ``starttls`` on port 587, ``implicit`` on port 465.
        loopback_ok: No TLS to a loopback address.
    """

    connection: str
    host: str
    port: int = 587
    user: str = ""
    ehlo: str = "localhost"
    tls: Literal["starttls", "implicit"] = "starttls"
    loopback_ok: bool = False
    way: WayThere = DIRECT
