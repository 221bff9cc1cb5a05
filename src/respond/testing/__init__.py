"""What tests of actions and of other parts of the tool import; a module each, named here.

``runbook_kit``: a stage for a whole runbook: the simulated company, the real engine, a person who
says yes. ``settable_clock``: a clock that is moved. ``loopback``: a server that answers what you
say, and remembers what it was asked. ``toy_system``: boxes on a shelf, for tests of the engine.
``cli_kit``: one user's home, and commands typed in it. ``crashing``: children that are killed at
every point. ``contract_journal`` and ``contract_keys``: what every journal and every key store
has to pass. ``senders``: deliveries as each webhook sender signs them. ``certificates``,
``journals``, ``example_run`` and ``sample_actions``: ready-made things.
"""

__all__ = [
    "certificates",
    "cli_kit",
    "contract_journal",
    "contract_keys",
    "crashing",
    "example_run",
    "journals",
    "loopback",
    "runbook_kit",
    "sample_actions",
    "senders",
    "settable_clock",
    "toy_system",
]
