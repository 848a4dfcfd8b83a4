"""The state machines: what a session and a recognition do with commands, audio and hypotheses.

No I/O, no clock, no engine: inputs and `now` come in, effects go out. Whoever owns sockets performs the effects.
"""
