"""A recording through the session machine: positions, timers and ends, exact to the frame."""

import numpy as np
import pytest

from h2b.audio.endpoint import SpeechPaused, SpeechResumed, SpeechStarted
from h2b.cli.offline import Account, RecognitionRefused, TimerRun, recognise_recording
from h2b.grammar.catalogue import load_catalogue
from h2b.model.causes import CompletionCause
from h2b.model.errors import EngineError, H2BError
from h2b.model.formats import SAMPLE_RATE, AudioFormat
from h2b.model.names import EventName
from h2b.protocol.session import Setting
from tests.cli.running import DIGITS, TellingEngine, sound, telling
from tests.protocol.line import Line, silence, voice, words

SETTING = Setting(
    registry=load_catalogue(), make_channel_id=lambda prefix: f"{prefix}0x1", wall_time=lambda: 1_700_000_000.0
)
ANSWER = silence(1.0) + voice(1.0)


def recognise(octets: bytes, engine: TellingEngine | None = None, *grammars: str, **changes: object) -> Account:
    return recognise_recording(
        sound(octets),
        grammars or (DIGITS,),
        {"speech_language": "en", **changes},
        engine=engine or telling("four seven one two"),
        setting=SETTING,
    )


def ended(account: Account, kind: type) -> float:
    """Where the last endpoint of a kind says that speech ended or began."""
    event = [event for event in account.endpoints if isinstance(event, kind)][-1]
    return (event.end_sample if isinstance(event, SpeechPaused) else event.start_sample) / SAMPLE_RATE


def names(account: Account) -> list[EventName]:
    return [event.name for _, event in account.events]


def test_a_complete_answer_ends_with_the_silence_it_asks_for():
    account = recognise(ANSWER)
    spoken = ended(account, SpeechPaused)
    assert names(account) == [
        EventName.OPENED,
        EventName.RECOGNITION_IN_PROGRESS,
        EventName.START_OF_INPUT,
        EventName.RECOGNITION_COMPLETE,
    ]
    assert account.cause is CompletionCause.SUCCESS
    assert account.position == pytest.approx(spoken + 0.8)
    assert account.fired == TimerRun(
        name="speech_complete_timeout", limit_ms=800, start=spoken, end=account.position, fired=True
    )


def test_events_stand_where_a_client_in_real_time_gets_them():
    account = recognise(ANSWER + silence(2.0))
    line = Line(answers=lambda seconds: words("four seven one two"), now=0.0)
    line.open()
    line.recognize(DIGITS)
    line.stream(ANSWER + silence(2.0), chunk_ms=20)
    assert [at for at, _ in account.events] == pytest.approx([at for at, _ in line.events])
    assert names(account) == line.names()


def test_a_vote_is_kept_for_each_frame_up_to_the_end():
    account = recognise(ANSWER)
    assert len(account.votes) == round(account.position * 50)
    assert not any(account.votes[:40])
    assert sum(account.votes) > 40


def test_the_engine_is_asked_at_each_pause_for_all_that_was_said():
    answers = TellingEngine(lambda seconds: "four seven" if seconds < 1.8 else "four seven one two")
    account = recognise(ANSWER + silence(0.5) + voice(1.0), answers)
    first, second = account.decodings
    pauses = [event for event in account.endpoints if isinstance(event, SpeechPaused)]
    assert [first.position, second.position] == [pause.at_sample / SAMPLE_RATE for pause in pauses]
    assert first.fed_seconds < second.fed_seconds
    assert [d.verdict.match.value for d in account.decodings if d.verdict] == ["partial", "complete"]
    assert answers.requests[0].n_best == 1


def test_silence_that_speech_broke_did_not_fire():
    answers = TellingEngine(lambda seconds: "four seven" if seconds < 1.8 else "four seven one two")
    account = recognise(ANSWER + silence(0.5) + voice(1.0), answers)
    broken, fired = [timer for timer in account.timers if timer.name.startswith("speech_")]
    assert (broken.name, broken.limit_ms, broken.fired) == ("speech_incomplete_timeout", 1500, False)
    resumed = next(event for event in account.endpoints if isinstance(event, SpeechResumed))
    assert broken.end == resumed.at_sample / SAMPLE_RATE
    assert fired == account.fired


def test_no_voice_fires_the_no_input_timer():
    account = recognise(silence(1.0), None, no_input_timeout=2000)
    assert account.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert account.timers == [TimerRun(name="no_input_timeout", limit_ms=2000, start=0.0, end=2.0, fired=True)]


def test_speech_ends_the_no_input_timer_before_it_fires():
    no_input = recognise(ANSWER).timers[0]
    assert (no_input.name, no_input.start, no_input.fired) == ("no_input_timeout", 0.0, False)
    assert 1.0 < no_input.end < 1.3


def test_endless_speech_fires_the_recognition_timer():
    account = recognise(silence(1.0) + voice(4.0), None, recognition_timeout=2000)
    assert account.cause is CompletionCause.SUCCESS_MAXTIME
    assert account.fired is not None
    assert (account.fired.name, account.fired.start) == ("recognition_timeout", ended(account, SpeechStarted))
    assert account.position == pytest.approx(account.fired.start + 2.0, abs=0.02)


def test_an_utterance_beyond_every_engine_ends_too():
    account = recognise(voice(40.0), None, recognition_timeout=60_000)
    assert account.cause is CompletionCause.SUCCESS_MAXTIME
    assert account.fired is not None
    assert (account.fired.name, account.fired.limit_ms) == ("longest utterance", 30_000)


def test_a_hotword_call_tells_the_end_of_each_phrase():
    engine = telling("good morning", "yes")
    account = recognise(
        ANSWER + silence(2.0) + voice(0.6), engine, "builtin:speech/boolean", recognition_mode="hotword"
    )
    assert account.cause is CompletionCause.SUCCESS
    assert EventName.START_OF_INPUT not in names(account)
    first, second = [timer for timer in account.timers if timer.name.startswith("speech_")]
    assert (first.name, first.fired) == ("speech_incomplete_timeout", True)
    assert (second.name, second.fired) == ("speech_complete_timeout", True)
    assert account.fired == second


def test_a_hotword_that_speech_follows_had_the_silence_of_a_match():
    engine = telling("yes", "yes please")
    account = recognise(
        ANSWER + silence(0.5) + voice(0.6), engine, "builtin:speech/boolean", recognition_mode="hotword"
    )
    first, second = [timer for timer in account.timers if timer.name.startswith("speech_")]
    assert (first.name, first.fired) == ("speech_complete_timeout", False)
    assert account.fired == second


@pytest.mark.parametrize("changes", [{"confidence_threshold": 0.95}, {"hotword_min_duration": 3000}])
def test_a_hotword_too_doubtful_or_too_short_has_the_silence_of_other_words(changes):
    account = recognise(
        ANSWER,
        telling("yes"),
        "builtin:speech/boolean",
        recognition_mode="hotword",
        hotword_max_duration=4000,
        **changes,
    )
    assert account.cause is CompletionCause.HOTWORD_MAXTIME
    (phrase,) = [timer for timer in account.timers if timer.name.startswith("speech_")]
    assert (phrase.name, phrase.fired) == ("speech_incomplete_timeout", True)


def test_a_hotword_that_never_comes_fires_its_own_timer():
    account = recognise(
        ANSWER, telling("good morning"), "builtin:speech/boolean", recognition_mode="hotword", hotword_max_duration=3000
    )
    assert account.cause is CompletionCause.HOTWORD_MAXTIME
    assert account.fired is not None
    assert (account.fired.name, account.fired.limit_ms) == ("hotword_max_duration", 3000)


def test_a_failing_engine_ends_with_cause_error_and_no_timer():
    account = recognise(ANSWER, telling(EngineError("out of order")))
    assert account.cause is CompletionCause.ERROR
    assert account.completion.reason == "out of order"
    assert account.decodings[0].failure == "out of order"
    assert account.fired is None


def test_a_refused_request_says_why():
    with pytest.raises(RecognitionRefused, match="unknown grammar 'builtin:nowhere'"):
        recognise(ANSWER, None, "builtin:nowhere")


def test_a_recognition_without_end_is_refused():
    with pytest.raises(H2BError, match="nothing ends this recognition"):
        recognise(silence(1.0), None, start_input_timers=False)


def test_held_timers_do_not_matter_once_somebody_speaks():
    account = recognise(ANSWER, None, start_input_timers=False)
    assert account.cause is CompletionCause.SUCCESS
    assert "no_input_timeout" not in [timer.name for timer in account.timers]


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_the_call_may_be_coded_in_every_format(audio_format):
    account = recognise_recording(
        sound(ANSWER),
        (DIGITS,),
        {"speech_language": "en"},
        engine=telling("four seven one two"),
        setting=SETTING,
        audio_format=audio_format,
    )
    assert account.cause is CompletionCause.SUCCESS


def test_progress_counts_the_seconds_listened_to():
    told: list[float] = []
    account = recognise_recording(
        np.zeros(0, np.int16),
        (DIGITS,),
        {"speech_language": "en", "no_input_timeout": 100},
        engine=telling("x"),
        setting=SETTING,
        progress=told.append,
    )
    assert told == [0.02, 0.04, 0.06, 0.08, 0.1]
    assert account.position == told[-1]
