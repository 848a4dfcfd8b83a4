"""The recognizer resource: one response for each request, events after it, the queue, keys, results."""

from collections.abc import Sequence

import pytest
from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.registry import MAXIMUM_ALIASES
from h2b.model.formats import SAMPLE_RATE
from h2b.model.params import Parameters
from h2b.model.results import Recognised
from h2b.model.usage import RecognitionRecord
from h2b.protocol.effects import Bill, Cancel, Decode, Effect, Evaluate, Feed, Listen, Measure, Send
from h2b.protocol.recognizer import MAXIMUM_QUEUE, Recognizer
from h2b.protocol.session import Setting
from h2b.wire import nlsml
from h2b.wire.mrcp import Status, read_request_ids, vendor_pairs
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpRequest, MrcpResponse, RequestState
from h2b.wire.nlsml import Flavour
from tests.protocol.line import silence, voice, words

CHANNEL = "17201cd9ef7d4942@speechrecog"
URIS = "text/uri-list"
DIGITS = "builtin:speech/spelling/digits?length=3"
REGISTRY = load_catalogue()
LOADING = "004 grammar-load-failure"
COMPILATION = "005 grammar-compilation-failure"
SRGS = """<?xml version="1.0"?>
<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en-US" root="r">
<rule id="r" scope="public"><one-of><item>one two six</item><item>yes</item></one-of></rule></grammar>"""


@define
class Call:
    """A recognizer, a clock that only this object moves, and an engine that says what it is told."""

    said: str = "one two six"
    sure: float = 0.9
    flavour: Flavour = Flavour.RFC
    now: float = 100.0
    messages: list[MrcpResponse | MrcpEvent] = field(factory=list)
    records: list[RecognitionRecord] = field(factory=list)
    evaluations: list[Evaluate] = field(factory=list)
    machine: Recognizer = field(init=False)
    fed: dict[int, float] = field(factory=dict)
    fails: str = ""
    _last: int = 0

    def __attrs_post_init__(self) -> None:
        setting = Setting(
            registry=REGISTRY,
            parameters=Parameters(speech_language="en"),
            make_channel_id=lambda prefix: "unused",
            wall_time=lambda: 1_700_000_000.0,
            version="test",
        )
        self.machine = Recognizer(setting, CHANNEL, self.flavour, make_token=lambda: "token")

    def request(self, method: str, body: str = "", **headers: str) -> MrcpResponse:
        """Send a request; its response, which must come first."""
        self._last += 1
        return self.send(MrcpRequest(method, self._last, Headers.of(**headers), body.encode()))

    def send(self, request: MrcpRequest) -> MrcpResponse:
        before = len(self.messages)
        self.perform(self.machine.handle(request, self.now))
        fresh = self.messages[before:]
        response = next(message for message in fresh if isinstance(message, MrcpResponse))
        assert sum(isinstance(message, MrcpResponse) for message in fresh) == 1
        assert response.request_id == request.request_id
        own = [m for m in fresh if isinstance(m, MrcpEvent) and m.request_id == request.request_id]
        assert all(fresh.index(event) > fresh.index(response) for event in own), "an event before its response"
        return response

    def recognize(self, *uris: str, **headers: str) -> MrcpResponse:
        return self.request("RECOGNIZE", "\r\n".join(uris or (DIGITS,)) + "\r\n", Content_Type=URIS, **headers)

    def hear(self, audio: bytes) -> None:
        step = 2 * SAMPLE_RATE // 50
        for start in range(0, len(audio), step):
            self.now += 0.02
            self.perform(self.machine.receive_audio(audio[start : start + step], self.now))

    def speak(self) -> None:
        self.hear(silence(0.5) + voice(1) + silence(2))

    def press(self, keys: str) -> None:
        for key in keys:
            self.hear(silence(0.1))
            self.perform(self.machine.receive_key(key, self.now))

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(MrcpResponse() | MrcpEvent() as message):
                    assert message.headers.get("Channel-Identifier") == CHANNEL
                    self.messages.append(message)
                case Bill(RecognitionRecord() as record):
                    self.records.append(record)
                case Listen():
                    self.fed[effect.utterance] = 0.0
                case Feed(utterance, samples):
                    self.fed[utterance] += len(samples) / SAMPLE_RATE
                case Evaluate():
                    self.evaluations.append(effect)
                case Decode():
                    self.perform(self._decode(effect))
                case Cancel() | Measure() | Bill():
                    pass
                case _:
                    raise AssertionError(effect)

    def _decode(self, decode: Decode) -> Sequence[Effect]:
        if self.fails:
            return self.machine.failed(decode.utterance, decode.generation, self.fails)
        recognised = words(self.said, confidence=self.sure)
        return self.machine.heard(decode.utterance, decode.generation, recognised)

    @property
    def events(self) -> list[tuple[str, int]]:
        return [(message.name, message.request_id) for message in self.messages if isinstance(message, MrcpEvent)]

    def completion(self, request_id: int) -> MrcpEvent:
        (event,) = [
            message
            for message in self.messages
            if isinstance(message, MrcpEvent)
            and message.request_id == request_id
            and message.name.endswith("-COMPLETE")
        ]
        return event


def cause(message: MrcpResponse | MrcpEvent) -> str:
    return message.headers.get("Completion-Cause")


def value(event: MrcpEvent) -> object:
    best = nlsml.decode(event.body).result.best
    assert best is not None
    assert best.interpretation is not None
    return best.interpretation.value


def test_a_recognition_from_its_request_to_its_result() -> None:
    call = Call()
    response = call.recognize(No_Input_Timeout="5000", Confidence_Threshold="0.5", Cancel_If_Queue="false")
    assert (response.status, response.state) == (200, RequestState.IN_PROGRESS)
    call.speak()
    assert call.events == [("START-OF-INPUT", 1), ("RECOGNITION-COMPLETE", 1)]
    start = call.messages[1]
    assert start.headers.get("Input-Type") == "speech"
    assert start.headers.get("Proxy-Sync-Id") == "token"
    done = call.completion(1)
    assert done.state is RequestState.COMPLETE
    assert cause(done) == "000 success"
    assert done.headers.get("Content-Type") == "application/nlsml+xml"
    assert value(done) == "126"
    assert len(call.records) == 1


def test_the_other_flavour_and_accept_choose_the_document() -> None:
    call = Call(flavour=Flavour.H2B)
    call.recognize()
    call.speak()
    assert call.completion(1).headers.get("Content-Type") == "application/x-nlsml"
    call.recognize(Accept="application/nlsml+xml, */*")
    call.speak()
    assert call.completion(2).headers.get("Content-Type") == "application/nlsml+xml"


@pytest.mark.parametrize("content_id", ["request1@form-level", "<request1@form-level>"])
def test_a_grammar_is_defined_by_its_text_and_recognised_by_its_name(content_id: str) -> None:
    call = Call()
    defined = call.request("DEFINE-GRAMMAR", SRGS, Content_Type="application/srgs+xml", Content_Id=content_id)
    assert (defined.status, defined.state, cause(defined)) == (200, RequestState.COMPLETE, "000 success")
    call.recognize("session:request1@form-level")
    call.speak()
    assert value(call.completion(2)) == "one two six"


def test_a_grammar_may_stand_in_the_request_itself() -> None:
    call = Call()
    response = call.request("RECOGNIZE", SRGS, Content_Type="application/srgs+xml")
    assert response.state is RequestState.IN_PROGRESS
    call.speak()
    assert value(call.completion(1)) == "one two six"


def test_parts_define_and_name_grammars_in_their_order() -> None:
    call = Call()
    body = (
        "--frontier\r\nContent-Type: text/uri-list\r\n\r\nbuiltin:speech/boolean\r\n"
        f"--frontier\r\nContent-Type: application/srgs+xml\r\nContent-ID: <g>\r\n\r\n{SRGS}\r\n--frontier--\r\n"
    )
    call.request("RECOGNIZE", body, Content_Type="multipart/mixed; boundary=frontier")
    call.speak()
    assert value(call.completion(1)) == "one two six"


def test_a_list_of_grammars_has_a_name_and_weights_an_order() -> None:
    call = Call(said="yes")
    body = '<builtin:speech/transcribe>;weight="0.5"\r\n<builtin:speech/boolean>;weight="2.0"\r\n'
    call.request("DEFINE-GRAMMAR", body, Content_Type="text/grammar-ref-list", Content_Id="menu")
    call.recognize("session:menu")
    call.speak()
    assert value(call.completion(2)) == "true"


@pytest.mark.parametrize("uri", ["builtin:digits?length=3", "builtin:grammar/digits?length=3", DIGITS])
def test_every_vendors_prefix_of_a_builtin_grammar_is_taken(uri: str) -> None:
    call = Call()
    call.recognize(uri)
    call.speak()
    assert value(call.completion(1)) == "126"


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "completion"),
    [
        ("RECOGNIZE", "builtin:speech/digit", {"Content_Type": URIS}, 407, "004 grammar-load-failure"),
        ("RECOGNIZE", "session:nothing", {"Content_Type": URIS}, 407, "004 grammar-load-failure"),
        ("RECOGNIZE", "http://example.com/a.grxml", {"Content_Type": URIS}, 407, "009 uri-failure"),
        ("RECOGNIZE", "<grammar/>", {"Content_Type": "application/srgs+xml"}, 407, COMPILATION),
        ("RECOGNIZE", "builtin:speech/spelling/digits?length=x", {"Content_Type": URIS}, 407, COMPILATION),
        ("RECOGNIZE", "no parts", {"Content_Type": "multipart/mixed; boundary=b"}, 407, COMPILATION),
        ("RECOGNIZE", "no boundary", {"Content_Type": "multipart/mixed"}, 407, COMPILATION),
        ("INTERPRET", "x", {"Content_Type": "multipart/mixed", "Interpret_Text": "yes"}, 407, COMPILATION),
        ("DEFINE-GRAMMAR", "no parts", {"Content_Type": "multipart/mixed; boundary=b"}, 407, COMPILATION),
        ("DEFINE-GRAMMAR", "<gram", {"Content_Type": "application/srgs+xml", "Content_Id": "g"}, 407, COMPILATION),
        ("DEFINE-GRAMMAR", "session:a\r\nsession:b", {"Content_Type": URIS, "Content_Id": "g"}, 407, LOADING),
        ("DEFINE-GRAMMAR", f"{DIGITS}\r\nsession:b", {"Content_Type": URIS, "Content_Id": "g"}, 407, LOADING),
        ("RECOGNIZE", "", {}, 406, ""),
        ("RECOGNIZE", "x", {"Content_Type": "application/x-jsgf"}, 408, ""),
        (
            "RECOGNIZE",
            DIGITS,
            {"Content_Type": URIS, "Speech_Language": "it"},
            407,
            "010 language-unsupported",
        ),
        ("RECOGNIZE", DIGITS, {"Content_Type": URIS, "No_Input_Timeout": "soon"}, 404, ""),
        ("RECOGNIZE", DIGITS, {"Content_Type": URIS, "Save_Waveform": "maybe"}, 404, ""),
        ("DEFINE-GRAMMAR", SRGS, {"Content_Type": "application/srgs+xml"}, 406, ""),
        ("SET-PARAMS", "", {"Sensitivity": "1"}, 403, ""),
        ("SET-PARAMS", "", {"Confidence_Threshold": "7"}, 409, ""),
        ("SET-PARAMS", "", {"Confidence_Threshold": "-0.1"}, 404, ""),
        ("SET-PARAMS", "", {"N_Best_List_Length": "0"}, 409, ""),
        ("SET-PARAMS", "", {"N_Best_List_Length": "1.5"}, 404, ""),
        ("SET-PARAMS", "", {"No_Input_Timeout": "99999999"}, 409, ""),
        ("SET-PARAMS", "", {"Logging_Tag": "t" * 257}, 409, ""),
        ("SET-PARAMS", "", {"Recognition_Mode": "loud"}, 404, ""),
        ("SET-PARAMS", "", {"Save_Waveform": "maybe"}, 404, ""),
        ("SET-PARAMS", "", {"DTMF_Buffer_Time": "long"}, 404, ""),
        ("SET-PARAMS", "", {"DTMF_Buffer_Time": "3600001"}, 409, ""),
        ("SET-PARAMS", "", {"Vendor_Specific_Parameters": "Custom-Id=" + "x" * 257}, 409, ""),
        ("SET-PARAMS", "", {"Sensitivity": "1", "Confidence_Threshold": "7"}, 403, ""),
        ("SET-PARAMS", "", {"Sensitivity": "1", "Confidence_Threshold": "high"}, 404, ""),
        ("START-INPUT-TIMERS", "", {}, 402, ""),
        ("GET-RESULT", "", {}, 402, ""),
        ("INTERPRET", DIGITS, {"Content_Type": URIS}, 406, ""),
        ("INTERPRET", DIGITS, {"Content_Type": URIS, "Interpret_Text": "a " * 2049}, 404, ""),
        ("INTERPRET", "", {"Content_Type": URIS, "Interpret_Text": "yes"}, 406, ""),
        ("INTERPRET", "\r\n", {"Content_Type": URIS, "Interpret_Text": "yes"}, 406, ""),
        ("START-PHRASE-ENROLLMENT", "", {}, 401, ""),
    ],
)
def test_a_refusal_has_a_status_a_reason_and_where_there_is_one_a_cause(
    method: str, body: str, headers: dict[str, str], status: int, completion: str
) -> None:
    call = Call()
    response = call.request(method, body, **headers)
    assert (response.status, response.state) == (status, RequestState.COMPLETE)
    assert cause(response) == completion
    assert response.headers.get("Completion-Reason")
    assert call.recognize().state is RequestState.IN_PROGRESS, "a refusal changes nothing"


def test_request_ids_must_rise() -> None:
    call = Call()
    call.send(MrcpRequest("SET-PARAMS", 7))
    assert call.send(MrcpRequest("SET-PARAMS", 7)).status == Status.OUT_OF_ORDER
    assert call.send(MrcpRequest("SET-PARAMS", 8)).status == Status.SUCCESS


def test_parameters_are_set_and_read() -> None:
    call = Call()
    call.request(
        "SET-PARAMS",
        No_Input_Timeout="1234",
        Vendor_Specific_Parameters='Speech-Nomatch-Timeout=777;Custom-Id="acme 7"',
    )
    asked = call.request("GET-PARAMS", No_Input_Timeout="", Vendor_Specific_Parameters="")
    assert asked.headers.get("No-Input-Timeout") == "1234"
    assert "Speech-Nomatch-Timeout=777" in asked.headers.get("Vendor-Specific-Parameters")
    assert "Confidence-Threshold" not in asked.headers
    everything = call.request("GET-PARAMS")
    assert everything.headers.get("Confidence-Threshold") == "0.5"
    assert everything.headers.get("Recognition-Mode") == "normal"
    call.recognize()
    call.speak()
    assert call.records[0].session.custom_id == "acme 7"


def test_a_request_may_say_whose_it_is() -> None:
    call = Call()
    call.recognize(Vendor_Specific_Parameters="Custom-Id=acme")
    call.speak()
    assert call.records[0].session.custom_id == "acme"


def test_a_refused_set_params_bills_nobody_else() -> None:
    call = Call()
    call.recognize(Vendor_Specific_Parameters="Custom-Id=A")
    assert call.request("SET-PARAMS", Vendor_Specific_Parameters="Custom-Id=B").status == Status.METHOD_NOT_VALID
    call.speak()
    assert call.records[0].session.custom_id == "A"
    told = call.request("GET-PARAMS", Vendor_Specific_Parameters="").headers
    assert "Custom-Id=A" in told.get("Vendor-Specific-Parameters")
    wrong = call.request("SET-PARAMS", Vendor_Specific_Parameters="Custom-Id=C", No_Input_Timeout="soon")
    assert wrong.status == Status.ILLEGAL_VALUE
    assert call.request("GET-PARAMS", Vendor_Specific_Parameters="").headers == told


def test_a_queued_request_is_billed_to_whom_it_names_and_those_before_it_are_not() -> None:
    call = Call()
    call.recognize(Vendor_Specific_Parameters="Custom-Id=A")
    call.recognize(Vendor_Specific_Parameters="Custom-Id=B")
    call.speak()
    call.speak()
    assert [record.session.custom_id for record in call.records] == ["A", "B"]


def test_a_request_that_makes_another_give_way_does_not_take_over_its_bill() -> None:
    call = Call()
    call.recognize(Cancel_If_Queue="true", Vendor_Specific_Parameters="Custom-Id=A")
    call.recognize(Vendor_Specific_Parameters="Custom-Id=B")
    call.speak()
    assert [record.session.custom_id for record in call.records] == ["A", "B"]


def test_a_refused_request_names_nobody() -> None:
    call = Call()
    assert call.recognize("session:nothing", Vendor_Specific_Parameters="Custom-Id=B").status == 407
    call.recognize()
    call.speak()
    assert call.records[0].session.custom_id == ""


@pytest.mark.parametrize("value", ["a;b", 'say "a"', "back\\slash", "a = b", "x" * 256])
def test_a_name_is_told_as_it_was_given(value: str) -> None:
    call = Call()
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert call.request("SET-PARAMS", Vendor_Specific_Parameters=f'Custom-Id="{quoted}"').status == 200
    told = call.request("GET-PARAMS", Vendor_Specific_Parameters="").headers.get("Vendor-Specific-Parameters")
    assert dict(vendor_pairs(told))["Custom-Id"] == value


def test_nobody_speaks() -> None:
    call = Call()
    call.recognize(No_Input_Timeout="1000", Save_Waveform="true")
    call.hear(silence(2))
    done = call.completion(1)
    assert (cause(done), done.body) == ("002 no-input-timeout", b"")
    assert "Waveform-URI" in done.headers
    assert call.events == [("RECOGNITION-COMPLETE", 1)]


def test_stop_names_what_it_stopped_and_nothing_follows() -> None:
    call = Call()
    call.recognize()
    call.hear(silence(0.5) + voice(0.5))
    stopped = call.request("STOP")
    assert (stopped.status, stopped.headers.get("Active-Request-Id-List")) == (200, "1")
    call.hear(silence(5))
    assert call.events == [("START-OF-INPUT", 1)]
    assert "Active-Request-Id-List" not in call.request("STOP").headers
    assert len(call.records) == 1


def test_requests_wait_for_their_turn() -> None:
    call = Call()
    call.recognize()
    second, third = call.recognize(), call.recognize()
    assert [second.state, third.state] == [RequestState.PENDING] * 2
    for number in (1, 2, 3):
        call.speak()
        assert cause(call.completion(number)) == "000 success"
    complete = [event for event in call.events if event[0] == "RECOGNITION-COMPLETE"]
    assert complete == [("RECOGNITION-COMPLETE", number) for number in (1, 2, 3)]
    assert len(call.records) == 3


def test_one_that_may_be_cancelled_makes_way() -> None:
    call = Call()
    call.recognize(Cancel_If_Queue="true")
    assert call.recognize().state is RequestState.IN_PROGRESS
    assert cause(call.completion(1)) == "011 cancelled"
    call.speak()
    assert cause(call.completion(2)) == "000 success"


def test_one_that_made_way_is_told_and_billed_though_the_next_cannot_start() -> None:
    call = Call()
    call.recognize(Cancel_If_Queue="true")
    assert call.recognize("session:nothing").status == Status.METHOD_FAILED
    assert cause(call.completion(1)) == "011 cancelled"
    assert len(call.records) == 1
    assert call.recognize().state is RequestState.IN_PROGRESS


@pytest.mark.parametrize("uri", [DIGITS, "session:nothing"])
def test_a_new_request_does_not_overtake_those_that_wait(uri: str) -> None:
    call = Call()
    call.recognize()
    call.recognize(Cancel_If_Queue="true")
    call.recognize()
    call.request("STOP", Active_Request_Id_List="1")
    assert call.recognize(uri).state is RequestState.PENDING
    assert cause(call.completion(2)) == "011 cancelled"
    call.speak()
    assert cause(call.completion(3)) == "000 success"
    call.speak()
    assert cause(call.completion(5)) == ("000 success" if uri == DIGITS else LOADING)


def test_one_that_gives_way_gives_it_to_the_first_that_waits_and_can_begin() -> None:
    call = Call()
    call.recognize()
    call.recognize(Cancel_If_Queue="true")
    call.recognize("session:nothing")
    call.request("STOP", Active_Request_Id_List="1")
    assert call.recognize().state is RequestState.IN_PROGRESS
    assert [cause(call.completion(number)) for number in (2, 3)] == ["011 cancelled", LOADING]


FIRST = {0}
"""Stands for the request that listens."""


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from([DIGITS, "session:nothing", SRGS, "<grammar/>"]), st.booleans()),
            st.tuples(st.just(DIGITS), st.booleans()),
            st.just(FIRST),
            st.sets(st.integers(1, 12), max_size=3),
            st.sampled_from([0.1, 20.0]),
        ),
        max_size=12,
    ),
    st.booleans(),
)
@example([(DIGITS, False), (DIGITS, True), (DIGITS, False), FIRST, ("session:nothing", False)], False)
@example([(DIGITS, False), (DIGITS, True), ("session:nothing", False), FIRST, (SRGS, True)], False)
def test_every_request_that_was_taken_ends_once_and_none_waits_for_nothing(
    steps: list[tuple[str, bool] | set[int] | float], fails: bool
) -> None:
    call = Call(fails="the worker died" if fails else "")
    taken: list[int] = []
    ended: list[int] = []
    for number, step in enumerate(steps, start=1):
        match step:
            case (uri, gives_way):
                media_type = "application/srgs+xml" if uri.startswith("<") else URIS
                response = call.request(
                    "RECOGNIZE", uri, Content_Type=media_type, Cancel_If_Queue="true" if gives_way else "false"
                )
                taken += [number] if response.status == 200 else []
            case set():
                told = {number for name, number in call.events if name == "RECOGNITION-COMPLETE"}
                named = step if step is not FIRST else sorted({*taken} - {*ended} - told)[:1]
                stopped = call.request("STOP", Active_Request_Id_List=",".join(map(str, named))).headers
                ended += read_request_ids(stopped)
            case float():
                call.request("GET-PARAMS")
                call.hear(voice(0.3))
                call.now += step
                call.perform(call.machine.advance(call.now))
        assert call.machine.recognising or not call.machine._queue
    while call.machine.recognising:
        call.now += 60
        call.perform(call.machine.advance(call.now))
    ended += [number for name, number in call.events if name == "RECOGNITION-COMPLETE"]
    assert sorted(ended) == taken


def test_a_grammar_in_the_body_may_wait_and_may_make_another_give_way() -> None:
    call = Call()
    call.recognize(Cancel_If_Queue="true")
    made_way = call.request("RECOGNIZE", SRGS, Content_Type="application/srgs+xml")
    assert made_way.state is RequestState.IN_PROGRESS
    queued = call.request("RECOGNIZE", SRGS, Content_Type="application/srgs+xml", Content_Id="g")
    assert queued.state is RequestState.PENDING
    for number in (2, 3):
        call.speak()
        assert value(call.completion(number)) == "one two six"


def test_a_queued_grammar_that_is_wrong_ends_its_request_alone() -> None:
    call = Call()
    call.recognize()
    assert call.request("RECOGNIZE", "<grammar/>", Content_Type="application/srgs+xml").state is RequestState.PENDING
    call.recognize()
    call.speak()
    assert cause(call.completion(2)) == COMPILATION
    call.speak()
    assert cause(call.completion(3)) == "000 success"


def test_grammars_without_a_name_take_no_room_in_the_call() -> None:
    call = Call(said="yes")
    for number in range(MAXIMUM_ALIASES + 2):
        text = SRGS.replace("one two six", as_many_words(number))
        assert call.request("RECOGNIZE", text, Content_Type="application/srgs+xml").state is RequestState.IN_PROGRESS
        call.request("STOP")
    interpreted = call.request("INTERPRET", SRGS, Content_Type="application/srgs+xml", Interpret_Text="yes")
    assert interpreted.state is RequestState.IN_PROGRESS
    assert not call.machine.session.registry.aliases


def as_many_words(number: int) -> str:
    return " ".join("item" for _ in range(number + 1))


def test_an_undefined_grammar_is_gone_and_leaves_its_place() -> None:
    call = Call()
    fields = {"Content_Type": "application/srgs+xml"}
    for number in range(MAXIMUM_ALIASES):
        assert call.request("DEFINE-GRAMMAR", SRGS, Content_Id=f"g{number}", **fields).status == 200
    full = call.request("DEFINE-GRAMMAR", SRGS, Content_Id="one more", **fields)
    assert (full.status, cause(full)) == (407, "016 grammar-definition-failure")
    assert call.request("DEFINE-GRAMMAR", Content_Id="g7").status == 200
    assert cause(call.recognize("session:g7")) == LOADING
    assert call.request("DEFINE-GRAMMAR", SRGS, Content_Id="one-more", **fields).status == 200


def test_a_name_stands_for_what_it_was_given_to_last() -> None:
    call = Call(said="yes")
    call.request("DEFINE-GRAMMAR", SRGS, Content_Type="application/srgs+xml", Content_Id="g")
    call.request("DEFINE-GRAMMAR", f"{DIGITS}\r\nbuiltin:speech/boolean", Content_Type=URIS, Content_Id="g")
    call.recognize("session:g")
    call.speak()
    assert value(call.completion(3)) == "true"
    call.request("DEFINE-GRAMMAR", SRGS, Content_Type="application/srgs+xml", Content_Id="g")
    call.recognize("session:g")
    call.speak()
    assert value(call.completion(5)) == "yes"


def test_a_definition_of_which_a_part_is_wrong_defines_nothing() -> None:
    call = Call()
    body = "".join(
        f"--b\r\nContent-Type: {media_type}\r\nContent-ID: <{name}>\r\n\r\n{text}\r\n"
        for name, media_type, text in (("g", "application/srgs+xml", SRGS), ("l", URIS, "session:g\r\nsession:no"))
    )
    response = call.request("DEFINE-GRAMMAR", f"{body}--b--\r\n", Content_Type="multipart/mixed; boundary=b")
    assert (response.status, cause(response)) == (407, LOADING)
    assert cause(call.recognize("session:g")) == LOADING


def test_a_list_may_be_in_a_language_that_its_request_will_name() -> None:
    call = Call()
    spanish = SRGS.replace("en-US", "es")
    call.request("DEFINE-GRAMMAR", spanish, Content_Type="application/srgs+xml", Content_Id="s")
    assert call.request("DEFINE-GRAMMAR", "session:s\r\nsession:s", Content_Type=URIS, Content_Id="l").status == 200


def test_the_resource_of_keys_takes_no_grammar_of_speech() -> None:
    call = Call()
    keys = Recognizer(call.machine.setting, "17201cd9ef7d4942@dtmfrecog")
    fields = Headers.of(Content_Type=URIS)

    def ask(number: int, *uris: str) -> MrcpResponse:
        sent = keys.handle(MrcpRequest("RECOGNIZE", number, fields, "\r\n".join(uris).encode()), 1.0)[0]
        assert isinstance(sent, Send)
        assert isinstance(sent.event, MrcpResponse)
        return sent.event

    for number, uris in enumerate([(DIGITS,), ("builtin:dtmf/digits", DIGITS)]):
        assert cause(ask(number, *uris)) == COMPILATION
    assert ask(7, "builtin:dtmf/digits").state is RequestState.IN_PROGRESS


@pytest.mark.parametrize("method", ["SET-PARAMS", "GET-PARAMS", "GET-RESULT", "STOP", "INTERPRET"])
def test_a_timer_that_is_due_fires_before_the_request_that_comes_with_it(method: str) -> None:
    call = Call()
    call.recognize(No_Input_Timeout="1000")
    call.now += 5
    call.request(method)
    assert cause(call.completion(1)) == "002 no-input-timeout"
    assert len(call.records) == 1
    assert call.recognize().state is RequestState.IN_PROGRESS


def test_a_failure_cancels_those_that_wait() -> None:
    call = Call(fails="the worker died")
    call.recognize()
    call.recognize()
    call.speak()
    assert cause(call.completion(1)) == "006 recognizer-error"
    assert call.completion(1).headers.get("Completion-Reason") == '"the worker died"'
    assert cause(call.completion(2)) == "011 cancelled"


def test_stop_takes_those_it_names_and_the_next_begins() -> None:
    call = Call()
    call.recognize()
    call.recognize()
    call.recognize()
    assert call.request("STOP", Active_Request_Id_List="1,2").headers.get("Active-Request-Id-List") == "1,2"
    call.speak()
    assert cause(call.completion(3)) == "000 success"


def test_the_queue_is_bounded() -> None:
    call = Call()
    call.recognize()
    for _ in range(MAXIMUM_QUEUE):
        assert call.recognize().state is RequestState.PENDING
    assert call.recognize().status == Status.METHOD_FAILED


def test_a_queued_request_that_cannot_start_completes_with_its_cause() -> None:
    call = Call()
    call.recognize()
    assert call.recognize("session:nothing").state is RequestState.PENDING
    call.recognize()
    call.speak()
    assert cause(call.completion(2)) == "004 grammar-load-failure"
    call.speak()
    assert cause(call.completion(3)) == "000 success"


def test_input_timers_start_when_they_are_told() -> None:
    call = Call()
    call.recognize(Start_Input_Timers="false", No_Input_Timeout="1000")
    call.hear(silence(3))
    assert call.events == []
    assert call.request("START-INPUT-TIMERS").status == Status.SUCCESS
    call.hear(silence(1.5))
    assert cause(call.completion(1)) == "002 no-input-timeout"


def test_hotword_mode_sends_no_start_of_input() -> None:
    call = Call()
    call.recognize(Recognition_Mode="Hotword")
    call.speak()
    assert call.events == [("RECOGNITION-COMPLETE", 1)]


def test_keys_answer_and_say_so() -> None:
    call = Call()
    call.recognize("builtin:dtmf/digits?length=4")
    call.press("1234")
    assert call.messages[1].headers.get("Input-Type") == "dtmf"
    done = call.completion(1)
    assert value(done) == "1234"
    assert nlsml.decode(done.body).mode.value == "dtmf"
    assert b"1 2 3 4" in done.body


def test_keys_typed_ahead_are_taken_unless_they_are_cleared() -> None:
    call = Call()
    call.press("1234")
    call.recognize("builtin:dtmf/digits?length=4")
    assert value(call.completion(1)) == "1234"
    call.press("12")
    call.recognize("builtin:dtmf/digits?length=4", Clear_DTMF_Buffer="true", No_Input_Timeout="1000")
    call.hear(silence(2))
    assert cause(call.completion(2)) == "002 no-input-timeout"


def test_keys_typed_too_long_ago_are_forgotten() -> None:
    call = Call()
    one = "builtin:dtmf/digits?length=1"
    call.press("7")
    call.now += 600
    assert call.recognize(one, No_Input_Timeout="1000").state is RequestState.IN_PROGRESS
    call.hear(silence(2))
    assert cause(call.completion(1)) == "002 no-input-timeout"
    call.press("12")
    call.now += 20
    call.recognize(one)
    assert value(call.completion(2)) == "1"
    call.now += 20
    call.recognize(one, No_Input_Timeout="1000")
    call.hear(silence(2))
    assert cause(call.completion(3)) == "002 no-input-timeout"
    call.request("SET-PARAMS", DTMF_Buffer_Time="5000")
    assert call.request("GET-PARAMS", DTMF_Buffer_Time="").headers.get("DTMF-Buffer-Time") == "5000"
    call.press("1")
    call.now += 4.5
    call.press("2")
    call.now += 4.5
    call.recognize(one)
    assert value(call.completion(6)) == "2"


def test_whether_sound_is_kept_may_be_said_for_all_requests() -> None:
    call = Call()
    assert call.request("GET-PARAMS", Save_Waveform="").headers.get("Save-Waveform") == "false"
    call.request("SET-PARAMS", Save_Waveform="true")
    assert call.request("GET-PARAMS", Save_Waveform="").headers.get("Save-Waveform") == "true"
    call.recognize()
    assert call.machine.active == (4, True)
    call.speak()
    assert "Waveform-URI" in call.completion(4).headers
    call.recognize(Save_Waveform="false")
    assert call.machine.active == (5, False)
    call.speak()
    assert "Waveform-URI" not in call.completion(5).headers
    assert call.machine.active is None


def test_a_result_that_is_not_sure_enough_when_it_is_asked_for_again_is_no_match() -> None:
    call = Call(sure=0.8)
    call.recognize()
    call.speak()
    assert cause(call.request("GET-RESULT", Confidence_Threshold="0.7")) == "000 success"
    unsure = call.request("GET-RESULT", Confidence_Threshold="0.95")
    assert (unsure.status, cause(unsure)) == (200, "001 no-match")
    assert b"<nomatch>one two six</nomatch>" in unsure.body
    assert cause(call.request("GET-RESULT")) == "000 success"


def test_the_last_result_can_be_had_again() -> None:
    call = Call()
    call.recognize()
    call.speak()
    again = call.request("GET-RESULT", N_Best_List_Length="1", Confidence_Threshold="0.1")
    assert (again.status, cause(again)) == (200, "000 success")
    assert b"126" in again.body
    call.request("DEFINE-GRAMMAR", SRGS, Content_Type="application/srgs+xml", Content_Id="g")
    assert call.request("GET-RESULT").status == Status.METHOD_NOT_VALID


def test_text_is_interpreted_without_a_voice() -> None:
    call = Call()
    response = call.request("INTERPRET", DIGITS, Content_Type=URIS, Interpret_Text="one two six")
    assert response.state is RequestState.IN_PROGRESS
    assert call.events == [("INTERPRETATION-COMPLETE", 1)]
    assert (cause(call.completion(1)), value(call.completion(1))) == ("000 success", "126")
    call.request("INTERPRET", DIGITS, Content_Type=URIS, Interpret_Text="nothing of the kind")
    assert cause(call.completion(2)) == "001 no-match"
    assert not call.records


def test_scripts_of_an_interpretation_are_waited_for() -> None:
    call = Call()
    text = SRGS.replace('root="r"', 'root="r" tag-format="semantics/1.0"').replace(
        "<item>yes</item>", "<item>yes<tag>out = 7</tag></item>"
    )
    call.request("DEFINE-GRAMMAR", text, Content_Type="application/srgs+xml", Content_Id="g")
    call.request("INTERPRET", "session:g", Content_Type=URIS, Interpret_Text="yes")
    (evaluate,) = call.evaluations
    assert call.request("RECOGNIZE", DIGITS, Content_Type=URIS).status == Status.METHOD_NOT_VALID
    call.perform(call.machine.evaluated(evaluate.utterance, evaluate.generation, [7]))
    assert value(call.completion(2)) == "7"


def test_a_channel_that_goes_is_billed_and_says_nothing_more() -> None:
    call = Call()
    call.recognize()
    call.recognize()
    call.hear(silence(0.5) + voice(0.5))
    before = len(call.messages)
    call.perform(call.machine.abandon())
    assert len(call.messages) == before
    assert [record.ended_by for record in call.records] == ["disconnect"]


def test_a_call_that_ends_in_order_says_so_in_its_record() -> None:
    call = Call()
    call.recognize()
    call.hear(silence(0.5) + voice(0.5))
    before = len(call.messages)
    call.perform(call.machine.close(call.now))
    call.perform(call.machine.close(call.now))
    assert len(call.messages) == before
    assert [record.ended_by for record in call.records] == ["close"]


def test_answers_of_engines_that_come_too_late_change_nothing() -> None:
    call = Call()
    call.recognize()
    call.request("STOP")
    call.perform(call.machine.heard(1, 1, Recognised()))
    assert call.events == []
