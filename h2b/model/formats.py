"""Formats a client may announce, of audio and grammars, and the one audio format everything inside works in.

Inside is always 8 kHz mono 16-bit. Sources: reference of the H2B protocol, section 7; ITU-T G.711.
"""

from enum import Enum

SAMPLE_RATE = 8000
"""Samples per second of all audio inside the server."""

FRAME_SAMPLES = 160
"""Samples in a frame: 20 ms, the unit of the VAD and of the endpointer."""

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE


class AudioFormat(Enum):
    """How the samples of one session are coded: fixed at OPEN, 8 kHz mono in every case."""

    LINEAR = "linear"
    """16-bit signed little-endian."""
    G711A = "g711a"
    """A-law."""
    G711U = "g711u"
    """µ-law."""

    @property
    def bytes_per_sample(self) -> int:
        return 2 if self is AudioFormat.LINEAR else 1


class GrammarFormat(Enum):
    """How the body of a DEFINE-GRAMMAR is written."""

    URI_LIST = "URI list"
    """One URI of a grammar the server has."""
    SRGS_XML = "SRGS XML"
    SRGS_ABNF = "SRGS ABNF"


def seconds_to_samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def milliseconds_to_samples(milliseconds: float) -> int:
    return round(milliseconds * SAMPLE_RATE / 1000)
