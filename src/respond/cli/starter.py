"""The files that ``respond init`` writes: a configuration that explains itself, and one runbook."""

from __future__ import annotations

from typing import Final

__all__ = ["CONFIG", "RUNBOOK", "RUNBOOK_NAME"]

CONFIG: Final = """\
# respond.toml: the systems, the people, and how much care a run gets.
# Keep this file in git, together with runbooks/. It never holds a secret: `respond connect NAME`
# puts those into the key store. Every key and its default: docs/configuration.md.

[policy]
confirm = "destructive"         # or "every-write": also ask before what can be undone
two_people = "never"            # "destructive": somebody else has to agree, see [[person]]
limit = 25                      # more targets than this in one step ask again

[journal]
keys = "keyring"                # "file" on a server without a keyring; verify and doctor say so

# --- systems: take the # away, fill in, then `respond connect NAME` ------------------------------

# [connections.cio]
# system = "customerio"
# account = "48213"             # the number of the account; shown at every question
# region = "eu"                 # eu or us
# identity = "respond-ir"       # name of the service account that respond works as
# sink = "screen"               # where a new key goes; better: "vault:vault:kv/cio/backend#api_key"

# [connections.slack]
# system = "slack"

# [connections.vault]
# system = "vault"
# base_urls = { http = "https://vault.example.com:8200" }

# --- people: who is told, and who may agree ------------------------------------------------------

# [[person]]
# id = "ana"
# name = "Ana Silva"
# emails = ["ana@example.com"]  # all of their addresses: one person, one entry
# logins = ["asilva"]           # their accounts on machines where respond runs
# roles = ["admin", "approver"]
# slack = "U024BE7LH"
# ssh_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJnTxQDsZqTcCjPMnFBvEtGTUwR3gUSC3LrQXwm0Ikp"]

# --- webhooks and the page, for `respond serve`: docs/webhooks.md and docs/server.md --------------

# [sources.pager]
# sender = "pagerduty"
# runbooks = ["compromised-key"]  # all that it may propose; people decide

# [[hooks]]
# source = "pager"
# runbook = "compromised-key"
# when = "event.service == 'billing'"

# [server]
# url = "https://respond.example.com"
"""

RUNBOOK_NAME: Final = "lost-laptop"

RUNBOOK: Final = """\
runbook: lost-laptop            # = file name = command: respond lost-laptop
title: A laptop is lost or stolen
summary: Gets the machine locked and its sessions ended by the people who can do that.
use_when: Somebody cannot find their laptop, or knows that it was stolen.
owner: security@example.com
reviewed: {today}

inputs:
  who: {{type: text, ask: "Whose laptop is it?", example: "Jean Martin"}}

steps:
  - id: lock
    title: Lock the machine
    phase: contain
    action: human.do
    with:
      title: "lock the laptop of ${{{{ inputs.who }}}}"
      instructions: |
        Open your device management and find the laptop of ${{{{ inputs.who }}}}.
        Send the lock command; do not wipe it yet.
      look_for: The console says that the command was sent.
  - id: sign_out
    title: End all sessions
    phase: contain
    action: human.do
    with:
      title: "sign ${{{{ inputs.who }}}} out everywhere"
      instructions: |
        Open your identity provider and find ${{{{ inputs.who }}}}.
        End all sessions, and reset the password.
      look_for: The list of sessions is empty.
  - id: told
    title: Tell the owner of the laptop
    phase: notify
    action: human.do
    with:
      title: "call ${{{{ inputs.who }}}}"
      instructions: |
        Call ${{{{ inputs.who }}}} on their phone: say what was locked, and how they work tomorrow.

rehearsal:
  who: Jean Martin
"""
"""``{today}`` is filled in: whoever begins has just read it."""
