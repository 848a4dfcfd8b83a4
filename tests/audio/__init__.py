"""Tests of h2b.audio."""
