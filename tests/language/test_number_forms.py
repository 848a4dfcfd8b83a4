"""Numbers in words, held against num2words (which speaks) and text2num (which listens)."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words
from text_to_num import alpha2digit

from h2b.language import LANGUAGES, Language, normalise
from h2b.language.base import NUMBER_LIMIT

EXPECTED = {
    "en": {
        5: ("five",),
        21: ("twenty one",),
        105: ("one hundred five", "one hundred and five", "a hundred five", "a hundred and five"),
        1000: ("one thousand", "a thousand"),
        1100: ("one thousand one hundred", "a thousand one hundred", "eleven hundred"),
        9900: ("nine thousand nine hundred", "ninety nine hundred"),
        2000: ("two thousand",),
        42_007: ("forty two thousand seven", "forty two thousand and seven"),
    },
    "fr": {
        0: ("zéro", "zero"),
        21: ("vingt et un", "vingt un", "vingt et une", "vingt une"),
        70: ("soixante dix", "septante"),
        72: ("soixante douze", "septante deux"),
        80: ("quatre vingts", "quatre vingt", "huitante", "octante"),
        97: ("quatre vingt dix sept", "quatre vingts dix sept", "nonante sept"),
        200: ("deux cents", "deux cent"),
        1100: ("mille cent", "onze cents", "onze cent"),
        2000: ("deux mille",),
        80_000: ("quatre vingt mille", "huitante mille", "octante mille", "quatre vingts mille"),
        200_000: ("deux cent mille", "deux cents mille"),
    },
    "es": {
        1: ("uno", "un", "una"),
        16: ("dieciséis", "dieciseis", "diez y seis"),
        21: ("veintiuno", "veintiún", "veintiun", "veintiuna", "veinte y uno", "veinte y un", "veinte y una"),
        100: ("cien", "ciento"),
        201: ("doscientos uno", "doscientos un", "doscientas una"),
        1000: ("mil",),
        31_000: ("treinta y un mil",),
    },
    "de": {
        2: ("zwei", "zwo"),
        21: ("einundzwanzig", "ein und zwanzig"),
        30: ("dreißig", "dreissig"),
        100: ("hundert", "einhundert", "ein hundert"),
        1984: (
            "tausendneunhundertvierundachtzig",
            "eintausendneunhundertvierundachtzig",
            "neunzehnhundertvierundachtzig",
        ),
        101_000: ("hunderteintausend",),
    },
}
"""The first forms of a few numbers, in order."""

SAMPLE = sorted(random.Random(1984).sample(range(10_000, NUMBER_LIMIT), 1_000))

NOT_SHORTENED = {
    "es": ((r"veintiuno mil", "veintiún mil"), (r"uno mil", "un mil")),
    "de": ((r"einstausend", "eintausend"),),
}
"""num2words leaves "one" in full before "thousand", which neither language does."""

each_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)


def num2words_form(n: int, code: str) -> str:
    form = normalise(num2words(n, lang=code))
    for pattern, correct in NOT_SHORTENED.get(code, ()):
        form = re.sub(pattern, correct, form)
    return form


@each_language
def test_the_first_forms_of_well_known_numbers(language: Language) -> None:
    for n, forms in EXPECTED[language.code].items():
        assert language.number_forms(n)[: len(forms)] == forms


@each_language
def test_what_num2words_says_is_one_of_the_forms(language: Language) -> None:
    missing = [
        (n, said)
        for n in (*range(10_000), *SAMPLE)
        if (said := num2words_form(n, language.code)) not in language.number_forms(n)
    ]
    assert missing == []


@each_language
def test_text2num_reads_the_canonical_form_back(language: Language) -> None:
    misread = {
        form: heard
        for n in range(0, 10_000, 7)
        if (heard := alpha2digit(form := language.number_forms(n)[0], language.code, threshold=0)) != str(n)
    }
    assert misread == {}


@each_language
def test_no_form_means_two_numbers(language: Language) -> None:
    meaning: dict[str, int] = {}
    for n in (*range(20_000), *SAMPLE):
        for form in language.number_forms(n):
            assert meaning.setdefault(form, n) == n, form


@each_language
@given(n=st.integers(0, NUMBER_LIMIT - 1))
def test_forms_are_plain_words_without_repeats(language: Language, n: int) -> None:
    forms = language.number_forms(n)
    assert 0 < len(forms) < 200
    assert len(set(forms)) == len(forms)
    for form in forms:
        assert all(word.isalpha() and word.islower() for word in form.split(" "))
        assert normalise(form) == form


@each_language
def test_a_digit_sounds_the_same_alone_and_as_a_number(language: Language) -> None:
    for digit, forms in language.digits.items():
        assert language.number_forms(int(digit)) == forms


@each_language
@pytest.mark.parametrize("n", [-1, NUMBER_LIMIT])
def test_a_number_out_of_range_is_refused(language: Language, n: int) -> None:
    with pytest.raises(ValueError, match=f"^number_forms: got {n}, expected 0 to 999999$"):
        language.number_forms(n)


@pytest.mark.parametrize(
    ("code", "n", "form"),
    [
        ("en", 1984, "nineteen hundred eighty four"),
        ("en", 1984, "one thousand nine hundred and eighty four"),
        ("en", 100_000, "a hundred thousand"),
        ("fr", 71, "septante et un"),
        ("fr", 1984, "dix neuf cent quatre vingt quatre"),
        ("fr", 280, "deux cents quatre vingts"),
        ("es", 222_222, "doscientas veintidos mil doscientas veintidos"),
        ("es", 121_000, "ciento veintiun mil"),
        ("de", 105, "ein hundert fünf"),
        ("de", 105, "einhundertfünf"),
        ("de", 101, "hundertundeins"),
        ("de", 22, "zwo und zwanzig"),
        ("de", 2_345, "zweitausend dreihundertfünfundvierzig"),
        ("de", 2_345, "zwei tausend drei hundert fünf und vierzig"),
    ],
)
def test_less_usual_forms_are_known(code: str, n: int, form: str) -> None:
    (language,) = [known for known in LANGUAGES if known.code == code]
    assert form in language.number_forms(n)
