"""SRGS 1.0 grammars: `loader` reads XML and ABNF, `model` is what they become, `matcher` matches words and keys."""
