"""A voicebot as the SDK's documentation writes one: a token, a connection, a recognition."""

import sys

import requests
import websocket as ws
from sound import UTTERANCE, silence
from uhlive.auth import build_authentication_request
from uhlive.stream.recognition import (
    Closed,
    Opened,
    RecognitionComplete,
    RecognitionInProgress,
    Recognizer,
    StartOfInput,
    build_connection_request,
)

_, client_id, client_secret, *user = sys.argv

auth_url, auth_params = build_authentication_request(client_id, client_secret, *user)
login = requests.post(auth_url, data=auth_params, timeout=10)
login.raise_for_status()
token = login.json()["access_token"]

url, headers = build_connection_request(token)
socket = ws.create_connection(url, header=headers, timeout=10)
bot = Recognizer()


def expect(kind: type) -> object:
    event = bot.receive(socket.recv())
    assert isinstance(event, kind), event
    return event


socket.send(bot.open("customer-1"))
expect(Opened)
socket.send(bot.recognize("builtin:speech/boolean", speech_language="en", speech_complete_timeout=300))
expect(RecognitionInProgress)
socket.send_binary(bot.send_audio_chunk(UTTERANCE + silence(0.5)))
expect(StartOfInput)
print(expect(RecognitionComplete).body.nlu.value)
socket.send(bot.close())
expect(Closed)
socket.close()
