"""Grammar URIs: values arrive raw, and everything wrong is the client's error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.uri import parse_uri
from h2b.model.errors import ClientError


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("builtin:speech/boolean", ()),
        ("builtin:speech/boolean?", ()),
        ("builtin:speech/spelling/digits?length=4", (("length", "4"),)),
        ("builtin:a?regex=[a-z]{2}+#\\d|é", (("regex", "[a-z]{2}+#\\d|é"),)),
        ("builtin:a?regex=[&;]x&length=3", (("regex", "[&;]x"), ("length", "3"))),
        ("builtin:grammar/digits?minlength=3;maxlength=5", (("minlength", "3"), ("maxlength", "5"))),
        ("builtin:a?alternatives=oui|arrêt|allo\\-media", (("alternatives", "oui|arrêt|allo\\-media"),)),
        ("builtin:a?x=1&x=2", (("x", "1"), ("x", "2"))),
        ("builtin:a?x=", (("x", ""),)),
        ("session:my-alias", ()),
    ],
)
def test_values_come_out_as_they_went_in(text: str, query: tuple[tuple[str, str], ...]) -> None:
    assert parse_uri(text).query == query


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("toto", "unknown grammar 'toto'"),
        ("http://x/y", "unknown grammar 'http://x/y'"),
        ("builtin:a?novalue", "grammar 'builtin:a?novalue': got the query 'novalue', expected name=value"),
        (
            "session:a?x=1",
            "grammar 'session:a?x=1': an alias takes no query: give the parameters in DEFINE-GRAMMAR",
        ),
        (
            "builtin:a b",
            "grammar 'builtin:a b': got the path 'a b', expected letters, digits, / - _ .",
        ),
    ],
)
def test_what_is_no_grammar_uri_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ClientError) as caught:
        parse_uri(text)
    assert caught.value.reason == reason


@given(st.text(max_size=80))
def test_nothing_but_a_client_error_leaves_the_parser(text: str) -> None:
    for prefix in ("", "builtin:a?", "session:", "builtin:"):
        try:
            parse_uri(prefix + text)
        except ClientError:
            continue
