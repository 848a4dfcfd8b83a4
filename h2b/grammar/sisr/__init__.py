"""Semantic interpretation: tags of a parse as one script, run where it can be stopped (W3C SISR 1.0)."""
