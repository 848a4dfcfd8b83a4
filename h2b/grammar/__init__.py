"""What may be said, and what it means.

`uri` reads grammar URIs, `catalogue` loads presets from grammars/, `definition` reads what clients send, `registry`
resolves URIs and aliases, `kinds` hold the rules of each type of answer, `spoken` and `shape` are the automata that
both the search for a value and the decoder use, `interpret` turns hypotheses into a verdict.
Pure: no I/O but the loading of presets. Must not know wires, audio, sessions or engines.
"""
