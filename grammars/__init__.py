"""The grammars that ship with h2b: declarations with examples, loaded by `h2b.grammar.catalogue`."""
