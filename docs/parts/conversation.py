"""The frames of real sessions, for the reference pages: the session machine, a recording, and an engine that plays.

Owns the examples' texts. Must not know pages.
"""

from collections import deque
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from attrs import define, field

from h2b import __version__
from h2b.audio.files import read_audio
from h2b.audio.framing import encode_samples
from h2b.grammar.catalogue import load_catalogue
from h2b.model.formats import SAMPLE_RATE, AudioFormat
from h2b.model.messages import Command
from h2b.model.results import Hypothesis, Recognised
from h2b.protocol.effects import Decode, Effect, Send
from h2b.protocol.session import Session, Setting, State
from h2b.wire.json import Unreadable, decode, encode, encode_command

LANGUAGES = {"en": "", "fr": "speech model weights are missing"}
DIGITS = "builtin:speech/spelling/digits?length=4"
SPOKEN = "hello my code is four seven one two thanks"
RECORDING = "code.wav"


@define
class Conversation:
    """A client with a session machine. `frames` holds what went over the wire, in order, as text."""

    hears: Sequence[Hypothesis] = (Hypothesis(transcript=SPOKEN, confidence=0.93),)
    frames: list[str] = field(factory=list)
    _requests: int = 0
    _session: Session = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._session = Session(
            Setting(
                registry=load_catalogue(languages=LANGUAGES),
                make_channel_id=lambda prefix: prefix + "5f2c91d07be3a864",
                wall_time=lambda: 1_700_000_000.0,
                version=__version__,
            )
        )

    @property
    def state(self) -> State:
        return self._session.state

    def say(self, command: type[Command], **fields: Any) -> str:
        """Send a command; the last event it caused."""
        self._requests += 1
        return self.write(encode_command(command(request_id=self._requests, **fields), self._session.channel_id))

    def write(self, text: str) -> str:
        """Send any text; the last event it caused."""
        self.frames.append(text)
        try:
            self._perform(self._session.handle(decode(text), now=0.0))
        except Unreadable as unreadable:
            self._perform(self._session.refuse(unreadable.error, unreadable.request_id))
        return self.frames[-1]

    def speak(self) -> None:
        """Send the recording that comes with the package."""
        samples = read_audio(str(files("h2b") / "demo" / RECORDING))
        self._perform(self._session.receive_audio(encode_samples(samples, AudioFormat.LINEAR), now=0.0))

    def wait(self, seconds: float = 6.0) -> str:
        """Send silence; the last event."""
        self._perform(self._session.receive_audio(bytes(2 * round(seconds * SAMPLE_RATE)), now=0.0))
        return self.frames[-1]

    def _perform(self, effects: Sequence[Effect]) -> None:
        waiting = deque(effects)
        while waiting:
            match waiting.popleft():
                case Send(event):
                    self.frames.append(encode(event))
                case Decode(utterance, generation):
                    heard = Recognised(hypotheses=tuple(self.hears), asr_model="moonshine-base-en-int8")
                    waiting.extend(self._session.heard(utterance, generation, heard))
