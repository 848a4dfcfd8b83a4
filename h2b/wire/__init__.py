"""Translation between what travels on a socket and the commands and events of `h2b.model`.

`vocabulary` holds every spelling, `jsontext` reads JSON text without doubtful parts, `json` maps the messages of the
WebSocket. Pure functions of text: no state, no socket, no clock. Must not know sessions, grammars, audio or engines:
a command that reads well may still be refused by `h2b.protocol`.
"""
