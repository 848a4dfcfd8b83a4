"""Who may use the server: clients and their secrets, tokens, and the keys that sign them.

Knows no sockets, no sessions and no trio: every call blocks and is made in a thread.
"""
