"""Grammar URIs of clients: whatever they ask of a grammar, it is asked, or refused with a reason."""

from hypothesis import given
from hypothesis import strategies as st

from h2b.grammar.catalogue import load_catalogue
from tests.fuzz.damage import cases, read_or_refused

REGISTRY = load_catalogue()
PATHS = sorted({name for preset in REGISTRY.presets.values() for name in preset.names})
PARAMETERS = sorted({name for preset in REGISTRY.presets.values() for name in preset.parameters})
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["[0-9]{4}", "a{1000}", "(a|b)*", "é", "%", "%zz", "%C3%A9", "9" * 400, "1e999", "", "|", "a|b"]),
)
QUERIES = st.lists(st.tuples(st.sampled_from([*PARAMETERS, "x"]), VALUES), max_size=4)
URIS = st.one_of(
    st.text(max_size=60),
    st.builds(
        lambda scheme, path, query: f"{scheme}{path}?{'&'.join(f'{name}={value}' for name, value in query)}",
        st.sampled_from(["builtin:", "session:", "BUILTIN:", "http://x/", ""]),
        st.one_of(st.sampled_from(PATHS), st.text(max_size=20)),
        QUERIES,
    ),
)


@cases()
@given(st.lists(URIS, min_size=1, max_size=3), st.sampled_from(["en", "fr", "es", "de", "en-US", "xx", ""]))
def test_grammars_of_any_uri(uris: list[str], language: str) -> None:
    read_or_refused(lambda: REGISTRY.activate_all(uris, language))
