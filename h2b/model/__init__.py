"""The words the whole server shares: frozen records of commands, events, parameters, causes and results.

Owns meaning. Must not know any wire spelling, any clock, any I/O: the other packages import it, it imports none.
"""
