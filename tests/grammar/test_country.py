"""Countries: every name of CLDR and of the tables means its country, and hardly any other words do."""

import pytest
from babel import Locale

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.kinds.country import alpha3_codes
from h2b.language import LANGUAGES, Language, fold_accents, normalise
from h2b.language.countries import countries
from h2b.model.errors import GrammarDefinitionError, InvalidParameter
from tests.grammar.saying import acceptor_of, found, values, writes

each_language = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)


@each_language
def test_every_name_of_cldr_is_found_and_may_be_written(spoken: Language) -> None:
    acceptor = acceptor_of("country", spoken.code, {})
    names = {code: Locale(spoken.code).territories[code] for code in alpha3_codes()}
    assert [code for code, name in names.items() if values("country", spoken.code, name)[:1] != [code]] == []
    assert [name for name in names.values() if not writes(acceptor, normalise(name))] == []


@each_language
def test_every_name_of_the_tables_is_found_and_may_be_written(spoken: Language) -> None:
    acceptor = acceptor_of("country", spoken.code, {})
    for code, names in countries(spoken).aliases.items():
        assert [name for name in names if code not in values("country", spoken.code, name)] == []
        assert [name for name in names if not writes(acceptor, name)] == []


@each_language
def test_the_tables_are_in_normal_form_and_name_countries(spoken: Language) -> None:
    table = countries(spoken)
    assert set(table.aliases) <= set(alpha3_codes())
    names = {name for group in table.aliases.values() for name in group}
    assert [name for name in names if normalise(name) != name] == []


SAID = {
    ("en", "I'm from the United States"): ["US"],
    ("en", "the states please"): ["US"],
    ("en", "wales"): ["GB"],
    ("en", "papua new guinea"): ["PG"],
    ("en", "from france to spain"): ["FR", "ES"],
    ("en", "congo"): ["CD", "CG"],
    ("en", "saint lucia"): ["LC"],
    ("en", "switserland"): ["CH"],
    ("en", "i live in germeny i think"): ["DE"],
    ("en", "us"): ["US"],
    ("en", "ger many"): ["DE"],
    ("en", "turn key"): [],
    ("en", "oh man"): [],
    ("en", "tell us about it"): [],
    ("en", "where should i go to"): [],
    ("en", ""): [],
    ("fr", "je viens de l'Espagne"): ["ES"],
    ("fr", "d'Italie"): ["IT"],
    ("fr", "la Côte d'Ivoire"): ["CI"],
    ("fr", "la Corée du Nord"): ["KP"],
    ("fr", "la Réunion"): ["RE"],
    ("fr", "j'ai une réunion demain"): [],
    ("fr", "m comme maurice"): [],
    ("es", "los Países Bajos"): ["NL"],
    ("es", "Inglaterra"): ["GB"],
    ("es", "buenos días"): [],
    ("de", "ich komme aus der Türkei"): ["TR"],
    ("de", "oesterreich"): ["AT"],
    ("de", "guten Tag"): [],
}


@pytest.mark.parametrize(("code", "said"), SAID)
def test_the_country_that_was_said(code: str, said: str) -> None:
    assert values("country", code, said) == SAID[code, said]


def test_a_name_almost_said_deserves_less_and_so_does_a_second_meaning() -> None:
    assert found("country", "en", "switzerland")[0].quality == 1.0
    assert 0.78 <= found("country", "en", "switserland")[0].quality < 1.0
    assert [match.quality for match in found("country", "en", "congo")] == [1.0, 0.5]


def test_the_form_of_the_value_is_the_clients_choice() -> None:
    assert values("country", "de", "frankreich", form="alpha3") == ["FRA"]
    assert values("country", "de", "frankreich", form="name") == ["Frankreich"]
    assert values("country", "es", "francia", form="alpha2") == ["FR"]


def test_another_form_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"expected one of alpha2, alpha3, name"):
        KINDS["country"].check({"form": "numeric"})
    with pytest.raises(GrammarDefinitionError, match=r"expected one of alpha2, alpha3, name"):
        load_catalogue().activate("builtin:speech/country?form=numeric", "en")


def test_codes_are_those_of_iso_3166() -> None:
    codes = alpha3_codes()
    known = {"FR": "FRA", "DE": "DEU", "RO": "ROU", "CD": "COD", "ME": "MNE", "SS": "SSD", "YE": "YEM", "TL": "TLS"}
    assert {code: codes[code] for code in known} == known
    assert len(codes) == len(set(codes.values())) == 246
    assert not {"EU", "UN", "ZZ", "AC", "IC"} & set(codes)


def test_a_decoder_may_write_an_article_but_nothing_else() -> None:
    acceptor = acceptor_of("country", "fr", {})
    assert writes(acceptor, "la france")
    assert writes(acceptor, "l'espagne")
    assert [text for text in ("franc", "la", "france espagne", "bonjour") if writes(acceptor, text)] == []


@each_language
def test_what_a_decoder_writes_is_found(spoken: Language) -> None:
    """The article of a bare answer does not hide the name."""
    article = countries(spoken).articles[0]
    name = normalise(Locale(spoken.code).territories["PT"])
    assert values("country", spoken.code, f"{article} {name}") == ["PT"]
    assert values("country", spoken.code, fold_accents(name)) == ["PT"]
