"""One channel on trio's virtual clock with the scripted recogniser: every time is exact."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from attrs import evolve
from sound import UTTERANCE, silence, vowel
from structlog.testing import capture_logs
from trio.testing import MockClock

from h2b.asr.scripted import ScriptedRecogniser, open_scripted
from h2b.model.causes import CompletionCause
from h2b.model.errors import EngineError, MalformedMessage
from h2b.model.formats import FRAME_SECONDS
from h2b.model.messages import Close, Event, GetParams, Open, Recognize, SetParams, StartInputTimers, Stop
from h2b.model.names import EventName
from h2b.model.results import Hypothesis
from h2b.model.usage import RecognitionRecord, UsageRecord
from h2b.protocol.recognizer import Recognizer
from h2b.protocol.session import Setting
from h2b.server.channel import CONFIRM_S, Channel, ClientTooSlow, EventQueue
from h2b.server.scripts import Results, Scripts
from h2b.wire.mrcptext import Headers, MrcpRequest

YES = "builtin:speech/boolean"
OPENED, STOPPED, CLOSED = EventName.OPENED, EventName.STOPPED, EventName.CLOSED
IN_PROGRESS, START, COMPLETE = (
    EventName.RECOGNITION_IN_PROGRESS,
    EventName.START_OF_INPUT,
    EventName.RECOGNITION_COMPLETE,
)


class NoScripts:
    """For grammars without scripts."""

    def evaluate(self, programs: Sequence[str], answer: Callable[[Results], None]) -> None:
        raise AssertionError(programs)


class Client:
    """The far end of a channel: collects events with the time they came."""

    def __init__(self, channel: Channel, records: list[RecognitionRecord]) -> None:
        self.channel = channel
        self.records = records
        self.seen: list[tuple[float, Event]] = []
        self.told_all = False
        self._news = trio.Event()

    def open(self, request_id: int = 1) -> None:
        self.channel.receive(Open(request_id=request_id, channel_prefix="test"))

    def recognize(self, request_id: int = 2, grammar: str = YES, **changes: int | float | str | bool) -> None:
        self.channel.receive(Recognize(request_id=request_id, grammars=(grammar,), changes=changes))

    @property
    def names(self) -> list[EventName]:
        return [event.name for _, event in self.seen]

    async def collect(self) -> None:
        while (event := await self.channel.events.get()) is not None:
            self.seen.append((trio.current_time(), event))
            self._news.set()
            self._news = trio.Event()
        self.told_all = True

    async def until(self, name: EventName, times: int = 1) -> tuple[float, Event]:
        """The latest event of this name, when there are so many."""
        while self.names.count(name) < times:
            await self._news.wait()
        return next(seen for seen in reversed(self.seen) if seen[1].name is name)

    async def speak(self, audio: bytes) -> None:
        """Send audio as a telephone does, 20 ms of it every 20 ms."""
        began = trio.current_time()
        for number in range(len(audio) // 320):
            await trio.sleep_until(began + 0.02 * (number + 1))
            self.channel.receive_audio(audio[320 * number : 320 * (number + 1)])


def keeping(records: list[RecognitionRecord]) -> Callable[[UsageRecord], None]:
    """Keeps what recognitions leave; sessions' records are of no interest here."""

    def keep(record: UsageRecord) -> None:
        if isinstance(record, RecognitionRecord):
            records.append(record)

    return keep


@asynccontextmanager
async def a_client(
    setting: Setting, recogniser: ScriptedRecogniser, event_queue: int = 64, scripts: Scripts | None = None
) -> AsyncIterator[Client]:
    records: list[RecognitionRecord] = []
    channel = Channel(setting, recogniser, scripts or NoScripts(), keeping(records), event_queue)
    client = Client(channel, records)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.keep_time)
        nursery.start_soon(client.collect)
        try:
            yield client
        finally:
            channel.abandon()
            nursery.cancel_scope.cancel()


async def test_no_input_ends_exactly_at_its_timeout_though_the_client_sends_nothing(
    setting: Setting, autojump_clock: MockClock
) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open()
        client.recognize(no_input_timeout=5000)
        time, event = await client.until(COMPLETE)
    assert time == 5.0
    assert event.cause is CompletionCause.NO_INPUT_TIMEOUT
    assert client.names == [OPENED, IN_PROGRESS, COMPLETE]


async def test_a_timeout_between_two_frames_comes_with_the_end_of_the_frame(
    setting: Setting, autojump_clock: MockClock
) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open()
        client.recognize(no_input_timeout=5003)
        time, _ = await client.until(COMPLETE)
    assert time == pytest.approx(5.02, abs=1e-9)


async def test_a_held_timer_starts_with_the_command(setting: Setting, autojump_clock: MockClock) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open()
        client.recognize(no_input_timeout=2000, start_input_timers=False)
        await trio.sleep(10)
        client.channel.receive(StartInputTimers(request_id=3))
        time, _ = await client.until(COMPLETE)
    assert time == 12.0


async def test_a_recognition_completes_at_the_silence_its_match_asks_for(
    setting: Setting, autojump_clock: MockClock
) -> None:
    async with open_scripted(["yes"], delay_s=0.1) as recogniser, a_client(setting, recogniser) as client:
        client.open()
        client.recognize(speech_complete_timeout=800)
        await client.speak(UTTERANCE + silence(1.0))
        time, event = await client.until(COMPLETE)
    assert client.names == [OPENED, IN_PROGRESS, START, COMPLETE]
    assert event.cause is CompletionCause.SUCCESS
    assert event.result is not None
    assert event.result.best is not None
    assert event.result.best.interpretation is not None
    assert event.result.best.interpretation.value is True
    assert event.result.span is not None
    speech_end = (event.result.span.end_ms - 1_700_000_000_000) / 1000
    assert speech_end == pytest.approx(1.1, abs=0.1)
    assert speech_end + 0.8 - 1e-9 <= time <= speech_end + 0.8 + FRAME_SECONDS


async def test_an_answer_that_comes_late_completes_the_recognition_at_once(
    setting: Setting, autojump_clock: MockClock
) -> None:
    async with open_scripted(["yes"], delay_s=7.0) as recogniser, a_client(setting, recogniser) as client:
        client.open()
        client.recognize()
        client.channel.receive_audio(UTTERANCE)
        time, event = await client.until(COMPLETE)
    assert time == 7.0
    assert event.cause is CompletionCause.SUCCESS


async def test_a_failure_of_the_engine_is_cause_error_and_the_session_lives_on(
    setting: Setting, autojump_clock: MockClock
) -> None:
    script = [EngineError("no engine today"), "yes"]
    async with open_scripted(script, delay_s=0.2) as recogniser, a_client(setting, recogniser) as client:
        client.open()
        client.recognize(2)
        client.channel.receive_audio(UTTERANCE)
        _, event = await client.until(COMPLETE)
        assert (event.cause, event.reason) == (CompletionCause.ERROR, "no engine today")
        client.recognize(3)
        client.channel.receive_audio(UTTERANCE)
        _, event = await client.until(COMPLETE, times=2)
        assert event.cause is CompletionCause.SUCCESS
    assert [record.cause for record in client.records] == [CompletionCause.ERROR, CompletionCause.SUCCESS]


async def test_stop_releases_the_utterance_and_a_late_answer_says_nothing(
    setting: Setting, autojump_clock: MockClock
) -> None:
    recogniser = ScriptedRecogniser(["yes"])
    async with a_client(setting, recogniser) as client:
        client.open()
        client.recognize()
        client.channel.receive_audio(UTTERANCE)
        (utterance,) = recogniser.waiting
        client.channel.receive(Stop(request_id=3))
        assert utterance.cancelled
        recogniser.answer(utterance)
        await trio.sleep(100)
    assert client.names == [OPENED, IN_PROGRESS, START, STOPPED]
    assert [record.ended_by for record in client.records] == ["stop"]


@pytest.mark.parametrize(
    ("end", "ended_by"),
    [
        (lambda client: client.channel.receive(Stop(request_id=9)), "stop"),
        (lambda client: client.channel.receive(Close(request_id=9)), "close"),
        (lambda client: client.channel.abandon(), "disconnect"),
    ],
)
async def test_each_recognition_is_billed_once_however_it_ends(
    setting: Setting, end: Callable[[Client], None], ended_by: str, autojump_clock: MockClock
) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open()
        client.recognize()
        end(client)
        client.channel.abandon()
    assert [record.ended_by for record in client.records] == [ended_by]


async def test_a_record_that_cannot_be_written_takes_nothing_from_the_client(
    setting: Setting, autojump_clock: MockClock
) -> None:
    def fail(record: UsageRecord) -> None:
        raise OSError("disk full")

    channel = Channel(setting, ScriptedRecogniser(), NoScripts(), fail, 64)
    client = Client(channel, [])
    client.open()
    client.recognize()
    channel.receive(Stop(request_id=3))
    channel.events.close()
    await client.collect()
    assert client.names == [OPENED, IN_PROGRESS, STOPPED]


class SlowDisk:
    """Records are safe when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[trio.Event] = []

    def write(self, record: UsageRecord) -> trio.Event:
        self.waiting.append(trio.Event())
        return self.waiting[-1]


async def a_stopped_client(setting: Setting, disk: SlowDisk, nursery: trio.Nursery) -> Client:
    """A client whose recognition is over, and whose record is on its way to the disk."""
    channel = Channel(setting, ScriptedRecogniser(), NoScripts(), disk.write, 64)
    client = Client(channel, [])
    nursery.start_soon(client.collect)
    client.open()
    client.recognize()
    await client.until(IN_PROGRESS)
    channel.receive(Stop(request_id=3))
    channel.receive(GetParams(request_id=4))
    await trio.testing.wait_all_tasks_blocked()
    return client


async def test_the_end_of_a_recognition_is_told_when_its_record_is_safe(
    setting: Setting, autojump_clock: MockClock
) -> None:
    disk = SlowDisk()
    async with trio.open_nursery() as nursery:
        client = await a_stopped_client(setting, disk, nursery)
        assert client.names == [OPENED, IN_PROGRESS]
        await trio.sleep(1.5)
        disk.waiting[0].set()
        time, _ = await client.until(EventName.DEFAULT_PARAMS)
        nursery.cancel_scope.cancel()
    assert time == 1.5
    assert client.names == [OPENED, IN_PROGRESS, STOPPED, EventName.DEFAULT_PARAMS]


async def test_a_disk_that_hangs_delays_the_end_of_a_recognition_once(
    setting: Setting, autojump_clock: MockClock
) -> None:
    disk = SlowDisk()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            client = await a_stopped_client(setting, disk, nursery)
            time, _ = await client.until(STOPPED)
            assert time == CONFIRM_S
            client.channel.receive(SetParams(request_id=5, changes={}))
            time, _ = await client.until(EventName.PARAMS_SET)
            assert time == CONFIRM_S
            nursery.cancel_scope.cancel()
    assert {line["event"] for line in logs} == {"record_late"}


async def test_what_an_answer_breaks_ends_its_own_channel_only(setting: Setting, autojump_clock: MockClock) -> None:
    nonsense = Hypothesis(transcript=None, confidence=1.0)  # type: ignore[arg-type]  # no session can take it
    recogniser = ScriptedRecogniser([nonsense])
    records: list[RecognitionRecord] = []
    channel = Channel(setting, recogniser, NoScripts(), keeping(records), 64)
    client = Client(channel, records)
    client.open()
    client.recognize()
    channel.receive_audio(UTTERANCE)
    recogniser.release()
    with pytest.raises(AttributeError):
        await channel.keep_time()
    channel.abandon()
    assert [record.ended_by for record in records] == ["disconnect"]


async def test_a_client_that_reads_nothing_is_given_up_when_its_queue_is_full(setting: Setting) -> None:
    records: list[RecognitionRecord] = []
    channel = Channel(setting, ScriptedRecogniser(), NoScripts(), keeping(records), 10)
    channel.receive(Open(request_id=1))
    channel.receive(Recognize(request_id=2, grammars=(YES,)))
    for _ in range(8):
        channel.refuse(MalformedMessage("no"), 0)
    # The STOP is not answered, but what it ends is released and billed.
    with pytest.raises(ClientTooSlow):
        channel.receive(Stop(request_id=3))
    assert [record.ended_by for record in records] == ["stop"]
    channel.abandon()
    assert len(records) == 1


async def test_a_recognition_whose_first_event_finds_no_room_is_billed_and_leaves_nothing(setting: Setting) -> None:
    records: list[RecognitionRecord] = []
    recogniser = ScriptedRecogniser()
    channel = Channel(setting, recogniser, NoScripts(), keeping(records), 1)
    channel.receive(Open(request_id=1))
    with pytest.raises(ClientTooSlow):
        channel.receive(Recognize(request_id=2, grammars=(YES,)))
    assert recogniser.utterances == []
    channel.abandon()
    assert [record.ended_by for record in records] == ["disconnect"]


async def test_draining_lets_a_session_go_on_until_its_end(setting: Setting, autojump_clock: MockClock) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open(1)
        client.channel.drain()
        for number in (1, 2):
            client.recognize(1 + number, no_input_timeout=3000)
            await trio.sleep(1)
            assert not client.told_all
            await client.until(COMPLETE, number)
        client.channel.receive(Close(request_id=4))
        client.channel.receive(GetParams(request_id=5))
        client.channel.receive_audio(UTTERANCE)
        await trio.testing.wait_all_tasks_blocked()
        assert client.told_all
    assert client.names == [OPENED, IN_PROGRESS, COMPLETE, IN_PROGRESS, COMPLETE, CLOSED]


async def test_what_comes_behind_the_end_of_a_call_is_not_even_read(setting: Setting) -> None:
    async with open_scripted(lambda request, samples: "yes", delay_s=0.01) as recogniser:
        machine = Recognizer(setting, "1@speechrecog")
        channel = Channel(setting, recogniser, NoScripts(), lambda record: None, 8, machine)
        behind = MrcpRequest(
            "RECOGNIZE", 1, Headers((("Content-Type", "text/uri-list"),)), b"builtin:speech/spelling/digits"
        )
        channel.leave()
        await channel.read_ahead(behind)
        channel.receive(behind)
        channel.events.close()
        assert await channel.events.get() is None


async def test_draining_closes_a_channel_outside_a_session_at_once(setting: Setting, autojump_clock: MockClock) -> None:
    channel = Channel(setting, ScriptedRecogniser(), NoScripts(), lambda record: None, 64)
    client = Client(channel, [])
    channel.drain()
    await client.collect()
    assert client.told_all
    assert client.names == []


async def test_sessions_follow_one_another_on_one_channel(setting: Setting, autojump_clock: MockClock) -> None:
    async with a_client(setting, ScriptedRecogniser()) as client:
        client.open(1)
        client.channel.receive(SetParams(request_id=2, changes={"no_input_timeout": 1000}))
        client.channel.receive(Close(request_id=3))
        client.open(4)
        client.recognize(5)
        time, event = await client.until(COMPLETE)
    assert time == 5.0
    assert event.channel_id == "test2"


async def test_audio_and_time_give_the_same_events_however_the_audio_is_cut(
    setting: Setting, autojump_clock: MockClock
) -> None:
    async def events(cut: int) -> list[tuple[EventName, CompletionCause | None]]:
        async with open_scripted(["yes"]) as recogniser, a_client(setting, recogniser) as client:
            client.open()
            client.recognize()
            audio = UTTERANCE + silence(1.0) + vowel(0.3)
            for start in range(0, len(audio), cut):
                client.channel.receive_audio(audio[start : start + cut])
            await client.until(COMPLETE)
            return [(event.name, event.cause) for _, event in client.seen]

    assert await events(7) == await events(960) == await events(1 << 20)


async def test_the_queue_gives_events_in_order_and_tells_when_there_is_room() -> None:
    queue = EventQueue(4)
    events = [Event(name=OPENED, request_id=number) for number in range(4)]
    for event in events:
        queue.put(event)
    with pytest.raises(ClientTooSlow):
        queue.put(events[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.room)
        await trio.testing.wait_all_tasks_blocked()
        assert [await queue.get(), await queue.get()] == events[:2]
    queue.close()
    assert [await queue.get(), await queue.get(), await queue.get()] == [*events[2:], None]


async def test_defaults_of_the_operator_hold_where_nobody_says_otherwise(
    setting: Setting, autojump_clock: MockClock
) -> None:
    patient = evolve(setting, parameters=evolve(setting.parameters, no_input_timeout=60_000))
    async with a_client(patient, ScriptedRecogniser()) as client:
        client.open()
        client.recognize()
        time, _ = await client.until(COMPLETE)
    assert time == 60.0
