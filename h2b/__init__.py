"""h2b: a speech recognition server for phone voicebots.

One core (`h2b.protocol`) decides; wires (`h2b.wire`, `h2b.server`) translate; engines (`h2b.asr`) listen;
grammars (`h2b.grammar`) understand. `docs/discussion/architecture.md` draws the way of the data.
"""

__version__ = "0.1.0"
