"""Grammar URIs: values arrive raw and come out as they went in; everything wrong is the client's error."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2b.grammar.uri import MAXIMUM_URI, GrammarURI, parse_uri
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, GrammarDefinitionError, NoSuchGrammar

QUERIES = {
    "": (),
    "length=4": (("length", "4"),),
    "minlength=3&maxlength=5": (("minlength", "3"), ("maxlength", "5")),
    "minlength=3;maxlength=5": (("minlength", "3"), ("maxlength", "5")),
    "a=1;b=2&c=3": (("a", "1"), ("b", "2"), ("c", "3")),
    "x=1&x=2": (("x", "1"), ("x", "2")),
    "x=": (("x", ""),),
    "x=&y=": (("x", ""), ("y", "")),
    "x=a=b": (("x", "a=b"),),
    "x-y.z_1=a": (("x-y.z_1", "a"),),
    "regex=[a-z]{2}[0-9]{3,5}": (("regex", "[a-z]{2}[0-9]{3,5}"),),
    "regex=(ab|cd)+#\\d?": (("regex", "(ab|cd)+#\\d?"),),
    "regex=^[A-Z]{2}\\d{3}$&length=5": (("regex", "^[A-Z]{2}\\d{3}$"), ("length", "5")),
    "regex=[&;]x&length=3": (("regex", "[&;]x"), ("length", "3")),
    "regex=a&&;length=3": (("regex", "a&&"), ("length", "3")),
    "regex=a;b;length=3;": (("regex", "a;b"), ("length", "3;")),
    "regex=%2B+ ": (("regex", "%2B+ "),),
    "regex=a?b?": (("regex", "a?b?"),),
    "alternatives=oui|arrêt|allo\\-media|straße": (("alternatives", "oui|arrêt|allo\\-media|straße"),),
    "alternatives=R & B|rock;pop": (("alternatives", "R & B|rock;pop"),),
    "alternatives=a:b/c#d": (("alternatives", "a:b/c#d"),),
}


@pytest.mark.parametrize(("query", "parameters"), QUERIES.items())
def test_values_of_a_query_come_out_as_they_went_in(query: str, parameters: tuple[tuple[str, str], ...]) -> None:
    parsed = parse_uri(f"builtin:speech/spelling/mixed?{query}")
    assert parsed == GrammarURI("builtin", "speech/spelling/mixed", parameters)
    assert parsed.without_query == "builtin:speech/spelling/mixed"


@pytest.mark.parametrize("alias", ["city", "MyAlias", "ville-d'été", "a/b", "a:b", "a&b=c", "#1", "émoi"])
def test_an_alias_is_any_word(alias: str) -> None:
    assert parse_uri(f"session:{alias}") == GrammarURI("session", alias)


@pytest.mark.parametrize(
    "uri",
    ["", "digits", "speech/boolean", "http://x/y.grxml", "Builtin:speech/boolean", " builtin:a", "SESSION:a", ":a"],
)
def test_another_scheme_names_no_grammar(uri: str) -> None:
    with pytest.raises(NoSuchGrammar) as caught:
        parse_uri(uri)
    assert caught.value.reason == f"unknown grammar '{uri}'"
    assert caught.value.cause is CompletionCause.GRAMMAR_LOAD_FAILURE


BAD = {
    "builtin:": "got the path '', expected letters, digits, / - _ .",
    "builtin:?length=4": "got the path '', expected letters, digits, / - _ .",
    "builtin:a b": "got the path 'a b', expected letters, digits, / - _ .",
    "builtin:é": "got the path 'é', expected letters, digits, / - _ .",
    "builtin:a#b": "got the path 'a#b', expected letters, digits, / - _ .",
    "builtin:a;length=4": "got the path 'a;length=4', expected letters, digits, / - _ .",
    "session:": "got the alias '', expected 1 to 200 characters, no blanks",
    "session:a b": "got the alias 'a b', expected 1 to 200 characters, no blanks",
    "session:a?x=1": "an alias takes no query: give the parameters in DEFINE-GRAMMAR",
    "session:a?": "an alias takes no query: give the parameters in DEFINE-GRAMMAR",
    "builtin:a?length": "got the query 'length', expected name=value",
    "builtin:a?=4": "got the query '=4', expected name=value",
    "builtin:a?4=length": "got the query '4=length', expected name=value",
    "builtin:a? length=4": "got the query ' length=4', expected name=value",
    "builtin:a??length=4": "got the query '?length=4', expected name=value",
    "builtin:a?x&length=4": "got the query 'x&length=4', expected name=value",
    f"builtin:a?{'x' * 90}": f"got the query '{'x' * 78}…, expected name=value",
}


@pytest.mark.parametrize(("uri", "why"), BAD.items())
def test_a_uri_that_is_not_well_formed_is_refused_with_what_was_expected(uri: str, why: str) -> None:
    with pytest.raises(GrammarDefinitionError) as caught:
        parse_uri(uri)
    assert caught.value.reason == f"grammar '{uri}': {why}"
    assert caught.value.cause is CompletionCause.GRAMMAR_DEFINITION_FAILURE


def test_the_longest_uri_is_taken_and_one_character_more_refused() -> None:
    longest = "builtin:a?x=".ljust(MAXIMUM_URI, "y")
    assert parse_uri(longest).query == (("x", "y" * (MAXIMUM_URI - 12)),)
    with pytest.raises(GrammarDefinitionError) as caught:
        parse_uri(longest + "y")
    assert caught.value.reason == f"grammar '{longest[:40]}…': 4097 characters, expected at most 4096"


@given(st.sampled_from(["", "builtin:", "builtin:a", "builtin:a?", "builtin:a?x=1", "session:"]), st.text(max_size=60))
@example("builtin:a?x=", "\x00\ud7ff\n&=;")
def test_nothing_but_a_client_error_leaves_the_parser(prefix: str, text: str) -> None:
    try:
        parsed = parse_uri(prefix + text)
    except ClientError as error:
        assert error.reason
    else:
        assert parsed.scheme in ("builtin", "session")


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,15}", fullmatch=True)
LOOKS_LIKE_A_PARAMETER = re.compile(r"[&;][A-Za-z_][A-Za-z0-9_.-]*=")
plain_values = st.text(max_size=40).filter(lambda value: not LOOKS_LIKE_A_PARAMETER.search(value))
builtin_uris = st.builds(
    GrammarURI,
    st.just("builtin"),
    st.from_regex(r"[A-Za-z0-9_./-]{1,40}", fullmatch=True),
    st.lists(st.tuples(names, plain_values), max_size=5).map(tuple),
)


@given(builtin_uris, st.sampled_from("&;"))
def test_a_uri_put_together_is_taken_apart_the_same(uri: GrammarURI, separator: str) -> None:
    query = separator.join(f"{name}={value}" for name, value in uri.query)
    assert parse_uri(f"{uri.without_query}?{query}" if query else uri.without_query) == uri
