"""The two machines of a session, given well-formed requests that mean anything, sound, keys and late answers."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from h2b.model.errors import ScriptError
from h2b.model.formats import AudioFormat, GrammarFormat
from h2b.model.messages import Command, DefineGrammar, Open, Recognize, SetParams
from h2b.protocol.effects import Effect, Send
from h2b.wire import json as wire
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpRequest, MrcpResponse, encode
from h2b.wire.nlsml import Flavour
from h2b.wire.vocabulary import JSON, MRCP_PARAMETERS, MRCP_VENDOR, Header, Method
from tests.fuzz.damage import cases, damaged, damaged_text, read_or_refused, vectors
from tests.protocol.line import Line, silence, voice, words
from tests.protocol.test_recognizer import SRGS, Call
from tests.strategies import changes, commands

URIS = [
    b"builtin:speech/boolean",
    b"builtin:speech/spelling/digits?length=3",
    b"builtin:speech/spelling/mixed?regex=[a-c]{2}[0-9]{4}",
    b"builtin:speech/keywords?alternatives=red|green",
    b"builtin:speech/date",
    b"builtin:speech/text2num",
    b"builtin:grammar/digits?minlength=2;maxlength=5",
    b"builtin:dtmf/digits",
    b"session:x",
    b"session:b",
]
SCRIPT = SRGS.replace(' root="r"', ' root="r" tag-format="semantics/1.0"').replace(
    "yes</item>", "yes<tag>out=1</tag></item>"
)
ABNF = b"#ABNF 1.0;\nlanguage en-US;\nroot $r;\npublic $r = yes | $$ | no <1-3>;\n"
GRAMMARS = [SRGS.encode(), SCRIPT.encode(), ABNF]
PART = b"--p\r\nContent-Type: application/srgs+xml\r\nContent-ID: <x>\r\n\r\n" + SRGS.encode() + b"\r\n--p--\r\n"
SOUND = [silence(0.1), silence(1.5), voice(0.5), voice(0.5)[:777], b"", b"\x80"]
SAID = st.sampled_from(
    ["", "yes", "one two six", "a b 1 2 3 4", "\0", "no " * 300, "\u0130\u2028é٣", "two thousand one"]
)

PAIRS = ";".join(f"{name}=1" for name in MRCP_VENDOR.values()).encode()
TYPES = [
    "text/uri-list",
    "application/srgs+xml",
    "application/srgs",
    "multipart/mixed; boundary=p",
    "text/grammar-ref-list",
]
VALUES = st.one_of(
    st.sampled_from(
        ["true", "false", "0", "1", "0.7", "normal", "hotword", "fr", "en", "zz", "#", "1,2,3", "<x>", "x"]
    ),
    st.sampled_from([*TYPES, "application/x-nlsml", "application/nlsml+xml", "600000"]),
    damaged_text([PAIRS, b"1-3", b"yes", b"000 success"]),
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(sorted({*map(str, Header), *MRCP_PARAMETERS.values()})), VALUES), max_size=5
)
BODIES = st.one_of(
    st.sampled_from([b"", *GRAMMARS, PART]),
    st.lists(st.sampled_from(URIS), max_size=3).map(b"\r\n".join),
    damaged([*URIS, b"<session:x>;weight=0.5"]),
    damaged([*GRAMMARS, PART], (b"$GARBAGE", b"<tag>out=(</tag>", b'<ruleref uri="session:x"/>')),
)
REQUESTS = st.tuples(st.sampled_from([*map(str, Method), "RECOGNIZE", "SPEAK"]), FIELDS, st.sampled_from(TYPES), BODIES)


class Wired(Call):
    """A call whose messages must be such as the wire can carry."""

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                assert isinstance(effect.event, MrcpResponse | MrcpEvent)
                encode(effect.event)
        super().perform(effects)

    def ask(self, number: int, method: str, fields: list[tuple[str, str]], media_type: str, body: bytes) -> None:
        headers = Headers((*fields, ("Content-Type", media_type)))
        self.perform(self.machine.handle(MrcpRequest(method, number, headers, body), self.now))

    def evaluate(self, fails: bool) -> None:
        while self.evaluations:
            asked = self.evaluations.pop()
            results = [ScriptError("it failed") if fails else {"a": [1, None]} for _ in asked.programs]
            self.perform(self.machine.evaluated(asked.utterance, asked.generation, results))


STEPS = st.lists(
    st.one_of(
        REQUESTS,
        REQUESTS,
        st.sampled_from(SOUND),
        st.sampled_from("0123456789*#ABCD"),
        st.booleans(),
        SAID,
        st.sampled_from([0.0, 0.3, 60.0]),
    ),
    max_size=12,
)


@cases(120)
@given(STEPS, st.sampled_from(Flavour))
def test_a_recognizer_survives_any_requests(steps: list[object], flavour: Flavour) -> None:
    call = Wired(flavour=flavour)
    for number, step in enumerate(steps, start=1):
        call.now += 0.01
        match step:
            case tuple():
                read_or_refused(lambda step=step, number=number: call.ask(number, *step))
            case bytes():
                call.perform(call.machine.receive_audio(step, call.now))
            case bool():
                call.evaluate(step)
            case float():
                call.now += step
                call.perform(call.machine.advance(call.now))
            case str() if len(step) == 1 and step in "0123456789*#ABCD":
                call.perform(call.machine.receive_key(step, call.now))
            case str():
                call.said = step
    call.perform(call.machine.close(call.now))
    call.perform(call.machine.abandon())


class WiredLine(Line):
    """A session whose events must be such as the wire can carry."""

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                wire.decode_event(wire.encode(effect.event))
        super().perform(effects)


FRAMES = vectors("json/commands", ".json")
ODD_URIS = damaged_text([uri for uri in URIS if uri != b"builtin:dtmf/digits"])
SENT: st.SearchStrategy[Command] = st.one_of(
    commands(),
    st.builds(Open, request_id=st.just(1), audio_format=st.sampled_from(AudioFormat)),
    st.builds(SetParams, request_id=st.just(2), changes=changes()),
    st.builds(Recognize, request_id=st.just(3), grammars=st.tuples(ODD_URIS), changes=changes()),
    st.builds(
        Recognize,
        request_id=st.just(3),
        grammars=st.lists(st.sampled_from(URIS).map(bytes.decode), min_size=1).map(tuple),
    ),
    st.builds(DefineGrammar, request_id=st.just(4), alias=st.just("x"), body=ODD_URIS),
    st.builds(
        DefineGrammar,
        request_id=st.just(4),
        alias=st.just("x"),
        body=st.sampled_from(GRAMMARS).map(bytes.decode) | damaged_text(GRAMMARS),
        format=st.sampled_from(GrammarFormat),
    ),
)


@cases(120)
@given(
    st.lists(
        st.one_of(SENT, damaged_text(FRAMES), st.sampled_from(SOUND), SAID.map(words), st.sampled_from([0.3, 60.0])),
        max_size=12,
    )
)
def test_a_session_survives_any_commands(steps: list[object]) -> None:
    line = WiredLine(answers=lambda seconds: None)
    line.perform(line.session.handle(Open(request_id=0), line.now))
    for step in steps:
        line.now += 0.01
        read_or_refused(lambda step=step: take(line, step))
    line.perform(line.session.abandon())


def take(line: Line, step: object) -> None:
    """One step; frames that are no command are left out."""
    match step:
        case Command():
            line.perform(line.session.handle(step, line.now))
        case str():
            line.perform(line.session.handle(wire.decode(step), line.now))
        case bytes():
            line.perform(line.session.receive_audio(step, line.now))
        case float():
            line.wait(step)
        case recognised:
            for decode in line.unanswered[:1]:
                line.perform(line.session.heard(decode.utterance, decode.generation, recognised))
            for asked in line.evaluations[-1:]:
                line.evaluated(asked, *[1 for _ in asked.programs])


assert all(spelling in b"".join(FRAMES).decode() for spelling in JSON.commands.values())
