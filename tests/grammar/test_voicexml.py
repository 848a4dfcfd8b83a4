"""The builtin grammars of VoiceXML 2.0, appendix P: names, parameters, formats of values, and keys."""

import json
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.voicexml import TYPES, format_value, interpret_keys, resolve
from h2b.language import normalise
from h2b.model.errors import GrammarDefinitionError, LanguageUnsupported, NoSuchGrammar
from h2b.model.formats import GrammarFormat
from h2b.model.results import Hypothesis, MatchClass, Value

REGISTRY = load_catalogue()
VECTORS = Path(__file__).parent.parent / "vectors" / "voicexml"
KINDS = {"complete": MatchClass.COMPLETE, "partial": MatchClass.PARTIAL, "none": MatchClass.NONE}


def rows(name: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in json.loads((VECTORS / name).read_text("utf-8"))]


def heard(uri: str, language: str, said: str, n_best: int = 1) -> Verdict:
    grammar = REGISTRY.activate(f"builtin:{uri}", language)
    return interpret([Hypothesis(transcript=normalise(said), confidence=1.0)], [grammar], n_best)


@pytest.mark.parametrize(("uri", "language", "said", "match", "value"), rows("spoken.json"))
def test_words_have_the_value_of_the_standard(
    uri: str, language: str, said: str, match: str, value: Value | None
) -> None:
    verdict = heard(uri, language, said)
    assert verdict.match is KINDS[match]
    found = verdict.alternatives[0].interpretation
    assert (found.value if found else None) == value
    assert found is None or found.type == f"builtin:{uri.partition('?')[0]}"


@pytest.mark.parametrize(("uri", "keys", "match", "value"), rows("typed.json"))
def test_keys_have_the_value_of_the_standard(uri: str, keys: str, match: str, value: Value | None) -> None:
    found = interpret_keys(keys, REGISTRY.activate(f"builtin:{uri}", "en"))
    assert (found.value if found else None) == value
    assert match == ("none" if found is None else "complete" if found.complete else "partial")


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("grammar/boolean?y=1;n=1", "n: got '1', expected another key than y"),
        ("dtmf/boolean?y=2", "n: got '2', expected another key than y"),
        ("dtmf/boolean?y=12", "y: got '12', expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, *, #"),
        ("dtmf/digits?minlength=5;maxlength=3", "maxlength: got 3, expected at least minlength, which is 5"),
        ("grammar/date?length=8", "unknown parameter 'length', expected: when, today"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(uri: str, complaint: str) -> None:
    with pytest.raises(GrammarDefinitionError) as refused:
        REGISTRY.activate(f"builtin:{uri}", "en")
    assert str(refused.value) == f"grammar 'builtin:{uri}': {complaint}"


@pytest.mark.parametrize("path", ["grammar/dates", "dtmf/none", "date", "speech/date", "grammar", "voice/date"])
def test_other_paths_are_not_of_the_standard(path: str) -> None:
    assert resolve(path) is None


def test_a_name_nobody_has_is_unknown() -> None:
    with pytest.raises(NoSuchGrammar):
        REGISTRY.activate("builtin:dtmf/iban", "en")


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_a_preset_of_its_kind(name: str) -> None:
    assert REGISTRY.presets[TYPES[name].preset].type == TYPES[name].kind


def test_an_ambiguous_time_is_one_alternative() -> None:
    assert len(heard("grammar/time", "en", "half past two", n_best=5).alternatives) == 1


def test_a_grammar_of_keys_hears_nothing() -> None:
    assert heard("dtmf/digits", "en", "one two").match is MatchClass.NONE


def test_an_alias_may_name_one() -> None:
    grammar = REGISTRY.define("pin", "builtin:grammar/digits?length=4").activate("session:pin", "en")
    assert (grammar.type, grammar.form) == ("builtin:grammar/digits", "voicexml")


@given(st.integers(-(10**9), 10**9) | st.floats(-(10**9), 10**9))
def test_a_number_is_written_without_exponent_and_leading_zeros(number: float) -> None:
    text = format_value("number", number)
    assert isinstance(text, str)
    assert float(text) == number
    assert set(text) <= set("-.0123456789")
    assert not text.lstrip("-").startswith("0") or text.lstrip("-").split(".")[0] == "0"


@given(st.text("0123456789*#", max_size=12), st.sampled_from(sorted(TYPES)))
def test_what_keys_mean_is_what_their_beginnings_may_become(keys: str, name: str) -> None:
    grammar = REGISTRY.activate(f"builtin:dtmf/{name}", "en")
    if interpret_keys(keys, grammar) is not None:
        for end in range(1, len(keys)):
            assert interpret_keys(keys[:end], grammar) is not None, keys[:end]


def test_keys_are_recognised_in_a_language_without_a_speech_model() -> None:
    without = evolve(REGISTRY, languages={"en": "", "fr": "install the multilingual models"})
    assert without.activate("builtin:dtmf/digits?length=4", "fr").form == "dtmf"
    keys = (
        '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="dtmf" xml:lang="fr" root="r">'
        '<rule id="r"><item>1</item></rule></grammar>'
    )
    named = without.define("menu", keys, GrammarFormat.SRGS_XML)
    assert named.activate("session:menu", "fr").language == "fr"
    with pytest.raises(LanguageUnsupported, match="install the multilingual models"):
        without.activate("builtin:grammar/digits", "fr")
    with pytest.raises(LanguageUnsupported, match="install the multilingual models"):
        without.define("menu", keys.replace("dtmf", "voice"), GrammarFormat.SRGS_XML)
