"""SRGS 1.0 grammars: `xml` loads them, `model` is what they become, `matcher` matches words, `conformance` judges."""
