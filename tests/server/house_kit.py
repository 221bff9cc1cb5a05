"""The whole server around a simulated company: real deliveries, real sign-on, real writes there.

What ``respond serve --at URL`` builds, in a thread of this process, with people who answer by
signed file, on the page and in chat.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha512
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.server.page_kit import Browserish

from respond.adapters.secrets.ssh import check_signature
from respond.company import Server as Company
from respond.company import default_company, serve
from respond.company.rehearsal import Rehearsal
from respond.core.approval import NAMESPACE, Request, Standing, Verdict, answer_text
from respond.core.asked import asked_now
from respond.core.fold import RunState
from respond.people.answers import decide_signed
from respond.testing.loopback import loopback_client
from respond.testing.senders import payload, secret_for, signed, slack_click
from respond.wiring.app import application
from respond.wiring.places import Places
from respond.wiring.server import House, build

LIMIT_S = 120.0
KEY = Ed25519PrivateKey.from_private_bytes(b"ben" + b"\0" * 29)
SENDERS = (
    "pagerduty", "alertmanager", "grafana", "incidentio", "standard-webhooks", "github",
    "gitguardian", "generic",
)  # fmt: skip
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "grafana": {"timestamp_header": "X-Grafana-Alerting-Timestamp"},
    "slack": {"team": "T0ACME", "app": "A0RESPOND"},
}


def public_line() -> str:
    """The public key of ben, as ``respond.toml`` lists it."""
    raw = KEY.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return raw.decode()


def ssh_signature(text: bytes) -> str:
    """What ``ssh-keygen -Y sign`` makes of a text with ben's key (PROTOCOL.sshsig)."""

    def packed(*parts: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)

    blob = base64.b64decode(public_line().split()[1])
    scope = packed(NAMESPACE.encode(), b"", b"sha512")
    made = KEY.sign(b"SSHSIG" + scope + packed(sha512(text).digest()))
    whole = b"SSHSIG" + struct.pack(">I", 1) + packed(blob) + scope
    whole += packed(packed(b"ssh-ed25519", made))
    lines = base64.b64encode(whole).decode()
    body = "\n".join(lines[n : n + 70] for n in range(0, len(lines), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


def project(folder: Path, *, hooks: str = "", policy: str = "", sources: str = "") -> Path:
    """A project with a source for every sender, and people for every channel."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in (*SENDERS, "slack"):
        secret = folder / f"{name}.secret"
        secret.write_text(secret_for(name))
        secret.chmod(0o600)
        given = ", ".join(f'{k} = "{v}"' for k, v in OPTIONS.get(name, {}).items())
        lines.append(f'[sources.{name}]\nsender = "{name}"\nsecret = "file:{secret}"')
        lines.append(f"options = {{{given}}}")
        if name != "slack":
            lines.append('runbooks = ["compromised-key", "lost-2fa"]')
            lines.append(
                f'[[hooks]]\nsource = "{name}"\nrunbook = "compromised-key"\n'
                'with = {key = "backend-prod", since = "${{ event.at }}", used_by = "[]"}'
                if not hooks
                else hooks.replace("SOURCE", name)
            )
    people = f"""
[policy]
{policy}
[[person]]
id = "ana"
emails = ["ana@example.com"]
roles = ["admin", "approver"]
slack = "U0ANA"
[[person]]
id = "ben"
emails = ["ben@example.com"]
roles = ["admin", "approver"]
slack = "U0BEN"
ssh_keys = ["{public_line()}"]
[[person]]
id = "jean"
emails = ["jean@example.com"]
roles = ["approver"]
"""
    text = "\n".join(lines) + sources + people
    (folder / "respond.toml").write_text(text)
    return folder


@dataclass
class Site:
    """A server that runs, and its company."""

    house: House
    url: str
    company: Company
    rehearsal: Rehearsal
    sent: int = 0
    pages: dict[str, Browserish] = field(default_factory=dict)

    def writes(self) -> int:
        """Requests that could change something, at the systems a runbook changes."""
        counted = self.rehearsal.doors.get("counts")
        return int(counted["customerio"]["writes"])

    def effects(self, system: str) -> list[dict[str, Any]]:
        """What happened in one of the company's systems."""
        listed = self.rehearsal.doors.get("effects")["effects"]
        return [each for each in listed if each["system"] == system]

    def chat_texts(self) -> list[str]:
        """What stands in the company's chat, oldest first."""
        company = self.company.company
        with company.lock:
            return [m.text for c in company.slack.state.conversations for m in c.messages]

    # --- what comes in ---

    def send(self, sender: str, body: bytes | None = None, **others: Any) -> httpx.Response:
        """One delivery, signed as the sender does."""
        self.sent += 1
        body = body if body is not None else payload(sender, at=self.now_text())
        headers = others.pop("headers", None) or signed(
            sender,
            [secret_for(sender)],
            body,
            now_s=self.house.clock.now_ms() // 1000,
            delivery_id=others.pop("delivery_id", f"delivery-{sender}-{self.sent}"),
            options=OPTIONS.get(sender, {}),
        )
        with loopback_client(timeout=60) as http:
            return http.post(f"{self.url}/hooks/{sender}", content=body, headers=dict(headers))

    def now_text(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.house.clock.now_ms() / 1000))

    # --- what becomes of it ---

    def runs(self) -> list[RunState]:
        return list(self.house.board.runs())

    def run(self) -> RunState:
        """The only run."""
        (state,) = self.runs()
        return state

    def until(self, wanted: Callable[[RunState], object], run: str = "") -> RunState:
        """The run, as soon as it is as wanted; a limit, and no sleep that decides anything."""

        def found() -> RunState | None:
            for state in self.runs():
                if (not run or state.id == run) and wanted(state):
                    return state
            return None

        state: RunState = self.soon(found)
        return state

    def soon(self, found: Callable[[], Any]) -> Any:
        """What is found, as soon as it is; who looks all the time takes it from who is to do it."""
        end, pause_s = time.monotonic() + LIMIT_S, 0.01
        while time.monotonic() < end:
            got = found()
            if got is not None:
                return got
            threading.Event().wait(pause_s)
            pause_s = min(pause_s * 1.5, 0.25)
        seen = [(s.id, s.status.value, s.parked) for s in self.runs()]
        raise AssertionError(f"it did not come to that within {LIMIT_S} s: {seen}")

    def waiting(self) -> RunState:
        """The run that waits for people's approval."""
        return self.until(lambda s: s.status.value == "parked" and asked_now(s) is not None)

    def told(self) -> RunState:
        """The same, when those who are asked were told: until then a message may be under way."""
        self.waiting()
        return self.until(
            lambda s: s.notices and all(notice.conclusion for notice in s.notices.values())
        )

    # --- people ---

    def request(self, state: RunState) -> Request:
        found = asked_now(state)
        assert found is not None
        return found

    def by_file(self, state: RunState, verdict: Verdict = Verdict.APPROVE) -> Standing:
        """Ben signs on his own laptop, and somebody hands his answer in."""
        text = answer_text(self.request(state), "ben", verdict)
        return decide_signed(
            self.house.entry, text, ssh_signature(text.encode()), check_signature, channel="file"
        )

    def page(self, person: str) -> Browserish:
        """Somebody who is signed on."""
        if person not in self.pages:
            browser = CompanyBrowser(self.url)
            answer = browser.sign_on(person)
            assert answer.status_code in (302, 303), answer.text
            self.pages[person] = browser
        return self.pages[person]

    def by_page(self, state: RunState, person: str, verdict: str = "approve") -> httpx.Response:
        request = self.request(state)
        typed = state.id.rpartition("-")[2]
        fields = {
            "verdict": verdict, "nonce": request.nonce, "digest": request.digest, "typed": typed,
        }  # fmt: skip
        return self.page(person).post(f"/runs/{state.id}/decision", fields)

    def by_page_late(self, state: RunState, person: str) -> int:
        """The same, with a page that shows an earlier state."""
        request = state.requests[-1]
        fields = {
            "verdict": "approve", "nonce": request.nonce, "digest": request.digest,
            "typed": state.id.rpartition("-")[2],
        }  # fmt: skip
        return self.page(person).post(f"/runs/{state.id}/decision", fields).status_code

    def by_chat(self, state: RunState, user: str, action: str = "approve") -> httpx.Response:
        body = slack_click(self.request(state).nonce, action_id=f"respond.{action}", user=user)
        return self.send("slack", body)


class CompanyBrowser(Browserish):
    """Signs on at the simulated company's own provider."""

    def agree(self, address: str, person: str) -> str:
        with loopback_client(timeout=60) as there:
            page = there.get(address).text
            number = page.partition('name="request" value="')[2].partition('"')[0]
            place = httpx.URL(address).join("choose")
            answer = there.post(place, data={"request": number, "person": f"{person}@example.com"})
        return answer.headers["location"]


@contextmanager
def site(
    folder: Path, *, company: Company | None = None, api_hands: bool = True, **how: str
) -> Iterator[Site]:
    """A server over a company; ``how`` goes to ``project``."""
    own = company or serve(default_company(guess_routes=api_hands))
    try:
        where = folder / "project"
        if not (where / "respond.toml").is_file():
            project(where, **how)
        with started(where, folder / "state", own) as made:
            yield made
    finally:
        if company is None:
            own.close()


@contextmanager
def started(where: Path, state: Path, company: Company) -> Iterator[Site]:
    """Start a server in this process, and stop it as SIGTERM would."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        house = build(Places(where, state), at=company.base_url, url=url, verbosity=0)
        server = uvicorn.Server(
            uvicorn.Config(application(house), log_config=None, lifespan="on", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        made = Site(house, url, company, Rehearsal.start(at=company.base_url))
        try:
            made.soon(lambda: server.started or None)
            yield made
        finally:
            for browser in made.pages.values():
                browser.http.close()
            server.should_exit = True
            thread.join(timeout=LIMIT_S)
            alive = thread.is_alive()
            house.close()
            assert not alive


def as_json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
