"""From the bytes a client sends to what a listener notices: samples, frames, votes, starts and ends of speech.

Owns everything that happens to sound before an engine hears it. Arrays in, arrays or events out: no clock, no socket,
and except for `files` no disk. Must not know requests, recognition modes, timers or grammars: those belong to
`h2b.protocol`, which reads the endpointer's events. Inside, sound is 8 kHz mono int16 and a position is a sample
index counted from the first sample of the call.
"""
