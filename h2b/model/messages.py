"""Commands a client sends and events the server sends, free of any wire.

Sources: H2B reference sections 2.3 and 2.4; RFC 6787 section 9 for the methods the commands stand for.
"""

import re
from collections.abc import Mapping

from attrs import field, frozen

from h2b.model.causes import CompletionCause
from h2b.model.formats import AudioFormat, GrammarFormat
from h2b.model.names import EventName
from h2b.model.params import Parameters, ParameterValue
from h2b.model.results import InputMode, Result


@frozen(kw_only=True)
class Command:
    """What every command carries. `request_id` is the client's and is echoed by each answer."""

    request_id: int

    @property
    def method(self) -> str:
        """The method's name as people of the field write it: START-INPUT-TIMERS."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__).upper()


@frozen(kw_only=True)
class Open(Command):
    """Begins a session. `channel_prefix` begins the channel id the server makes."""

    channel_prefix: str = ""
    audio_format: AudioFormat = AudioFormat.LINEAR
    custom_id: str = ""
    session_id: str = ""


@frozen(kw_only=True)
class SetParams(Command):
    """Sets session defaults; all or none of them."""

    changes: Mapping[str, ParameterValue] = field(factory=dict)


@frozen(kw_only=True)
class GetParams(Command):
    """Asks for every parameter's current session value."""


@frozen(kw_only=True)
class DefineGrammar(Command):
    """Gives a grammar an alias, usable as `session:<alias>` until CLOSE."""

    alias: str
    body: str
    format: GrammarFormat = GrammarFormat.URI_LIST


@frozen(kw_only=True)
class Recognize(Command):
    """Starts a recognition. `grammars` are URIs in order of priority; `changes` hold for this request only."""

    grammars: tuple[str, ...]
    changes: Mapping[str, ParameterValue] = field(factory=dict)


@frozen(kw_only=True)
class StartInputTimers(Command):
    """Starts the no-input timer held by `start_input_timers=false`."""


@frozen(kw_only=True)
class Stop(Command):
    """Ends the active recognition without a result."""


@frozen(kw_only=True)
class Close(Command):
    """Ends the session: parameters, aliases and attributes vanish."""


@frozen(kw_only=True)
class Event:
    """One message to the client; `request_id` is that of the command it answers or belongs to."""

    name: EventName
    request_id: int
    channel_id: str = ""
    parameters: Parameters | None = None
    """Only in DEFAULT-PARAMS."""
    cause: CompletionCause | None = None
    reason: str = ""
    result: Result | None = None
    """Only, and always, in RECOGNITION-COMPLETE."""
    input_mode: InputMode = InputMode.SPEECH
    """Of START-OF-INPUT; the JSON wire, which has no keys, does not carry it."""
