"""Listens to a recorded caller for a code of four digits. Takes the server's URL and a WAV file."""

import sys
import threading
import time
import wave

import websocket
from uhlive.stream.recognition import Opened, RecognitionComplete, RecognitionInProgress, Recognizer

url, recording = sys.argv[1:]
client, socket = Recognizer(), websocket.create_connection(url)


def ask(command: str, answer: type) -> None:
    socket.send(command)
    assert isinstance(event := client.receive(socket.recv()), answer), event


def speak() -> None:
    with wave.open(recording) as call:  # 8 kHz, 16 bits, mono
        while chunk := call.readframes(480):
            socket.send_binary(client.send_audio_chunk(chunk))
            time.sleep(0.06)


ask(client.open(), Opened)
ask(client.recognize("builtin:speech/spelling/digits?length=4", speech_language="en"), RecognitionInProgress)
threading.Thread(target=speak, daemon=True).start()
while not isinstance(event := client.receive(socket.recv()), RecognitionComplete):
    print("the caller speaks: a bot stops its prompt now")
print(event.completion_cause.value, event.body.nlu)
