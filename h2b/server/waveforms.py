"""Sound that clients ask to keep, or to be recognised in place of their line: WAV files, and their addresses.

Owns the files' names and form. Must not know channels. Nobody deletes the files but the operator. Source: RFC 6787,
Save-Waveform, Waveform-URI and Input-Waveform-URI in section 9.4.
"""

import re
import secrets
import wave
from pathlib import Path

import structlog
import trio
from attrs import define, field, frozen

from h2b.audio.files import AudioFileError, read_audio
from h2b.model.errors import H2BError
from h2b.model.formats import FRAME_SAMPLES, SAMPLE_RATE

_log = structlog.get_logger("h2b.server.waveforms")

SAMPLE_BYTES = 2
MAXIMUM_BYTES = 300 * SAMPLE_RATE * SAMPLE_BYTES
"""Five minutes of one recognition; what comes later is not kept."""
SILENT_FRAME = bytes(FRAME_SAMPLES * SAMPLE_BYTES)
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.wav")
WRITING = trio.CapacityLimiter(4)
"""Files that are written or read at once."""


class NoWaveform(H2BError):
    """No such recording, or none that may be had."""


@define
class Tape:
    """The sound of one recognition, 16-bit linear at 8 kHz."""

    _sound: bytearray = field(factory=bytearray)

    def add(self, sound: bytes) -> None:
        """More of it; empty for 20 ms of silence."""
        if len(self._sound) < MAXIMUM_BYTES:
            self._sound += sound or SILENT_FRAME

    @property
    def sound(self) -> bytes:
        return bytes(self._sound)


@frozen
class Waveforms:
    """A folder for sound, and the URL it is served at by others."""

    folder: Path
    url: str

    async def keep(self, sound: bytes) -> str:
        """Write a file; gives the value of Waveform-URI, empty when that failed."""
        # The address is all that protects the file from others who may read the folder.
        name = f"{secrets.token_hex(16)}.wav"
        try:
            size = await trio.to_thread.run_sync(self._write, name, sound, limiter=WRITING)
        except OSError as error:
            _log.error("waveform_not_written", folder=str(self.folder), error=str(error))
            return ""
        duration_ms = len(sound) * 1000 // (SAMPLE_BYTES * SAMPLE_RATE)
        return f"<{self.url.rstrip('/')}/{name}>;size={size};duration={duration_ms}"

    async def load(self, uri: str) -> bytes:
        """The sound of a file in the folder, by the address it was given or its file: URL. Raises NoWaveform."""
        plain = uri.strip().partition(";")[0].strip().strip("<>")
        bases = (f"{self.url.rstrip('/')}/", f"{self.folder.resolve().as_uri()}/")
        name = next((plain.removeprefix(base) for base in bases if plain.startswith(base)), "")
        if not NAME.fullmatch(name):
            raise NoWaveform(f"Input-Waveform-URI: got '{plain[:200]}', expected a file below {bases[0]}")
        try:
            samples = await trio.to_thread.run_sync(read_audio, self.folder / name, limiter=WRITING)
        except AudioFileError as error:
            raise NoWaveform(f"Input-Waveform-URI: {name} cannot be read") from error
        sound: bytes = samples.astype("<i2").tobytes()[:MAXIMUM_BYTES]
        return sound

    def _write(self, name: str, sound: bytes) -> int:
        unfinished = self.folder / f".{name}"
        with unfinished.open("wb") as octets, wave.open(octets, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(SAMPLE_BYTES)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(sound)
        unfinished.rename(self.folder / name)
        return (self.folder / name).stat().st_size
