"""A server spoken to at random: well-formed requests that make no sense together, an owner who answers or not, time.

Whatever comes, the server raises nothing, tells of each call in order, ends each exactly once, and forgets all in the
end.
"""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.telephony.sip_effects import (
    CallChanged,
    CallConfirmed,
    CallEnded,
    CallOffered,
    Effect,
    Peer,
    SendMessage,
)
from h2b.telephony.sip_message import Response, parse_message
from tests.telephony.network import OFFER
from tests.telephony.speaking import PEER, STREAM, URI, Line, request

METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE", "INFO")
REQUESTS = st.tuples(
    st.just("request"),
    st.sampled_from(METHODS),
    st.integers(1, 5),
    st.sampled_from(["", "own", "other"]),
    st.sampled_from(["b1", "b2", "b3"]),
    st.sampled_from(["call-1", "call-2"]),
    st.booleans(),
)
RESPONSES = st.tuples(st.just("response"), st.sampled_from([100, 200, 401, 481]))
OWNER = st.tuples(st.sampled_from(["accept", "reject", "hang up"]), st.integers(0, 3))
TIME = st.tuples(st.just("wait"), st.sampled_from([0.0, 0.4, 3.0, 31.0, 40.0, 700.0]))
STEPS = st.lists(REQUESTS | RESPONSES | OWNER | TIME, max_size=40)


class Story:
    """What the server told so far, checked as it tells it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.names: list[str] = []
        self.alive: set[str] = set()
        self.sent: list[bytes] = []

    def hear(self) -> None:
        for effect in self.line.effects:
            self._hear(effect)
        self.line.effects.clear()

    def _hear(self, effect: Effect) -> None:
        if isinstance(effect, SendMessage):
            parse_message(effect.payload)
            self.sent.append(effect.payload)
        elif isinstance(effect, CallOffered):
            assert effect.call not in self.names
            self.names.append(effect.call)
            self.alive.add(effect.call)
        else:
            assert isinstance(effect, CallConfirmed | CallChanged | CallEnded)
            assert effect.call in self.alive
            if isinstance(effect, CallEnded):
                self.alive.remove(effect.call)

    def name(self, number: int) -> str:
        return self.names[number % len(self.names)] if self.names else "nobody"

    def request(self, step: tuple[object, ...]) -> None:
        _, method, sequence, tag, branch, call_id, body = step
        to = {"": "", "own": f";tag={self.name(-1)}", "other": ";tag=other"}[str(tag)]
        self.line.say(
            request(
                str(method),
                ("Supported", "timer"),
                branch=f"z9hG4bK.{branch}",
                call_id=str(call_id),
                sequence=int(str(sequence)),
                to=f"<{URI}>{to}",
                body=OFFER + str(branch).encode() if body else b"",
            )
        )

    def response(self, status: int) -> None:
        """To the last request the server sent, if any."""
        asked = [parse_message(own) for own in self.sent if own.startswith(b"BYE ")]
        if asked:
            self.line.say(Response(status, "", asked[-1].headers))


@settings(max_examples=300)
@given(STEPS, st.sampled_from([PEER, STREAM]))
def test_every_call_is_told_in_order_and_forgotten(steps: list[tuple[object, ...]], peer: Peer) -> None:
    line = Line(peer)
    story = Story(line)
    actions: dict[str, Callable[[str], list[Effect]]] = {
        "accept": lambda call: line.server.accept(call, b"answer", line.now),
        "reject": lambda call: line.server.reject(call, 488, "no", line.now),
        "hang up": lambda call: line.server.hang_up(call, line.now),
    }
    for step in steps:
        match step[0]:
            case "request":
                story.request(step)
            case "response":
                story.response(int(str(step[1])))
            case "wait":
                line.wait(line.now + float(str(step[1])))
            case _:
                line.do(actions[str(step[0])](story.name(int(str(step[1])))))
        story.hear()
        assert len(story.alive) <= line.server.calls
    for call in story.names:
        line.do(line.server.hang_up(call, line.now))
    line.wait(line.now + 2000.0)
    story.hear()
    assert story.alive == set()
    assert line.server.idle
