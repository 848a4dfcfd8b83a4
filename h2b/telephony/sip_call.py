"""One call of the server: where it stands and what it waits for (RFC 3261, sections 13.3, 14.2 and 15).

Owns the states of a call and its deadlines. Must not know the tables it is kept in, nor how messages are built.

    OFFERED -accept-> ANSWERED -ACK-> CONFIRMED;   every state -BYE, CANCEL, reject, deadline-> ended, and forgotten
"""

from enum import Enum, auto

from attrs import define, frozen

from h2b.telephony.sip_dialog import Dialog
from h2b.telephony.sip_effects import Peer
from h2b.telephony.sip_transaction import LIFETIME, T1, T2, Key, earliest


class CallState(Enum):
    OFFERED = auto()
    ANSWERED = auto()
    CONFIRMED = auto()


@define
class Repetition:
    """A 2xx to INVITE, sent again and again until its ACK; on reliable transports too (section 13.3.1.4)."""

    sequence: int
    destination: Peer
    payload: bytes
    repeat_at: float
    ends_at: float
    interval: float = T1

    @classmethod
    def starting(cls, sequence: int, destination: Peer, payload: bytes, now: float) -> "Repetition":
        """The repetition of what is sent now for the first time."""
        return cls(sequence, destination, payload, now + T1, now + LIFETIME)

    def repeat(self, now: float) -> bool:
        """Whether it is time to send again; then the next time is later."""
        if self.repeat_at > now:
            return False
        self.interval = min(2 * self.interval, T2)
        self.repeat_at = now + self.interval
        return True


class Deadline(Enum):
    """What a call did not get in time."""

    ANSWER = auto()
    ACKNOWLEDGEMENT = auto()
    REFRESH = auto()


@frozen
class Description:
    """An offer and the answer it got."""

    offer: bytes = b""
    answer: bytes = b""


@define
class Call:
    """A dialog and its descriptions. `pending` is the transaction that waits for `accept` or `reject`."""

    name: str
    dialog: Dialog
    pending: Key | None
    offered: bytes
    answer_by: float | None
    state: CallState = CallState.OFFERED
    agreed: Description = Description()
    repetition: Repetition | None = None
    refresh_by: float | None = None
    released: bool = False
    """The owner hung up before the ACK: BYE follows it (section 15), the owner hears no more."""

    def refreshed(self, seconds: int, now: float) -> None:
        """The session lives for `seconds` from now; without limit if they are 0.

        The other side is given up a little before the end, as RFC 4028, section 10, wants.
        """
        self.refresh_by = now + seconds - min(32.0, seconds / 3) if seconds else None

    def settled(self) -> None:
        """Nothing waits for the owner any more."""
        self.pending, self.offered, self.answer_by = None, b"", None

    def next_timer(self) -> float | None:
        """Moment at which the call has something to do."""
        repeated = earliest(self.repetition.repeat_at, self.repetition.ends_at) if self.repetition else None
        return earliest(repeated, self.answer_by, self.refresh_by)

    def missed(self, now: float) -> Deadline | None:
        """The deadline that has passed, if any."""
        if self.repetition is not None and self.repetition.ends_at <= now:
            return Deadline.ACKNOWLEDGEMENT
        if self.answer_by is not None and self.answer_by <= now:
            return Deadline.ANSWER
        if self.refresh_by is not None and self.refresh_by <= now:
            return Deadline.REFRESH
        return None
