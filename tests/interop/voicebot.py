"""A voicebot as the vendor writes them: the unchanged SDK, a socket, and a thread that never stops streaming."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import websocket
from uhlive.stream.recognition import Event, Recognizer

from h2b.audio.framing import encode_samples
from h2b.model.formats import SAMPLE_RATE, AudioFormat

CHUNK_SECONDS = 0.06
RECEIVE_TIMEOUT_S = 40


class Voicebot:
    """One connection. `say` queues audio behind what is still to be streamed; between words the line is quiet."""

    def __init__(self, url: str) -> None:
        self.socket = websocket.create_connection(url, timeout=RECEIVE_TIMEOUT_S)
        self.sdk = Recognizer()
        self._speech = np.zeros(0, np.int16)
        self._format = AudioFormat.LINEAR
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._streamer = threading.Thread(target=self._stream, daemon=True)

    def open(self, audio_format: AudioFormat = AudioFormat.LINEAR) -> Event:
        answer = self.ask(self.sdk.open("acme", channel_id="interop", session_id="s-1", audio_codec=audio_format.value))
        self._format = audio_format
        if not self._streamer.is_alive():
            self._streamer.start()
        return answer

    def ask(self, frame: str) -> Event:
        """Send a command the SDK built; the very next frame answers it."""
        self.socket.send(frame)
        return self.next_event()

    def next_event(self) -> Event:
        return self.sdk.receive(self.socket.recv())

    def say(self, samples: np.ndarray) -> None:
        with self._lock:
            self._speech = np.concatenate([self._speech, samples])

    def hush(self) -> None:
        """Forget what was still to be said."""
        with self._lock:
            self._speech = np.zeros(0, np.int16)

    def hang_up(self) -> None:
        self._over.set()
        if self._streamer.is_alive():
            self._streamer.join()
        self.socket.close()

    def _stream(self) -> None:
        """60 ms of audio every 60 ms, whatever the server does."""
        step = round(CHUNK_SECONDS * SAMPLE_RATE)
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            with self._lock:
                chunk, self._speech = self._speech[:step], self._speech[step:]
            chunk = np.concatenate([chunk, np.zeros(step - len(chunk), np.int16)])
            try:
                self.socket.send_binary(encode_samples(chunk, self._format))
            except (websocket.WebSocketException, OSError):
                return
            due += CHUNK_SECONDS


@contextmanager
def voicebot(url: str) -> Iterator[Voicebot]:
    bot = Voicebot(url)
    try:
        yield bot
    finally:
        bot.hang_up()
