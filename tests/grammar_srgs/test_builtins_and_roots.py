"""SRGS as a kind of grammar: what a builtin grammar inside it may cost, and what its rules share."""

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS, Found, srgs
from h2b.grammar.registry import Registry
from h2b.grammar.srgs.pack import Documents
from h2b.language import language
from h2b.model.errors import GrammarDefinitionError
from h2b.model.formats import GrammarFormat

REGISTRY = load_catalogue()
HEAD = "#ABNF 1.0;\nlanguage en;\nroot $r;\n"


def defined(rules: str) -> Registry:
    return REGISTRY.define("g", HEAD + rules, GrammarFormat.SRGS_ABNF)


def found(registry: Registry, said: str, uri: str = "session:g") -> list[Found]:
    active = registry.activate(uri, "en")
    return KINDS[active.kind].find(said.split(), active.arguments, language("en"))


def test_a_builtin_grammar_without_a_network_is_tried_on_some_parts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = defined("$r = $GARBAGE $<builtin:speech/name> please;")
    (match,) = found(registry, "well my name is john smith please")
    assert match.complete
    monkeypatch.setattr(srgs, "MAXIMUM_TRIES", 5)
    with pytest.raises(GrammarDefinitionError) as caught:
        found(registry, "well my name is john smith please")
    why = "'builtin:speech/name' was tried on more than 5 parts of what was said"
    assert caught.value.reason == f"grammar 'session:g': {why}"


def test_the_rules_of_a_grammar_are_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = defined("public $r = the rule $s;\npublic $s = of its own;")
    assert found(registry, "the rule of its own")[0].complete
    monkeypatch.setattr(Documents, "unpacked", None)
    assert found(registry, "of its own", "session:g#s")[0].complete
    assert not found(registry, "the rule of its own", "session:g#s")


def test_large_grammars_are_forgotten_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srgs, "MAXIMUM_COMPILED_PARTS", 100)
    kind = srgs.Srgs(KINDS.__getitem__)
    small, large = defined("public $r = yes;\npublic $s = no;"), defined(f"$r = {'yes ' * 90};")
    for registry, uri in ((small, "session:g"), (small, "session:g#s"), (large, "session:g")):
        kind.find(["yes"], registry.activate(uri, "en").arguments, language("en"))
    assert len(kind._compiled) == 3
    kind.find(["yes"], defined(f"$r = {'no ' * 90};").activate("session:g", "en").arguments, language("en"))
    assert len(kind._compiled) == 1


def test_an_utterance_longer_than_the_matcher_takes_is_told() -> None:
    registry = defined("$r = a<0->;")
    assert found(registry, "a " * srgs.MAXIMUM_WORDS)[0].complete
    assert not found(registry, "a " * (srgs.MAXIMUM_WORDS - 1) + "b")
    with pytest.raises(GrammarDefinitionError) as caught:
        found(registry, "a " * (srgs.MAXIMUM_WORDS + 1))
    assert caught.value.reason == f"grammar 'session:g': more than {srgs.MAXIMUM_WORDS} words were said"


def test_long_tokens_are_not_remembered() -> None:
    before = srgs._known_ways.cache_info().currsize
    assert found(defined(f"$r = {'a' * 101};"), "a" * 101)[0].complete
    assert srgs._known_ways.cache_info().currsize == before
