"""The unchanged SDK drives the real server over a real socket: real audio, real engine, real time."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from uhlive.stream.recognition import (
    Closed,
    CompletionCause,
    DefaultParams,
    GrammarDefined,
    InputTimersStarted,
    InvalidParamValue,
    MethodFailed,
    MethodNotAllowed,
    MethodNotValid,
    MissingParam,
    Opened,
    ParamsSet,
    RecognitionComplete,
    RecognitionInProgress,
    StartOfInput,
    Stopped,
)

from h2b.audio.files import read_audio
from h2b.model.formats import AudioFormat
from tests.interop.voicebot import Voicebot, voicebot

DIGITS = "builtin:speech/spelling/digits"
PIN = f"{DIGITS}?length=4"
PARCEL = "builtin:speech/spelling/mixed?regex=[a-z]{2}[0-9]{9}[a-z]{2}"


@pytest.fixture(scope="module")
def code() -> np.ndarray:
    """The recording of the demo: a caller who says four seven one two in a sentence."""
    (recording,) = [entry for entry in files("h2b").joinpath("demo").iterdir() if entry.name.endswith(".wav")]
    return read_audio(Path(str(recording)))


@pytest.fixture
def bot(server_url: str) -> Voicebot:
    with voicebot(server_url) as bot:
        assert isinstance(bot.open(), Opened)
        assert isinstance(bot.ask(bot.sdk.set_params(speech_language="en", no_input_timeout=5000)), ParamsSet)
        yield bot


def complete(bot: Voicebot) -> RecognitionComplete:
    event = bot.next_event()
    assert isinstance(event, RecognitionComplete), event
    return event


def test_a_normal_recognition(bot: Voicebot, code: np.ndarray) -> None:
    assert isinstance(bot.ask(bot.sdk.define_grammar(PIN.removeprefix("builtin:"), "pin")), GrammarDefined)
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize("session:pin", recognition_mode="normal")), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.nlu.value == "4712"
    assert event.body.nlu.type == DIGITS
    assert event.body.grammar_uri == "session:pin"
    assert "four seven one two" in event.body.asr.transcript
    assert event.body.asr.end > event.body.asr.start
    assert isinstance(bot.ask(bot.sdk.close()), Closed)


def test_hotword_mode_waits_for_the_match(bot: Voicebot, code: np.ndarray) -> None:
    bot.say(code)
    request = bot.sdk.recognize(PIN, recognition_mode="hotword", hotword_max_duration=15000)
    assert isinstance(bot.ask(request), RecognitionInProgress)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.nlu.value == "4712"


def test_held_timers_and_no_input(bot: Voicebot) -> None:
    request = bot.sdk.recognize(PIN, start_timers=False, no_input_timeout=600)
    assert isinstance(bot.ask(request), RecognitionInProgress)
    assert isinstance(bot.ask(bot.sdk.start_input_timers()), InputTimersStarted)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.NoInputTimeout
    assert event.completion_reason == "no voice"
    assert event.body.asr is None
    assert event.body.nlu is None


def test_stop_while_the_caller_speaks_and_the_next_recognition(bot: Voicebot, code: np.ndarray) -> None:
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize(PIN)), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    assert isinstance(bot.ask(bot.sdk.stop()), Stopped)
    bot.hush()
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize(PIN)), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    assert complete(bot).body.nlu.value == "4712"


def test_n_best_gives_alternatives(bot: Voicebot, code: np.ndarray) -> None:
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize(DIGITS, n_best_list_length=3)), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.body.nlu.value == "4712"
    assert 1 <= len(event.body.alternatives) <= 2
    said = [(event.body.asr.transcript, event.body.nlu.value)]
    said += [(entry.asr.transcript, entry.nlu.value) for entry in event.body.alternatives]
    assert len(set(said)) == len(said), "no alternative says the same again"


def test_several_grammars_and_which_one_matched(bot: Voicebot, code: np.ndarray) -> None:
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize("builtin:speech/boolean", PIN)), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert (event.body.grammar_uri, event.body.nlu.value) == (PIN, "4712")


def test_two_sessions_on_one_socket_in_two_audio_formats(server_url: str, code: np.ndarray) -> None:
    with voicebot(server_url) as bot:
        ids = []
        for audio_format in (AudioFormat.LINEAR, AudioFormat.G711A):
            opened = bot.open(audio_format)
            assert isinstance(opened, Opened)
            ids.append(bot.sdk.channel_id)
            bot.say(code)
            assert isinstance(bot.ask(bot.sdk.recognize(PIN, speech_language="en")), RecognitionInProgress)
            assert isinstance(bot.next_event(), StartOfInput)
            assert complete(bot).body.nlu.value == "4712"
            assert isinstance(bot.ask(bot.sdk.close()), Closed)
        assert len(set(ids)) == 2
        assert all(channel_id.startswith("interop") for channel_id in ids)


def test_parameters_can_be_read_back(bot: Voicebot) -> None:
    event = bot.ask(bot.sdk.get_params())
    assert isinstance(event, DefaultParams)
    assert event.headers["speech_language"] == "en"
    assert event.headers["no_input_timeout"] == 5000


def test_each_error_and_the_session_lives_on(bot: Voicebot, code: np.ndarray) -> None:
    def raw(command: str, headers: dict[str, object], body: str = "") -> str:
        return bot.sdk.command(command, headers, body)

    wrong_state = bot.ask(raw("START-INPUT-TIMERS", {}))
    assert isinstance(wrong_state, MethodNotAllowed)
    assert wrong_state.completion_reason == (
        "START-INPUT-TIMERS is not allowed in an idle session: expected RECOGNIZE first"
    )
    assert isinstance(bot.ask(raw("OPEN", {})), MethodNotAllowed)
    assert isinstance(bot.ask(raw("RECOGNISE", {})), MethodNotValid)
    assert isinstance(bot.ask('{"command": "GET-PARAMS", '), MethodNotValid)
    assert isinstance(bot.ask(json.dumps([1, 2, 3])), MethodNotValid)
    assert isinstance(bot.ask(raw("RECOGNIZE", {})), MissingParam)
    assert isinstance(bot.ask(raw("DEFINE-GRAMMAR", {"content_type": "text/uri-list"}, PIN)), MissingParam)
    bad_value = bot.ask(bot.sdk.set_params(confidence_threshold=1.5))
    assert isinstance(bad_value, InvalidParamValue)
    assert bad_value.completion_reason == "confidence_threshold: got 1.5, expected a number from 0.0 to 1.0"
    unknown = bot.ask(bot.sdk.recognize("toto"))
    assert isinstance(unknown, MethodFailed)
    assert unknown.completion_cause is CompletionCause.GramLoadFailure
    assert unknown.completion_reason == "unknown grammar 'toto'"
    undefined = bot.ask(bot.sdk.define_grammar("speech/spelling/digits?regex=[0-9", "pin"))
    assert isinstance(undefined, MethodFailed)
    assert undefined.completion_cause is CompletionCause.GramDefinitionFailure
    language = bot.ask(bot.sdk.recognize(PIN, speech_language="it"))
    assert isinstance(language, MethodFailed)
    assert language.completion_cause is CompletionCause.LanguageUnsupported
    test_a_normal_recognition(bot, code)


def test_an_address_gives_one_start_of_input_although_noise_opens_it_and_a_click_follows(
    bot: Voicebot, speech_folder: Path
) -> None:
    bot.say(read_audio(speech_folder / "wav" / "uhlive_fr_address_ok.wav"))
    request = bot.sdk.recognize(
        "builtin:speech/transcribe", speech_language="fr", speech_complete_timeout=1200, recognition_timeout=20000
    )
    assert isinstance(bot.ask(request), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.asr.transcript.startswith("trente sept rue du docteur")
    spoken = event.body.asr.end - event.body.asr.start
    assert spoken.total_seconds() == pytest.approx(5.06 - 1.12, abs=0.4)


def test_a_parcel_number_in_hotword_mode(bot: Voicebot, speech_folder: Path) -> None:
    bot.say(read_audio(speech_folder / "wav" / "uhlive_parcel_number.wav"))
    request = bot.sdk.recognize(
        PARCEL,
        speech_language="fr",
        recognition_mode="hotword",
        no_input_timeout=5000,
        hotword_max_duration=10000,
        speech_complete_timeout=800,
    )
    assert isinstance(bot.ask(request), RecognitionInProgress)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.nlu.value == "le137137866cn"


def test_an_address_is_taken_apart(bot: Voicebot, speech_folder: Path) -> None:
    bot.say(read_audio(speech_folder / "wav" / "uhlive_fr_address_ok.wav"))
    request = bot.sdk.recognize(
        "builtin:speech/postal_address",
        speech_language="fr",
        speech_complete_timeout=1200,
        speech_incomplete_timeout=2000,
        recognition_timeout=20000,
    )
    assert isinstance(bot.ask(request), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.nlu.value == {
        "number": "37",
        "street": "rue du docteur leroy",
        "zipcode": "72000",
        "city": "le mans",
        "complement": "",
    }


ORDER = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en-US" root="order"
         tag-format="semantics/1.0">
  <rule id="order" scope="public">
    <item repeat="0-1">hello</item> <item repeat="0-1">ah</item> my code is
    <ruleref uri="builtin:speech/spelling/digits?length=4"/>
    <tag>out.code = rules.latest(); out.first = Number(out.code[0]);</tag>
    <item repeat="0-1">thanks</item>
  </rule>
</grammar>"""


def define(bot: Voicebot, alias: str, text: str) -> dict[str, object]:
    """The SDK defines builtin grammars only: the frame is its own, with another type and body."""
    frame = json.loads(bot.sdk.define_grammar("speech/boolean", alias))
    frame["headers"]["content_type"] = "application/srgs+xml"
    frame["body"] = text
    bot.socket.send(json.dumps(frame))
    return json.loads(bot.socket.recv())


def test_a_grammar_of_the_clients_own_with_a_script(bot: Voicebot, code: np.ndarray) -> None:
    assert define(bot, "order", ORDER)["event"] == "GRAMMAR-DEFINED"
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize("session:order")), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Success
    assert event.body.nlu.value == {"code": "4712", "first": 4}
    assert (event.body.nlu.type, event.body.grammar_uri) == ("session:order", "session:order")


def test_a_script_that_never_ends_fails_its_recognition_and_nothing_else(bot: Voicebot, code: np.ndarray) -> None:
    assert define(bot, "loop", ORDER.replace("out.code =", "while (true); out.code ="))["event"] == "GRAMMAR-DEFINED"
    bot.say(code)
    assert isinstance(bot.ask(bot.sdk.recognize("session:loop")), RecognitionInProgress)
    assert isinstance(bot.next_event(), StartOfInput)
    event = complete(bot)
    assert event.completion_cause is CompletionCause.Error
    assert "the script took longer than" in event.completion_reason
    test_a_normal_recognition(bot, code)


def test_a_grammar_that_is_wrong_is_refused_with_its_line(bot: Voicebot) -> None:
    answer = define(bot, "order", ORDER.replace("</item> <item", "<item", 1))
    assert (answer["event"], answer["completion_cause"]) == ("METHOD-FAILED", "GramDefinitionFailure")
    assert "line 9" in str(answer["completion_reason"])
