from importlib import import_module

import pytest

FACE = {
    "respond.core.script": """
        ASKS STEERS WHOLE
        Again Api Auth AuthBasic AuthBearer AuthNone AuthOwn Becomes Call Connection Done
        DrawnSecret Effect Evidence Gather Keep Looking MalformedReplyError Me NotYet Outcome
        OwnCredential
        Paging Person
        PersonRecord Proof Read RefusedError Reply ReplyError Script Sealed Spec Subject Undo Write
        WrittenAction action answer_as both gather
    """,
    "respond.systems.rest": """
        KEPT Thing asking at by_cursor by_link by_offset change dig is_gone no_answer no_in noted
        one or_said read_record records rows said_no stamp where word_of yes
    """,
    "respond.systems.guards": """
        GuardRefusedError emergency_names keep_an_administrator only_one spare
        who_could_act
    """,
    "respond.systems.arguments": "ArgumentError one_line one_of",
    "respond.testing": """
        certificates cli_kit contract_journal contract_keys crashing example_run journals loopback
        runbook_kit sample_actions senders settable_clock toy_system
    """,
}


@pytest.mark.parametrize("name", FACE)
def test_what_authors_of_actions_import_stays(name: str) -> None:
    """A name more or less here is a change for everybody who wrote an action."""
    module = import_module(name)
    assert sorted(module.__all__) == sorted(FACE[name].split())
    for each in module.__all__:
        assert hasattr(module, each) or import_module(f"{name}.{each}").__name__
