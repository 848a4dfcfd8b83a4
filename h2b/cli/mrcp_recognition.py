"""One recognition over MRCPv2, from INVITE to its end: what is asked, and what came of it when.

Owns the order of requests in a call. Must not know command lines, nor how it is told to people.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import trio
from attrs import define, field, frozen
from numpy.typing import NDArray

from h2b.audio.endpoint import Endpointer, SpeechPaused
from h2b.audio.framing import Framer, encode_samples
from h2b.audio.vad import VoiceActivity
from h2b.cli.mrcp_client import MrcpClient
from h2b.cli.mrcp_judge import reading
from h2b.cli.mrcp_session import Arrival, Call, CallFailed, plain_nursery
from h2b.model.formats import FRAME_SAMPLES, SAMPLE_RATE, AudioFormat
from h2b.model.results import Alternative, InputMode
from h2b.wire.mrcptext import Headers, MrcpEvent, MrcpResponse, RequestState
from h2b.wire.vocabulary import MRCP_PARAMETERS, MRCP_VENDOR, Header, MediaType

SILENCE_OF: Final = {"000": "speech_complete_timeout", "013": "speech_incomplete_timeout"}
"""Which parameter's silence ended the utterance, for the causes that tell."""
SUCCESSES: Final = ("000", "008")
_TAIL_FRAMES: Final = 50


@frozen
class Document:
    """A grammar that is defined in the call: its Content-ID, media type and text."""

    name: str
    media_type: str
    text: str


@frozen(kw_only=True)
class Plan:
    """What a caller does and what is asked of the recognizer."""

    grammars: tuple[str | Document, ...]
    """URIs, and documents to define first."""
    samples: NDArray[np.int16] = field(factory=lambda: np.zeros(0, np.int16))
    """What is said, 8 kHz."""
    keys: str = ""
    """Pressed after it."""
    fields: Headers = field(factory=Headers)
    """Of RECOGNIZE."""
    patience_s: float = 30.0
    """Longest wait for the end, after the last sound."""

    @cached_property
    def speech_end(self) -> int:
        """Index after the last sample of speech, 0 where there is none."""
        return speech_end(self.samples)


@define(kw_only=True)
class Outcome:
    """How a recognition ended. Times in seconds of trio's clock; 0 for what did not happen."""

    call_id: str
    channel: str
    encoding: str = ""
    """Of the sound."""
    invited_at: float = 0.0
    answered_at: float = 0.0
    asked_at: float = 0.0
    """When RECOGNIZE left."""
    started_at: float = 0.0
    ended_at: float = 0.0
    speech_ended_at: float = 0.0
    """When the last sample of speech left."""
    cause: str = ""
    """As the server spells it: `000 success`."""
    reason: str = ""
    best: Alternative | None = None
    mode: InputMode = InputMode.SPEECH
    silences_ms: Mapping[str, int] = field(factory=dict)
    """Silences that end utterances, by parameter, as far as the server told."""

    @property
    def matched(self) -> bool:
        return self.cause[:3] in SUCCESSES

    @property
    def waited_ms(self) -> float | None:
        """From the last sample of speech to the end; None when there was no speech."""
        if not self.speech_ended_at or self.mode is not InputMode.SPEECH:
            return None
        return (self.ended_at - self.speech_ended_at) * 1000

    @property
    def silence(self) -> tuple[str, int] | None:
        """The parameter whose silence ended the utterance, and its milliseconds."""
        name = SILENCE_OF.get(self.cause[:3], "")
        return (name, self.silences_ms[name]) if name in self.silences_ms else None

    @property
    def added_ms(self) -> float | None:
        """What the server added to the silence that was asked for."""
        waited, silence = self.waited_ms, self.silence
        return None if waited is None or silence is None else waited - silence[1]

    def as_json(self) -> dict[str, Any]:
        """All of it, as values of JSON; seconds count from INVITE."""
        meant = self.best.interpretation if self.best else None
        moments = {
            "answered": self.answered_at,
            "recognize": self.asked_at,
            "start_of_input": self.started_at,
            "last_speech": self.speech_ended_at,
            "complete": self.ended_at,
        }
        return {
            "call_id": self.call_id,
            "channel": self.channel,
            "encoding": self.encoding,
            "cause": self.cause,
            "reason": self.reason,
            "mode": self.mode.value,
            "value": meant.value if meant else None,
            "confidence": meant.confidence if meant else None,
            "transcript": self.best.hypothesis.transcript if self.best else None,
            "grammar": self.best.grammar_uri if self.best else None,
            "seconds": {name: round(at - self.invited_at, 4) for name, at in moments.items() if at},
            "added_ms": None if self.added_ms is None else round(self.added_ms, 1),
        }


async def recognise(client: MrcpClient, plan: Plan, *, reuse: bool = False) -> Outcome:
    """A whole call with one recognition. Raises CallFailed and Violation."""
    async with client.call(reuse=reuse) as call:
        outcome = Outcome(
            call_id=call.name,
            channel=call.channel.channel,
            encoding=call.grant.payload.encoding if call.grant.payload else "",
            invited_at=call.invited_at,
            answered_at=call.answered_at,
            silences_ms=await silences(call, plan),
        )
        await define_grammars(call, plan.grammars)
        outcome.asked_at = trio.current_time()
        answer = await call.ask("RECOGNIZE", *recognize_request(plan))
        if answer.state is not RequestState.IN_PROGRESS:
            raise CallFailed(_refusal("RECOGNIZE", answer))
        spoken_s = len(plan.samples) / SAMPLE_RATE + len(plan.keys)
        async with plain_nursery() as nursery:
            nursery.start_soon(_speak, call, plan, outcome)
            started, ended = await call.completion(plan.patience_s + spoken_s)
            nursery.cancel_scope.cancel()
        _conclude(outcome, started, ended)
    return outcome


async def silences(call: Call, plan: Plan) -> dict[str, int]:
    """The silences in force for the request: what it says itself, else what the session has; none if it tells none."""
    asked = Headers(tuple((MRCP_PARAMETERS[name], "") for name in SILENCE_OF.values()))
    answer = await call.ask("GET-PARAMS", asked)
    found = {}
    for name in SILENCE_OF.values():
        text = plan.fields.get(MRCP_PARAMETERS[name]) or answer.headers.get(MRCP_PARAMETERS[name])
        if text.isascii() and text.isdigit():
            found[name] = int(text)
    return found


async def define_grammars(call: Call, grammars: tuple[str | Document, ...]) -> None:
    """DEFINE-GRAMMAR for each document. Raises CallFailed when the server takes one of them not."""
    for document in grammars:
        if isinstance(document, Document):
            headers = Headers.of(Content_Type=document.media_type, Content_Id=document.name)
            answer = await call.ask("DEFINE-GRAMMAR", headers, document.text.encode())
            if answer.status >= 300:
                raise CallFailed(_refusal(f"DEFINE-GRAMMAR {document.name}", answer))


def recognize_request(plan: Plan) -> tuple[Headers, bytes]:
    """Fields and body of the RECOGNIZE."""
    uris = [f"session:{each.name}" if isinstance(each, Document) else each for each in plan.grammars]
    fields = Headers.of(Content_Type=MediaType.URI_LIST.value, Cancel_If_Queue="false")
    return Headers((*fields, *plan.fields)), "".join(f"{uri}\r\n" for uri in uris).encode()


def parameter_fields(settings: Mapping[str, str]) -> Headers:
    """Recognition parameters by name as header fields."""
    fields = Headers()
    vendor = []
    for name, text in settings.items():
        if name in MRCP_VENDOR:
            vendor.append(f"{MRCP_VENDOR[name]}={text}")
        else:
            fields = fields.with_field(MRCP_PARAMETERS.get(name, name), text)
    return fields.with_field(Header.VENDOR_SPECIFIC, ";".join(vendor)) if vendor else fields


def speech_end(samples: NDArray[np.int16]) -> int:
    """Index after the last sample of speech, 0 where there is none, by the ear of the server."""
    activity, endpointer, framer = VoiceActivity(), Endpointer(), Framer(AudioFormat.LINEAR)
    frames = framer.feed(encode_samples(samples, AudioFormat.LINEAR)) + framer.fill_silence(_TAIL_FRAMES)
    end = 0
    for frame in frames:
        for event in endpointer.push(frame, activity.is_voiced(frame), activity.is_pitched):
            end = event.end_sample if isinstance(event, SpeechPaused) else end
    return min(end, len(samples))


async def _speak(call: Call, plan: Plan, outcome: Outcome) -> None:
    if len(plan.samples):
        schedule = call.sound(plan.samples)
        if plan.speech_end:
            # A packet leaves when its first sample is due; a telephone sends it when the last one was heard.
            outcome.speech_ended_at = trio.current_time() + (plan.speech_end - FRAME_SAMPLES) / SAMPLE_RATE
        await call.play(schedule)
    if plan.keys:
        await call.play(call.keys(plan.keys))


def _conclude(outcome: Outcome, started: Arrival | None, ended: Arrival) -> None:
    event = ended.message
    assert isinstance(event, MrcpEvent)
    outcome.started_at = started.at if started else 0.0
    outcome.ended_at = ended.at
    outcome.cause = event.headers.get(Header.COMPLETION_CAUSE)
    outcome.reason = event.headers.get(Header.COMPLETION_REASON).strip('"')
    if event.body:
        read = reading(event)
        outcome.best, outcome.mode = read.result.best, read.mode
    if started and isinstance(started.message, MrcpEvent) and started.message.headers.get(Header.INPUT_TYPE) == "dtmf":
        outcome.mode = InputMode.DTMF


def _refusal(what: str, answer: MrcpResponse) -> str:
    told = [answer.headers.get(name) for name in (Header.COMPLETION_CAUSE, Header.COMPLETION_REASON)]
    more = ", ".join(text for text in told if text)
    return f"{what} was refused: {answer.status}{f' ({more})' if more else ''}"
