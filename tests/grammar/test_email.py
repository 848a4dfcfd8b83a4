"""E-mail addresses: every sign, spelling and provider that callers say, and nothing that is no address."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2b.grammar.kinds import KINDS
from h2b.language import LANGUAGES, Language, language, normalise
from h2b.language.emails import PROVIDERS, TOP_LEVEL, emails
from tests.grammar.saying import CODES, found, values

each_language = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)

SAID = {
    ("en", "john dot smith forty-two at gmail dot com"): "john.smith42@gmail.com",
    ("en", "my email address is john smith at hotmail dot co dot uk"): "johnsmith@hotmail.co.uk",
    ("en", "you can reach me at john at gmail dot com"): "john@gmail.com",
    ("en", "smith s m y t h at yahoo dot com thank you"): "smyth@yahoo.com",
    ("en", "m a double t one nine eight four at outlook dot com"): "matt1984@outlook.com",
    ("en", "mike four o two at g mail dot com"): "mike402@gmail.com",
    ("en", "jay smith at gmail dot com all lower case"): "jaysmith@gmail.com",
    ("en", "a b c at d e f dot o r g"): "abc@def.org",
    ("en", "john plus news at example dot museum"): "john+news@example.museum",
    ("en", "john at gmail com"): "john@gmail.com",
    ("en", "bob at b t internet dot com"): "bob@btinternet.com",
    ("en", "so that would be sarah underscore connor eighty-four at hotmail dot com"): "sarah_connor84@hotmail.com",
    ("en", "kate dot o'neill at i cloud dot com"): "kate.oneill@icloud.com",
    ("en", "two cool four school at yahoo dot com dot au"): "2cool4school@yahoo.com.au",
    ("fr", "l'adresse c'est g e r a r d point b arobase l'atelier point com"): "gerard.b@latelier.com",
    ("es", "a punto m punto sánchez arroba mi empresa punto com punto mx"): "a.m.sanchez@miempresa.com.mx",
    ("de", "jürgen unterstrich weiß zweiundachtzig at googlemail punkt com"): "juergen_weiss82@googlemail.com",
    ("fr", "c'est marie tiret du six claire arobase free point f r"): "marie-claire@free.fr",
    ("fr", "j dupont soixante-quinze arobase gmail point comme"): "jdupont75@gmail.com",
    ("fr", "pierre tiret du huit paul arobase neuf point fr s'il vous plaît"): "pierre_paul@neuf.fr",
    ("fr", "b comme bernard dupont arobase hotmail point com"): "bdupont@hotmail.com",
    ("fr", "jean arobase mairie tiret paris point fr"): "jean@mairie-paris.fr",
    ("es", "ana guion bajo lópez veintidós arroba hotmail punto es todo junto"): "ana_lopez22@hotmail.es",
    ("es", "te de toledo o eme arroba terra punto es"): "tom@terra.es",
    ("es", "juan arroba gmail punto con"): "juan@gmail.com",
    ("de", "meine E-Mail-Adresse ist hans unterstrich meier klammeraffe web de"): "hans_meier@web.de",
    ("de", "h m ü l l e r at t online punkt de"): "hmueller@t-online.de",
    ("de", "info at firma punkt at"): "info@firma.at",
}


@pytest.mark.parametrize(("code", "said"), SAID)
def test_an_address_comes_out_as_it_is_written(code: str, said: str) -> None:
    assert values("email", code, said) == [SAID[code, said]]


PARTIAL = {
    ("en", "john at gmail"): "john@gmail",
    ("en", "john dot smith at"): "john.smith@",
    ("en", "john dot smith"): "john.smith",
    ("en", "john at gmail dot"): "john@gmail.",
    ("fr", "jean arobase wanadoo"): "jean@wanadoo",
    ("es", "maría arroba"): "maria@",
    ("de", "hans at gmx"): "hans@gmx",
}


@pytest.mark.parametrize(("code", "said"), PARTIAL)
def test_an_address_without_its_end_is_partial(code: str, said: str) -> None:
    assert [(match.value, match.complete) for match in found("email", code, said)] == [(PARTIAL[code, said], False)]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", ""),
        ("en", "at"),
        ("en", "I live at home"),
        ("en", "I'll be there at five"),
        ("en", "three point five"),
        ("en", "press one at the tone"),
        ("en", "dot com"),
        ("fr", "un point c'est tout"),
        ("fr", "je suis chez moi"),
        ("es", "no lo sé"),
        ("de", "das ist der Punkt"),
    ],
)
def test_other_words_are_no_address(code: str, said: str) -> None:
    assert found("email", code, said) == []


def test_the_surer_an_address_the_better() -> None:
    said = ("john at gmail dot com", "john at acme dot com", "john at acme dot museum", "john smith gmail com")
    qualities = [found("email", "en", words)[0].quality for words in said]
    assert qualities == sorted(qualities, reverse=True)
    assert len(set(qualities)) == 4


def test_the_signs_of_a_written_address_that_a_transcript_lost_were_dots() -> None:
    assert values("email", "en", "my email is john.smith@gmail.com") == ["john.smith@gmail.com"]
    assert values("email", "en", "john smith at gmail.com") == ["johnsmith@gmail.com"]
    assert values("email", "en", "john at yahoo.co.uk") == ["john@yahoo.co.uk"]
    assert values("email", "en", "kate at acmeconsulting.com") == ["kate@acmeconsulting.com"]
    assert values("email", "en", "look at me") == []


DOT_ATOM = re.compile(r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}")

letters = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=6)


@settings(max_examples=60, deadline=None)
@given(code=st.sampled_from(CODES), parts=st.lists(letters, min_size=1, max_size=3), host=letters)
def test_an_address_spelled_letter_by_letter_is_itself(code: str, parts: list[str], host: str) -> None:
    dot = language(code).symbols["."][0]
    local = f" {dot} ".join(" ".join(part) for part in parts)
    said = f"{local} {emails(language(code)).at[0]} {' '.join(host)} {dot} com"
    label = PROVIDERS.get(host) or emails(language(code)).providers.get(host, host)
    assert values("email", code, said) == [f"{'.'.join(parts)}@{label}.com"]


@settings(max_examples=150, deadline=None)
@given(code=st.sampled_from(CODES), chosen=st.data())
def test_whatever_is_said_a_complete_value_is_an_address(code: str, chosen: st.DataObject) -> None:
    table = emails(language(code))
    vocabulary = [*table.at, *table.weak_at, *table.signs, *table.ignored, *table.before, "a", "x", "smith", "gmail"]
    vocabulary += ["com", "12", "z", *language(code).digits["3"], *language(code).doubling]
    said = " ".join(chosen.draw(st.lists(st.sampled_from(vocabulary), max_size=12)))
    for match in found("email", code, said):
        if match.complete:
            assert DOT_ATOM.fullmatch(str(match.value)), said
            assert len(str(match.value).partition("@")[0]) <= 64


@each_language
def test_the_tables_are_in_normal_form(spoken: Language) -> None:
    table = emails(spoken)
    phrases = (*table.at, *table.weak_at, *table.signs, *table.ignored, *table.before, *table.never_first)
    assert [phrase for phrase in phrases if normalise(phrase) != phrase] == []
    assert set(table.domains.values()) <= TOP_LEVEL
    assert " " not in "".join((*table.domains, *table.providers, *PROVIDERS))


def test_a_decoder_may_write_anything() -> None:
    KINDS["email"].check({})
    assert KINDS["email"].acceptor({}, language("en")) is None
