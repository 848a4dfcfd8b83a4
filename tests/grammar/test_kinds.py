"""Yes and no, keywords, free speech, spelling: what each kind finds, and which arguments it refuses."""

from typing import Any

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.keywords import MAXIMUM_ALTERNATIVES, MAXIMUM_WORDS, split_alternatives
from h2b.language import LANGUAGES, Language, language, normalise
from h2b.model.errors import ClientError, GrammarDefinitionError, InvalidParameter
from tests.grammar.saying import acceptor_of, found, values, writes

REGISTRY = load_catalogue()
each_language = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)


# Boolean


@each_language
def test_every_form_of_yes_and_no_means_what_it_says_and_may_be_written(spoken: Language) -> None:
    acceptor = acceptor_of("boolean", spoken.code, {})
    for phrases, meaning in ((spoken.yes, True), (spoken.no, False)):
        wrong = [phrase for phrase in phrases if values("boolean", spoken.code, phrase) != [meaning]]
        assert wrong == []
        assert [phrase for phrase in phrases if not writes(acceptor, phrase)] == []


BOOLEANS = {
    ("en", "yes, er, I mean no"): [False],
    ("en", "no... well, yes"): [True],
    ("en", "that's not correct"): [False],
    ("en", "maybe"): [],
    ("en", "yesterday"): [],
    ("en", ""): [],
    ("fr", "non euh si, oui"): [True],
    ("fr", "oui, enfin non"): [False],
    ("fr", "pas d'accord"): [False],
    ("fr", "peut-être"): [],
    ("es", "no no, sí"): [True],
    ("es", "sí, digo no"): [False],
    ("es", "quizás"): [],
    ("de", "nein, ja"): [True],
    ("de", "ja, nein, nicht richtig"): [False],
    ("de", "vielleicht"): [],
}


@pytest.mark.parametrize(("code", "said"), BOOLEANS)
def test_the_last_clear_answer_counts(code: str, said: str) -> None:
    assert values("boolean", code, said) == BOOLEANS[code, said]


def test_a_decoder_may_write_an_answer_up_to_three_times_but_not_its_opposite_beside_it() -> None:
    acceptor = acceptor_of("boolean", "en", {})
    assert [text for text in ("yes", "nope nope", "okay yes sure") if not writes(acceptor, text)] == []
    assert [text for text in ("yes nope", "okay okay okay okay", "maybe", "yesyes") if writes(acceptor, text)] == []


# Keywords

KEYWORDS = (
    # alternatives, said, values
    ("agent|billing", "I want the billing agent", ["billing", "agent"]),
    ("agent|billing", "agent agent", ["agent"]),
    ("york|new york", "to new york please", ["new york", "york"]),
    ("billing|billing department", "the billing department", ["billing department", "billing"]),
    ("Arrêt|Marche", "arret", ["Arrêt"]),
    ("Arrêt|Marche", "MARCHÉ", ["Marche"]),
    ("2|room 12", "room twelve", ["room 12"]),
    ("two", "2", ["two"]),
    ("allo\\-media|fax", "allo media", ["allo-media"]),
    ("a\\|b|c", "a b", ["a|b"]),
    ("a\\\\b", "a b", ["a\\b"]),
    ("R&B|rock \\& roll", "rock roll", ["rock & roll"]),
    ("straße", "strasse", ["straße"]),
    (" tea || coffee |", "coffee", ["coffee"]),
    ("agent|billing", "biling", ["billing"]),
    ("agent|billing", "a gent", ["agent"]),
    ("new york", "newyork", ["new york"]),
    ("agent|billing", "bill", []),
    ("agent|billing", "something else", []),
    ("no", "now", []),
    ("agent", "", []),
    ("5%|5", "five percent", ["5%", "5"]),
    ("2|two", "two", ["2"]),
    ("agent|agent", "agent", ["agent"]),
)


@pytest.mark.parametrize(("alternatives", "said", "expected"), KEYWORDS)
def test_the_value_is_the_alternative_as_declared(alternatives: str, said: str, expected: list[str]) -> None:
    assert values("keywords", "en", said, alternatives=alternatives) == expected


def test_words_said_exactly_are_sure_and_near_ones_as_sure_as_they_are_like() -> None:
    assert [match.quality for match in found("keywords", "en", "billing", alternatives="billing|biling")] == [1.0]
    (near,) = found("keywords", "en", "biling", alternatives="agent|billing")
    assert near.quality == pytest.approx(6 / 7)
    first, second = found("keywords", "en", "filling", alternatives="billing|falling")
    assert (first.value, second.value) == ("billing", "falling")
    assert first.quality == second.quality == pytest.approx(6 / 7)


PARTS_OF_NUMBERS = (
    # language, alternatives, said, values
    ("en", "one|two", "twenty two", []),
    ("en", "one|two", "22", []),
    ("en", "one|two", "two hundred", []),
    ("en", "one|two", "two point five", []),
    ("en", "room two|room 12", "room two hundred", []),
    ("en", "first|second", "the twenty second", []),
    ("en", "two|twenty two", "twenty two", ["twenty two"]),
    ("en", "one|two", "number two please", ["two"]),
    ("en", "one|two", "one or two", ["one", "two"]),
    ("en", "one|two", "one two", ["one", "two"]),
    ("en", "24/7|agent", "twenty four seven", ["24/7"]),
    ("en", "first|second", "the second one", ["second"]),
    ("fr", "deux|quatre", "quatre-vingt-deux", []),
    ("fr", "un|deux", "cent un", []),
    ("fr", "un|deux", "le deux", ["deux"]),
    ("fr", "un agent|une carte", "un agent", ["un agent"]),
    ("es", "dos|treinta", "treinta y dos", []),
    ("es", "uno|dos", "la dos", ["dos"]),
    ("de", "zwei|zwanzig", "zwei und zwanzig", []),
    ("de", "fünf|zwölf", "fünf hundert", []),
    ("de", "fünf|zwölf", "zwölf bitte", ["zwölf"]),
)


@pytest.mark.parametrize(("code", "alternatives", "said", "expected"), PARTS_OF_NUMBERS)
def test_a_part_of_a_longer_number_is_no_keyword(code: str, alternatives: str, said: str, expected: list[str]) -> None:
    matches = found("keywords", code, said, alternatives=alternatives)
    assert [(match.value, match.quality) for match in matches] == [(value, 1.0) for value in expected]


@pytest.mark.parametrize(
    ("code", "said"), [("en", "two five"), ("en", "one twenty"), ("fr", "un cinq"), ("es", "dos ocho")]
)
def test_a_number_in_a_row_of_others_is_a_weak_keyword(code: str, said: str) -> None:
    alternatives = {"en": "one|two", "fr": "un|deux", "es": "uno|dos"}[code]
    (match,) = found("keywords", code, said, alternatives=alternatives)
    assert match.quality < 0.5


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("a|b c", ["a", "b c"]),
        ("a\\|b|\\\\", ["a|b", "\\"]),
        ("a\\", ["a"]),
        ("||", []),
        ("a|a", ["a", "a"]),
        ("\\-\\é", ["-é"]),
    ],
)
def test_a_bar_separates_and_a_backslash_takes_a_sign_literally(text: str, phrases: list[str]) -> None:
    assert split_alternatives(text) == phrases


def test_a_decoder_writes_alternatives_with_their_accents_and_numbers_in_words() -> None:
    acceptor = acceptor_of("keywords", "fr", {"alternatives": "arrêt|2 cafés|allo\\-media"})
    assert [text for text in ("arrêt", "deux cafés", "allo media") if not writes(acceptor, text)] == []
    assert [text for text in ("arret", "2 cafés", "arrêt arrêt", "deux") if writes(acceptor, text)] == []


def test_near_words_are_looked_for_in_the_beginning_of_long_speech_only() -> None:
    assert values("keywords", "en", "well " * (MAXIMUM_WORDS - 1) + "biling", alternatives="billing") == ["billing"]
    assert values("keywords", "en", "well " * MAXIMUM_WORDS + "biling", alternatives="billing") == []


# Free speech


@pytest.mark.parametrize(
    ("kind", "code", "said", "value"),
    [
        ("transcribe", "en", "I take 2 coffees", "i take two coffees"),
        ("transcribe", "fr", "rendez-vous à 14h30", "rendez vous à quatorze heures trente"),
        ("transcribe", "de", "22 Straßen", "zweiundzwanzig straßen"),
        ("text2num", "en", "twenty two coffees", "22 coffees"),
        ("text2num", "fr", "quatre-vingt-dix-sept cafés", "97 cafés"),
        ("text2num", "es", "treinta y dos", "32"),
        ("text2num", "de", "einundzwanzig Kaffee", "21 kaffee"),
    ],
)
def test_free_speech_is_its_own_value(kind: str, code: str, said: str, value: str) -> None:
    words = said.lower() if "14h" in said else normalise(said)
    matches = KINDS[kind].find(words.replace("-", " ").split(), {}, language(code))
    assert [(match.value, match.quality, match.complete) for match in matches] == [(value, 1.0, True)]


@pytest.mark.parametrize("kind", ["transcribe", "text2num"])
def test_free_speech_matches_any_words_but_none(kind: str) -> None:
    assert KINDS[kind].find([], {}, language("en")) == []
    assert KINDS[kind].acceptor({}, language("en")) is None
    KINDS[kind].check({"anything": "goes"})


# Spelling


@pytest.mark.parametrize(
    ("code", "said", "arguments", "complete", "partial"),
    [
        ("en", "one two", {"length": 4}, [], ["12"]),
        ("en", "one two", {"minlength": 2}, ["12"], []),
        ("en", "one two three", {"maxlength": 2}, [], []),
        ("en", "one two", {"minlength": 3, "maxlength": 5}, [], ["12"]),
        ("en", "one two", {"regex": "12[0-9]?"}, ["12"], []),
        ("en", "one two", {"regex": "1[0-9]{3}"}, [], ["12"]),
        ("en", "two two", {"regex": "1[0-9]{3}"}, [], []),
        ("en", "one two three", {"regex": "1[0-9]*", "length": 3}, ["123"], []),
        ("en", "one two three four", {"regex": "1[0-9]*", "length": 3}, [], []),
        ("en", "a b one", {"alphabet": "mixed", "regex": "[A-Z]{2}\\d{2}"}, [], ["ab1"]),
        ("en", "b dash five", {"alphabet": "mixed", "regex": "[a-z]\\-\\d"}, ["b-5"], []),
        ("en", "b five", {"alphabet": "mixed", "regex": "[a-z]\\-\\d"}, [], []),
        ("en", "b dot five", {"alphabet": "mixed", "regex": "[a-z]\\.\\d"}, ["b.5"], []),
        ("en", "a b at c d", {"alphabet": "letters", "regex": "[a-z]+@[a-z]+"}, ["ab@cd"], []),
        ("fr", "a tiret deux", {"alphabet": "mixed", "regex": "[a-z]\\-\\d"}, ["a-2"], []),
        ("fr", "soixante", {"length": 4}, [], ["60"]),
        ("de", "eins zwei", {"length": 3}, [], ["12"]),
    ],
)
def test_length_and_regex_tell_complete_from_partial(
    code: str, said: str, arguments: dict[str, Any], complete: list[str], partial: list[str]
) -> None:
    matches = found("spelling", code, said, **{"alphabet": "digits", **arguments})
    assert [match.value for match in matches if match.complete][:1] == complete
    assert [match.value for match in matches if not match.complete][:1] == partial


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "alphabet: got None, expected one of digits, letters, mixed"),
        ({"alphabet": "runes"}, "alphabet: got 'runes', expected one of digits, letters, mixed"),
        (
            {"alphabet": "digits", "minlength": 5, "maxlength": 4},
            "maxlength: got 4, expected at least minlength, which is 5",
        ),
    ],
)
def test_arguments_that_contradict_one_another_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        KINDS["spelling"].check(arguments)
    assert caught.value.reason == text


# Through the URI, as clients meet them

NONE_SAYABLE = "nothing a caller can say matches it"
WORDS = f"expected 1 to {MAXIMUM_ALTERNATIVES} words or phrases separated by '|'"
MANY = "|".join(f"w{number}" for number in range(MAXIMUM_ALTERNATIVES + 1))
REFUSED = {
    "keywords": "alternatives is missing, expected text of 1 to 4000 characters",
    "keywords?alternatives=": "alternatives: got '', expected text of 1 to 4000 characters",
    "keywords?alternatives=||": f"alternatives is missing in the keywords grammar: {WORDS}",
    "keywords?alternatives=...|?!": f"alternatives is missing in the keywords grammar: {WORDS}",
    f"keywords?alternatives={MANY}": f"alternatives: got {MAXIMUM_ALTERNATIVES + 1}, {WORDS}",
    "keywords?alternatives=C++|C#": "alternatives: got 'C#', expected other words than those of 'C++'",
    "keywords?alternatives=agent|Agent": "alternatives: got 'Agent', expected other words than those of 'agent'",
    "keywords?alternatives=café|no|cafe": "alternatives: got 'cafe', expected other words than those of 'café'",
    "keywords?alternatives=5$|$5": "alternatives: got '$5', expected other words than those of '5$'",
    "keywords?alternatives=yes|?": "alternatives: got '?', expected words that can be said",
    "keywords?alternativs=a": "unknown parameter 'alternativs' (nearest: 'alternatives'), expected: alternatives",
    "boolean?x=1": "unknown parameter 'x', expected: none",
    "spelling/digits?length=0": "length: got '0', expected an integer from 1 to 64",
    "spelling/digits?length=65": "length: got '65', expected an integer from 1 to 64",
    f"spelling/digits?length={'9' * 400}": "length: got 400 characters, expected an integer from 1 to 64",
    f"spelling/digits?length={'9' * 4050}": "length: got 4050 characters, expected an integer from 1 to 64",
    f"number?min=1{'0' * 400}": "min: got 401 characters, expected a number",
    "number?min=1e400": "min: got '1e400', expected a number",
    "number?min=nan": "min: got 'nan', expected a number",
    f"time?earliest=-{'1' * 29}": f"earliest: got '-{'1' * 29}', expected an integer from 0 to 12",
    "spelling/digits?length=four": "length: got 'four', expected an integer from 1 to 64",
    "spelling/digits?length=4&length=4": "length is given twice",
    "spelling/digits?alphabet=mixed": "unknown parameter 'alphabet', expected: length, minlength, maxlength, regex",
    "spelling/digits?minlength=5&maxlength=4": "maxlength: got 4, expected at least minlength, which is 5",
    "spelling/digits?regex=(": "regex, position 2: got the end, expected ')'",
    f"spelling/digits?regex=1{{{'9' * 300}}}": "regex, position 2: got '{', expected {n}, {n,} or {n,m}",
    "spelling/digits?regex=[a-z]": NONE_SAYABLE,
    "spelling/digits?regex=12&length=3": NONE_SAYABLE,
    "spelling/digits?regex=1&minlength=2": NONE_SAYABLE,
    "spelling/digits?regex=12-3": NONE_SAYABLE,
    "spelling/mixed?regex=(a|b)*a(a|b){20}": "the regex needs more than 2000 states: simplify it or lower its counts",
}


@pytest.mark.parametrize(("body", "why"), REFUSED.items(), ids=[body[:40] for body in REFUSED])
def test_a_grammar_that_could_never_match_is_refused(body: str, why: str) -> None:
    uri = f"builtin:speech/{body}"
    with pytest.raises(GrammarDefinitionError) as caught:
        REGISTRY.activate(uri, "en")
    assert caught.value.reason == f"grammar '{uri}': {why}"


def test_the_most_alternatives_are_taken() -> None:
    REGISTRY.activate(f"builtin:speech/keywords?alternatives={MANY.rpartition('|')[0]}", "en")


@pytest.mark.parametrize(
    "query",
    ["", f"?length={'4':0>30}", "?length=4", "?minlength=2&maxlength=2", "?regex=[0-9]{4}-?", "?regex=\\d\\-\\d"],
)
def test_arguments_that_go_together_are_taken(query: str) -> None:
    REGISTRY.activate(f"builtin:speech/spelling/digits{query}", "en")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_answers_to_its_name(kind: str) -> None:
    assert KINDS[kind].name == kind
    assert issubclass(InvalidParameter, ClientError)
