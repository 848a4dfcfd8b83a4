"""Scripts that put a recording to one recogniser each, for `h2b bench compare`.

Each runs in a process and an environment of its own, started by `answering.py`, and knows its recogniser alone. Only
`h2b_peer` may import h2b.
"""
