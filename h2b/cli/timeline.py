"""The picture of one recognition: what the caller said, what the endpointer made of it, and which timer ended it.

Owns the layout. Reads an `Account` and nothing else. One time axis; from top to bottom: events, the caller's sound,
the votes on each frame, endpoints, decodings, timers. A decoding is as long as it takes on a free core; the one that
decided is drawn once more inside the silence it was hidden in.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from attrs import define, evolve, field
from numpy.typing import NDArray

from h2b.audio.endpoint import SpeechPaused, SpeechResumed, SpeechStarted
from h2b.cli.offline import Account, Decoding, Endpoint
from h2b.cli.svg import Drawing, Ground, Label, cut_to_width, words_width
from h2b.cli.terminal import shown
from h2b.model.formats import FRAME_SECONDS, SAMPLE_RATE
from h2b.model.names import EventName
from h2b.wire.vocabulary import JSON

WIDTH = 1200.0
LEFT = 120.0
RIGHT = 1110.0
ROW = 20.0
WORDS = 12.0
GAP = 7.0
WAVE_HEIGHT = 110.0
STRIP_HEIGHT = 14.0
LONGEST_VALUE = 28
"""Characters of a value beside a mark; the whole of it is in the mark's tip."""

NARROWEST = 3.0
"""Of a decoding: what took no time is to be seen too."""
LANE_GAP = 10.0
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
GROUND = Ground(LEFT, WIDTH - 5, WORDS, GAP)
EVENTS = (EventName.RECOGNITION_IN_PROGRESS, EventName.START_OF_INPUT, EventName.RECOGNITION_COMPLETE)

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
.paper { fill: #ffffff; }
.quiet { fill: #66717d; }
.lane { fill: #66717d; font-weight: 600; }
.head { font-weight: 700; }
.grid { stroke: #e3e7eb; stroke-width: 1; }
.axis { stroke: #9aa5b1; stroke-width: 1; }
.wave { fill: #6b7a8c; }
.vote { fill: #2b7bbd; }
.bed { fill: #f0f2f5; }
.speech { fill: #2f8f5b; }
.pause { fill: #b9e2cb; }
.mark { fill: #1f6b43; }
.decode { fill: #7a55c7; }
.event { stroke: #1f2933; stroke-width: 1; stroke-dasharray: 3 3; }
.dot { fill: #1f2933; }
.timer { fill: #dfe4ea; }
.fired { fill: #f7c08a; }
.end { stroke: #c2570c; stroke-width: 3; }
.over { stroke: #9aa5b1; stroke-width: 1; stroke-dasharray: 1 4; }
"""
DARK_STYLE = """
text { fill: #e7eaee; }
.paper { fill: #14181d; }
.quiet, .lane { fill: #98a3af; }
.grid { stroke: #2a3138; }
.axis { stroke: #66717d; }
.wave { fill: #8fa0b3; }
.vote { fill: #4f9edb; }
.bed { fill: #1f252c; }
.speech { fill: #3fae73; }
.pause { fill: #235c40; }
.mark { fill: #7fd6a8; }
.decode { fill: #a98bea; }
.event { stroke: #e7eaee; }
.dot { fill: #e7eaee; }
.timer { fill: #323a43; }
.fired { fill: #8a4a12; }
.end { stroke: #ff9d4d; }
.over { stroke: #66717d; }
"""


def draw_timeline(account: Account) -> str:
    """The picture as the text of an SVG file, readable on light and on dark pages."""
    return _Timeline(account).draw()


@define
class _Timeline:
    """The lanes, painted from top to bottom; `y` is where the next one begins."""

    account: Account
    front: Drawing = field(factory=lambda: Drawing(WIDTH))
    back: Drawing = field(factory=lambda: Drawing(WIDTH))
    y: float = 0.0

    def draw(self) -> str:
        self._title()
        top = self.y
        self._events()
        self._wave()
        self._votes()
        self._endpoints()
        self._decodings()
        self._timers()
        self._axis(top)
        dark = f"@media (prefers-color-scheme: dark) {{{DARK_STYLE}}}"
        self.back.paint(self.front)
        description = "; ".join(f"{words} {at:.2f} s" for at, words in self._shown_events())
        return self.back.finish(self.y, STYLE + dark, f"Recognition: {_headline(self.account)}", description)

    @property
    def end(self) -> float:
        return max(self.account.position, FRAME_SECONDS)

    def x(self, position: float) -> float:
        return LEFT + (RIGHT - LEFT) * position / self.end

    def _lane(self, name: str) -> float:
        """Opens a lane and gives its top."""
        self.front.words(LEFT - 14, self.y + STRIP_HEIGHT - 2, name, "lane", WORDS, "end")
        return self.y

    def _title(self) -> None:
        room = WIDTH - 60
        self.front.words(30, 40, cut_to_width(_headline(self.account), 22, room), "head", 22)
        self.y = 48
        for line in _particulars(self.account):
            self.y += 20
            self.front.words(30, self.y, cut_to_width(line, 14, room), "quiet", 14)
        self.y += 28

    def _words(self, top: float, placed: Sequence[Label]) -> None:
        """Paints placed labels and moves on below them."""
        for label in placed:
            y = top + label.row * ROW + STRIP_HEIGHT - 2
            self.front.words(label.x, y, label.words, label.style, WORDS, label.anchor)
        self.y = top + ROW * (max((label.row for label in placed), default=-1) + 1) + LANE_GAP

    def _events(self) -> None:
        top = self._lane("events")
        labels = []
        for at, name in self._shown_events():
            labels.append(Label(left=self.x(at) - 4, right=self.x(at) + 4, words=f"{name} {at:.2f} s", style="name"))
        placed = GROUND.place(labels)
        self._words(top, placed)
        bottom = self.y + WAVE_HEIGHT + 2 * (LANE_GAP + STRIP_HEIGHT)
        for label in placed:
            x, y = label.left + 4, top + label.row * ROW + STRIP_HEIGHT / 2
            self.front.polygon([(x - 4, y - 5), (x + 4, y - 5), (x, y + 4)], "dot")
            self.back.line(x, y + 4, x, bottom, "event")

    def _shown_events(self) -> list[tuple[float, str]]:
        """Position and wire name of what the client was sent for its request."""
        return [(at, JSON.events[event.name]) for at, event in self.account.events if event.name in EVENTS]

    def _wave(self) -> None:
        top = self._lane("caller")
        middle = top + WAVE_HEIGHT / 2
        heard = self.account.samples[: round(self.end * SAMPLE_RATE)]
        outline = list(_envelope(heard, columns=max(2, round(self.x(len(heard) / SAMPLE_RATE) - LEFT))))
        upper = [(LEFT + n, middle - high * WAVE_HEIGHT / 2 - 0.5) for n, (_, high) in enumerate(outline)]
        lower = [(LEFT + n, middle - low * WAVE_HEIGHT / 2 + 0.5) for n, (low, _) in enumerate(outline)]
        self.front.polygon([*upper, *reversed(lower)], "wave")
        hung_up = len(self.account.samples) / SAMPLE_RATE
        if hung_up < self.end - FRAME_SECONDS:
            self.front.line(self.x(hung_up), middle, RIGHT, middle, "over")
            room = RIGHT - self.x(hung_up)
            words = "recording over, silence"
            if words_width(words, WORDS) + GAP < room:
                self.front.words(self.x(hung_up) + GAP, middle - 6, words, "quiet", WORDS)
        self.y = top + WAVE_HEIGHT + LANE_GAP

    def _votes(self) -> None:
        top = self._lane("voice votes")
        self.front.rect(LEFT, top, RIGHT - LEFT, STRIP_HEIGHT, "bed")
        for start, end in _runs(self.account.votes):
            left, right = self.x(start * FRAME_SECONDS), self.x(end * FRAME_SECONDS)
            tip = f"voiced {start * FRAME_SECONDS:.2f} s to {end * FRAME_SECONDS:.2f} s"
            self.front.rect(left, top, right - left, STRIP_HEIGHT, "vote", tip)
        self.y = top + STRIP_HEIGHT + LANE_GAP

    def _endpoints(self) -> None:
        top = self._lane("endpoints")
        self.front.rect(LEFT, top, RIGHT - LEFT, STRIP_HEIGHT, "bed")
        for style, start, end in _stretches(self.account):
            left, right = self.x(start), self.x(end)
            self.front.rect(left, top, right - left, STRIP_HEIGHT, style, f"{style} {start:.2f} s to {end:.2f} s")
        labels = []
        for event in self.account.endpoints:
            at = self.x(event.at_sample / SAMPLE_RATE)
            labels.append(Label(left=at - 1, right=at + 1, words=_endpoint_words(event), style="quiet"))
        below = top + STRIP_HEIGHT + 5
        placed = GROUND.place(labels, stems=True)
        self._words(below, placed)
        for label in placed:
            foot = below + label.row * ROW + STRIP_HEIGHT
            self.front.rect(label.left, top - 2, 2, foot - top + 2, "mark")

    def _decodings(self) -> None:
        if not self.account.decodings:
            return
        top = self._lane("decoding")
        decisive, fired = self.account.decisive, self.account.fired
        labels = []
        for decoding in self.account.decodings:
            left, right = self.x(decoding.position), min(self.x(decoding.ready), RIGHT)
            words, tip = _decoding_words(decoding), _decoding_tip(decoding)
            if decoding is decisive and fired is not None:
                words = f"{words}, {_spare_words(self.account)}"
            labels.append(Label(left=left, right=max(right, left + NARROWEST), words=words, tip=tip))
        placed = GROUND.place(labels)
        self._words(top, placed)
        for label in placed:
            y = top + label.row * ROW
            self.front.rect(label.left, y, label.right - label.left, STRIP_HEIGHT, "decode", label.tip)

    def _timers(self) -> None:
        timers, fired = self.account.timers, self.account.fired
        if not timers:
            return
        top = self._lane("timers")
        labels = []
        for timer in timers:
            style = "fired" if timer == fired else "timer"
            words = f"{timer.name} {timer.limit_ms} ms" + (" fired" if style == "fired" else "")
            tip = f"{words}: from {timer.start:.2f} s to {timer.end:.2f} s"
            labels.append(Label(left=self.x(timer.start), right=self.x(timer.end), words=words, style=style, tip=tip))
        placed = GROUND.place(labels)
        for label in placed:
            y = top + label.row * ROW
            self.front.rect(label.left, y - 2, label.right - label.left, STRIP_HEIGHT + 3, label.style, label.tip)
            if label.style == "fired":
                self._hidden(y)
                self.front.line(label.right, y - 4, label.right, y + STRIP_HEIGHT + 3, "end")
        self._words(top, [evolve(label, style="name") for label in placed])

    def _hidden(self, y: float) -> None:
        """The decisive decoding once more, inside the silence that it was hidden in."""
        decisive = self.account.decisive
        if decisive is not None:
            left, right = self.x(decisive.position), min(self.x(decisive.ready), RIGHT)
            width = max(right - left, NARROWEST)
            self.front.rect(left, y + STRIP_HEIGHT - 4, width, 5, "decode", _decoding_tip(decisive))

    def _axis(self, top: float) -> None:
        """The grid behind all lanes, and the seconds below them."""
        bottom = self.y
        step = _tick_step(self.end)
        for number in range(int(self.end / step) + 1):
            x = self.x(number * step)
            self.back.line(x, top, x, bottom, "grid")
            self.front.words(x, bottom + 18, f"{number * step:g} s", "quiet", WORDS, "middle")
        self.back.line(LEFT, bottom, RIGHT, bottom, "axis")
        self.y = bottom + 34


# Words


def _headline(account: Account) -> str:
    event = account.completion
    best = event.result.best if event.result else None
    value = f" {shown(best.interpretation.value)}" if best and best.interpretation else ""
    return f"{JSON.causes[account.cause]}{value}"


def _particulars(account: Account) -> Iterator[str]:
    """Lines below the headline."""
    event = account.completion
    best = event.result.best if event.result else None
    language = account.parameters.speech_language
    asked = f"{' '.join(account.grammars)} · {language} · {account.parameters.recognition_mode} mode"
    if best is None:
        yield f"{event.reason} · {asked}"
        return
    sure = best.interpretation.confidence if best.interpretation else best.hypothesis.confidence
    yield f"{event.reason}, confidence {sure:.2f} · {asked}"
    yield f"“{best.hypothesis.transcript}”"


def _endpoint_words(event: Endpoint) -> str:
    verb = {SpeechStarted: "speech starts", SpeechPaused: "pause", SpeechResumed: "resumes"}[type(event)]
    return f"{verb} {event.at_sample / SAMPLE_RATE:.2f} s"


def _decoding_words(decoding: Decoding) -> str:
    if decoding.verdict is None:
        return "failed"
    best = decoding.verdict.alternatives[0] if decoding.verdict.alternatives else None
    if best is None:
        return "no words"
    if best.interpretation is None:
        return f"no match “{_short(best.hypothesis.transcript)}”"
    return f"{decoding.verdict.match.value} {_short(shown(best.interpretation.value))}"


def _spare_words(account: Account) -> str:
    spare_ms = round((account.spare_seconds or 0.0) * 1000)
    return f"ready {spare_ms} ms before the timer" if spare_ms >= 0 else f"{-spare_ms} ms after the timer"


def _decoding_tip(decoding: Decoding) -> str:
    took = f"{decoding.fed_seconds:.2f} s of speech decoded in {decoding.spent_seconds * 1000:.0f} ms"
    if decoding.verdict is None:
        return f"{took}: {decoding.failure}"
    said = "; ".join(
        f"“{other.hypothesis.transcript}” {other.hypothesis.confidence:.2f}" for other in decoding.verdict.alternatives
    )
    return f"{took}: {said or 'no words'}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1].rstrip() + "…"


# Numbers


def _envelope(samples: NDArray[np.int16], columns: int) -> Iterator[tuple[float, float]]:
    """Lowest and highest sample of each column, in -1..1 of the loudest."""
    if not len(samples):
        return
    loudest = max(int(np.abs(samples.astype(np.int32)).max()), 1)
    edges = np.linspace(0, len(samples), columns + 1).astype(int)
    for start, end in pairwise(edges):
        column = samples[start : max(end, start + 1)]
        yield float(column.min()) / loudest, float(column.max()) / loudest


def _runs(votes: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First frame of each run of votes for speech, and the first one after it."""
    start = None
    for number, voiced in enumerate([*votes, False]):
        if voiced and start is None:
            start = number
        elif not voiced and start is not None:
            yield start, number
            start = None


def _stretches(account: Account) -> Iterator[tuple[str, float, float]]:
    """Speech and pauses between the endpoints, by where they really began."""
    style, since = "", 0.0
    for event in account.endpoints:
        turns = (event.end_sample if isinstance(event, SpeechPaused) else event.start_sample) / SAMPLE_RATE
        if style:
            yield style, since, turns
        style, since = ("pause" if isinstance(event, SpeechPaused) else "speech"), turns
    if style:
        yield style, since, account.position


def _tick_step(seconds: float) -> float:
    """Seconds between ticks: at most about a dozen of them."""
    return next((step for step in TICKS if seconds / step <= 12), TICKS[-1])
