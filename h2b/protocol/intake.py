"""The way of a session's audio: bytes to frames, votes and endpoints, and silence where the client sends none.

Owns the position in the caller's audio. Must not know commands, events or engines.
"""

from collections import deque
from math import ceil, isinf

from h2b.audio.endpoint import Endpointer, EndpointEvent, EndpointSettings
from h2b.audio.framing import Frame, Framer
from h2b.audio.vad import VoiceActivity
from h2b.model.formats import FRAME_SECONDS, SAMPLE_RATE, AudioFormat

STALL_SECONDS = 0.5
"""A client silent on the wire for this long is taken as sending silence. Longer than any sane jitter: real
audio that comes later is then heard later, never lost."""

FRAME_TOLERANCE = 1e-6
"""Of a frame: a deadline computed from a position must be reached when it is due, whatever floats make of it."""

MAXIMUM_HELD_FRAMES = 3000
"""One minute of audio kept back while the engine works; more than that is a client far too fast."""


class Intake:
    """Audio of one session. Between recognitions it only counts bytes, so that samples stay aligned."""

    def __init__(self, audio_format: AudioFormat, settings: EndpointSettings) -> None:
        self._format = audio_format
        self._settings = settings
        self._vad = VoiceActivity()
        self._odd_octets = 0
        """Octets of a sample whose rest is still to come."""
        self._cut_off = 0
        """Octets still to drop: the rest of the sample that the start of the recognition cut in two."""
        self._framer: Framer | None = None
        self._endpointer = Endpointer(settings)
        self._frames: deque[Frame] = deque()
        self._arrived_at = 0.0
        self._arrived_position = 0.0
        self._filled: list[tuple[int, int]] = []

    def start(self, now: float) -> None:
        """A recognition begins: position zero is here."""
        self._framer = Framer(self._format)
        self._cut_off = -self._odd_octets % self._format.bytes_per_sample
        self._frames.clear()
        self._endpointer = Endpointer(self._settings)
        self._arrived_at = now
        self._arrived_position = 0.0
        self._filled.clear()

    def stop(self) -> None:
        """The recognition is over: what follows is dropped."""
        self._framer = None
        self._frames.clear()

    def next_phrase(self) -> None:
        """Look for a new start of speech, whatever was heard before."""
        self._endpointer.reset()

    def receive(self, chunk: bytes, now: float) -> None:
        """Bytes from the client, cut anywhere. Raises OverflowError when too much is being held back."""
        # Counted whatever becomes of them: samples stay whole over the recognitions of a session.
        self._odd_octets = (self._odd_octets + len(chunk)) % self._format.bytes_per_sample
        if self._framer is None:
            return
        if self._cut_off:
            dropped = min(self._cut_off, len(chunk))
            self._cut_off -= dropped
            chunk = chunk[dropped:]
        if len(self._frames) > MAXIMUM_HELD_FRAMES:
            raise OverflowError
        self._frames.extend(self._framer.feed(chunk))
        self._arrived_at = now
        self._arrived_position = self._framer.next_sample / SAMPLE_RATE

    def receive_silence(self, now: float) -> None:
        """The time of a frame went by in which the client sent nothing: silence that nobody sent."""
        if self._framer is None or len(self._frames) > MAXIMUM_HELD_FRAMES:
            return
        self._fill(self._framer, 1)
        self._arrived_at = now
        self._arrived_position = self._framer.next_sample / SAMPLE_RATE

    def catch_up(self, now: float) -> None:
        """Put silence where the client has sent nothing for longer than a stall."""
        if self._framer is None or now < self._arrived_at + STALL_SECONDS:
            return
        due = self._arrived_position + (now - self._arrived_at)
        missing = int((due - self._framer.next_sample / SAMPLE_RATE) / FRAME_SECONDS + FRAME_TOLERANCE)
        if missing > 0 and len(self._frames) <= MAXIMUM_HELD_FRAMES:
            self._fill(self._framer, missing)

    def _fill(self, framer: Framer, frames: int) -> None:
        first = framer.next_sample
        self._frames.extend(framer.fill_silence(frames))
        if self._filled and self._filled[-1][1] == first:
            first = self._filled.pop()[0]
        self._filled.append((first, framer.next_sample))

    def received_samples(self, end: int) -> int:
        """How many of the first `end` samples of the recognition the client sent; the others were put in for it."""
        return end - sum(min(last, end) - first for first, last in self._filled if first < end)

    def time_of(self, position: float) -> float:
        """Monotonic time at which a position that has arrived was reached, by the pace of the last sound received."""
        return self._arrived_at + (position - self._arrived_position)

    def next_frame(self) -> tuple[Frame, bool, list[EndpointEvent]] | None:
        """The next frame with its vote and what the endpointer makes of it; None when all are judged."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        voiced = self._vad.is_voiced(frame)
        return frame, voiced, self._endpointer.push(frame, voiced, self._vad.is_pitched)

    @property
    def may_start(self) -> bool:
        """Whether speech may be starting, or resuming, at this moment."""
        return self._endpointer.may_start

    def wake_at(self, position: float) -> float:
        """Monotonic time at which `position` is reached if the client sends nothing more: with the end of its frame.

        A position that is past already is asked about again with the next frame: nothing changes before that.
        """
        if self._framer is None or isinf(position):
            return float("inf")
        heard = self._framer.next_sample / SAMPLE_RATE - self._arrived_position
        ahead = max(position - self._arrived_position, heard + FRAME_SECONDS)
        return self._arrived_at + max(STALL_SECONDS, ceil(ahead / FRAME_SECONDS - FRAME_TOLERANCE) * FRAME_SECONDS)


def frame_end(frame: Frame) -> float:
    """Position, in seconds, of the end of a frame."""
    return (frame.start + len(frame.samples)) / SAMPLE_RATE
