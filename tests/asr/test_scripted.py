"""The scripted recogniser keeps the rules of `h2b.asr.base` and says what the script says."""

from collections.abc import Mapping

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from h2b.asr.base import Recogniser, Samples, UtteranceRequest
from h2b.asr.scripted import Line, Script, ScriptedRecogniser, ScriptedUtterance, open_scripted
from h2b.model.errors import EngineError
from h2b.model.results import Hypothesis, Recognised

REQUEST = UtteranceRequest("en")
Given = list[tuple[int, Recognised | EngineError]]


def ask(recogniser: Recogniser, given: Given, generation: int = 1, request: UtteranceRequest = REQUEST) -> None:
    recogniser.listen(request, lambda *answer: given.append(answer)).decode(generation)


def transcripts(given: Given) -> list[str]:
    return [str(a) if isinstance(a, EngineError) else a.hypotheses[0].transcript for _, a in given]


@pytest.mark.parametrize(
    ("line", "hypotheses"),
    [
        ("yes", (Hypothesis(transcript="yes", confidence=0.9),)),
        (Hypothesis(transcript="no", confidence=0.3), (Hypothesis(transcript="no", confidence=0.3),)),
        ([Hypothesis(transcript="a", confidence=0.3)] * 2, (Hypothesis(transcript="a", confidence=0.3),) * 2),
        ([], ()),
        (Recognised(asr_model="mine"), ()),
    ],
)
def test_a_line_of_the_script_becomes_an_answer(line: Line, hypotheses: tuple[Hypothesis, ...]) -> None:
    given: Given = []
    recogniser = ScriptedRecogniser([line])
    ask(recogniser, given, generation=7)
    assert given == []
    recogniser.release()
    ((generation, answer),) = given
    assert generation == 7
    assert isinstance(answer, Recognised)
    assert answer.hypotheses == hypotheses
    assert answer.asr_model == ("mine" if isinstance(line, Recognised) else "scripted")


def test_a_sequence_answers_utterances_in_the_order_of_their_first_decode() -> None:
    given: Given = []
    recogniser = ScriptedRecogniser(["first", "second"])
    recogniser.listen(REQUEST, lambda *answer: given.append(answer))
    again = recogniser.listen(REQUEST, lambda *answer: given.append(answer))
    again.decode(1)
    recogniser.release()
    ask(recogniser, given)
    recogniser.release()
    again.decode(2)
    recogniser.release()
    ask(recogniser, given)
    recogniser.release()
    assert transcripts(given) == ["first", "second", "first", "the script has no line for utterance 4"]


def test_a_mapping_goes_by_the_number_of_the_utterance() -> None:
    given: Given = []
    recogniser = ScriptedRecogniser({2: "two"})
    for _ in range(2):
        ask(recogniser, given)
    recogniser.release(2)
    assert transcripts(given) == ["the script has no line for utterance 1", "two"]


def test_a_callable_sees_the_request_and_all_that_was_fed() -> None:
    def script(request: UtteranceRequest, samples: Samples) -> Line:
        return f"{request.language} {samples.tolist()}"

    given: Given = []
    recogniser = ScriptedRecogniser(script)
    utterance = recogniser.listen(UtteranceRequest("fr"), lambda *answer: given.append(answer))
    utterance.feed(np.array([1, 2], np.int16))
    utterance.feed(np.array([3], np.int16))
    utterance.decode(1)
    recogniser.release()
    assert transcripts(given) == ["fr [1, 2, 3]"]


def test_an_error_in_the_script_is_the_answer() -> None:
    given: Given = []
    recogniser = ScriptedRecogniser([EngineError("no engine today")])
    ask(recogniser, given)
    recogniser.release()
    assert transcripts(given) == ["no engine today"]


def test_cancelled_utterances_and_stale_generations_are_never_answered() -> None:
    given: Given = []
    recogniser = ScriptedRecogniser(["yes"] * 3)
    cancelled = recogniser.listen(REQUEST, lambda *answer: given.append(answer))
    cancelled.decode(1)
    resumed = recogniser.listen(REQUEST, lambda *answer: given.append(answer))
    resumed.decode(1)
    resumed.decode(2)
    cancelled.cancel()
    cancelled.cancel()
    cancelled.decode(2)
    assert recogniser.waiting == [resumed]
    recogniser.release()
    recogniser.answer(cancelled)
    assert [generation for generation, _ in given] == [2]
    with pytest.raises(IndexError):
        recogniser.release()


def test_the_longest_utterance_is_bounded() -> None:
    utterance = ScriptedRecogniser().listen(REQUEST, lambda *answer: None)
    utterance.feed(np.zeros(35 * 8000, np.int16))
    with pytest.raises(OverflowError):
        utterance.feed(np.zeros(1, np.int16))


def test_a_test_can_look_at_what_was_asked() -> None:
    recogniser = ScriptedRecogniser(languages={"en": "", "fr": "not today"})
    utterance = recogniser.listen(REQUEST, lambda *answer: None)
    utterance.decode(3)
    assert recogniser.utterances == [utterance]
    assert (utterance.number, utterance.request, utterance.decodes, utterance.waits) == (1, REQUEST, [3], True)
    assert recogniser.languages == {"en": "", "fr": "not today"}


@pytest.mark.parametrize("script", [["yes"], {1: "yes"}, lambda request, samples: "yes"])
async def test_answers_come_by_themselves_after_the_delay(script: Script, autojump_clock: MockClock) -> None:
    given: list[tuple[float, str]] = []
    async with open_scripted(script, delay_s=0.3) as recogniser:
        utterance = recogniser.listen(
            REQUEST, lambda *answer: given.append((trio.current_time(), *transcripts([answer])))
        )
        utterance.decode(1)
        await trio.sleep(0.2)
        utterance.decode(2)
        assert given == []
        await trio.sleep(10)
    assert given == [(0.5, "yes")]


async def test_an_error_inside_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(EngineError, match="mine"):
        async with open_scripted():
            raise EngineError("mine")


def test_it_is_a_recogniser() -> None:
    recogniser: Recogniser = ScriptedRecogniser()
    languages: Mapping[str, str] = recogniser.languages
    assert set(languages) == {"en", "fr", "es", "de"}
    assert isinstance(recogniser.listen(REQUEST, lambda *answer: None), ScriptedUtterance)
