"""Valid input, damaged: cut, flipped, doubled, moved, nested, mixed with other input; and the one rule it is held to.

`H2B_FUZZ_EXAMPLES` is the number of cases of each test. Without it they are few and always the same.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from h2b.model.errors import H2BError

VECTORS = Path(__file__).parent.parent / "vectors"
BUDGET_S = 5.0
"""Of processor time for one case; what is fast takes a thousandth of it."""

_ASKED = os.environ.get("H2B_FUZZ_EXAMPLES", "")


def cases(usual: int = 200) -> settings:
    """How many cases a test has: `usual` ones, or as many other ones as the environment asks for."""
    return settings(
        max_examples=int(_ASKED or usual),
        derandomize=not _ASKED,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )


SIGNS = (
    b"",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    "\u2028é٣".encode(),
    b"\r\n",
    b"\n",
    b" ",
    b"\t",
    b'"',
    b"'",
    b"\\",
    b"%",
)
OPENING = (b"[", b"{", b"(", b"<", b'{"a":', b"[[a]]\n", b"a.", b"a={", b"<a>", b"((", b"/*", b"&lt;", b",", b";", b"=")
NUMBERS = (
    b"-1",
    b"0",
    b"1e999",
    b"nan",
    b"inf",
    b"9" * 20,
    b"9" * 400,
    b"9" * 5000,
    b"0x7f",
    b"0x" + b"f" * 5000,
    b"1_0",
    b"2021-02-30",
)
TIMES = (1, 1, 1, 2, 70, 5000)
MOST_PUT = 1_000_000
"""Octets put in at once: a frame of the WebSocket has no more, and all other input is shorter."""


@st.composite
def damaged(draw: st.DrawFn, samples: Sequence[bytes], signs: Sequence[bytes] = ()) -> bytes:
    """One of the samples after some accidents; `signs` are pieces that mean something in it."""
    source = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(source))), draw(st.integers(0, 40))
        before, piece, after = source[:start], source[start : start + length], source[start + length :]
        match draw(st.integers(0, 6)):
            case 0:
                source = before + after
            case 1:
                source = before + bytes(octet ^ 1 << draw(st.integers(0, 7)) for octet in piece[:1]) + piece[1:] + after
            case 2:
                source = before + piece * 2 + after
            case 3:
                source = after + piece + before
            case 4:
                put = draw(st.sampled_from([*SIGNS, *OPENING, *NUMBERS, *signs]) | st.binary(max_size=6))
                source = before + (put * draw(st.sampled_from(TIMES)))[:MOST_PUT] + after
            case 5:
                source = before + draw(st.sampled_from([*NUMBERS, *signs])) + after
            case _:
                source = before + draw(st.sampled_from(samples))[-length:] + after
    return source


def damaged_text(samples: Sequence[bytes], signs: Sequence[bytes] = ()) -> st.SearchStrategy[str]:
    """The same as text that UTF-8 can hold."""
    return damaged(samples, signs).map(lambda octets: octets.decode("utf-8", "replace"))


def vectors(folder: str, suffix: str) -> list[bytes]:
    """The files of a folder of vectors, and of those in it, in the order of their names."""
    return [path.read_bytes() for path in sorted((VECTORS / folder).rglob(f"*{suffix}"))]


def read_or_refused(attempt: Callable[[], object]) -> bool:
    """Whether it succeeded. Only our own errors may leave it, with a text that can be told, and in bounded time."""
    began = time.process_time()
    try:
        attempt()
    except H2BError as error:
        str(error).encode()
        return False
    else:
        return True
    finally:
        assert time.process_time() - began < BUDGET_S
