"""What is told of requests that are refused, on both wires."""

import pytest

from h2b.model.causes import CompletionCause
from h2b.model.errors import LanguageUnsupported, MethodFailed, NoSuchGrammar
from h2b.model.messages import Event
from h2b.model.names import EventName
from h2b.protocol.effects import Send
from h2b.server.refusals import Refusals, Refused, refusal_in
from h2b.wire.mrcp import Refused as MrcpRefused
from h2b.wire.mrcp import Status, refusal
from h2b.wire.mrcptext import MrcpResponse, RequestState


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoSuchGrammar("builtin:x"), Refused("GramLoadFailure", "unknown grammar 'builtin:x'")),
        (
            LanguageUnsupported("speech", "fr", ["en"]),
            Refused("LanguageUnsupported", "speech is not available in 'fr': expected one of en"),
        ),
        (MethodFailed("no place"), Refused("407", "no place")),
        (MrcpRefused(Status.METHOD_NOT_VALID, "not now"), Refused("402", "not now")),
    ],
)
def test_an_answer_by_mrcp_is_told_by_the_causes_of_the_other_wire(error: MethodFailed, told: Refused) -> None:
    assert refusal_in([Send(refusal(error, 7))]) == told


def test_what_was_carried_out_is_no_refusal() -> None:
    progress = Event(name=EventName.RECOGNITION_IN_PROGRESS, request_id=1, cause=CompletionCause.SUCCESS)
    assert refusal_in([Send(progress)]) is None
    assert refusal_in([Send(MrcpResponse(1, Status.SUCCESS, RequestState.COMPLETE))]) is None


async def test_a_method_that_is_none_gets_no_label_of_its_own() -> None:
    counted: list[tuple[str, str]] = []
    refusals = Refusals(lambda method, cause: counted.append((method, cause)))
    refusals.tell("c", "HACK-1", [Send(refusal(MrcpRefused(Status.METHOD_NOT_ALLOWED, "no method"), 7))])
    assert counted == [("other", "401")]
