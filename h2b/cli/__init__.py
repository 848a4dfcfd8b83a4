"""The command `h2b`: thin verbs over the packages below, each one reads options, calls, and shows.

Owns what a person sees on a terminal: help, tables, one-line errors, exit codes, the SVG timeline. Decides nothing
about speech, grammars or sessions.
"""
