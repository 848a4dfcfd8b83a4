"""What the state machines ask their shell to do. The shell performs the effects of one input in order."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from h2b.grammar.registry import ActiveGrammar
from h2b.model.messages import Event
from h2b.model.usage import UsageRecord
from h2b.wire.mrcptext import MrcpEvent, MrcpResponse


@frozen
class Send:
    """Encode this event and send it to the client."""

    event: Event | MrcpResponse | MrcpEvent
    """What the machine's wire speaks: the session's own events, or those of a machine above it as messages."""


@frozen
class Listen:
    """Open an utterance with the engines: a good moment to compile its grammars."""

    utterance: int
    language: str
    grammars: tuple[ActiveGrammar, ...]
    n_best: int


@frozen
class Feed:
    """Add speech to the utterance: int16 samples at 8 kHz."""

    utterance: int
    samples: NDArray[np.int16]


@frozen
class Decode:
    """Recognise all that was fed so far and answer with this generation; an older one in work is stale."""

    utterance: int
    generation: int


@frozen
class Evaluate:
    """Run the scripts that give values, and answer with this generation: a value or a `ScriptError` for each."""

    utterance: int
    generation: int
    programs: tuple[str, ...]


@frozen
class Cancel:
    """Forget the utterance: no answer is wanted any more."""

    utterance: int


@frozen
class Measure:
    """Tell operators whether an answer of the engine was there when the timer of its recognition fired.

    `due` is the monotonic time at which the caller's audio reached that moment; None where the answer was there.
    """

    due: float | None


@frozen
class Bill:
    """Write this record, exactly once; what is sent after it waits until the record is safe."""

    record: UsageRecord


Effect = Send | Listen | Feed | Decode | Evaluate | Cancel | Measure | Bill
