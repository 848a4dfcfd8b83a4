"""Numbers, sums of money and ages: what is part of a quantity, and what is none because more was said."""

from typing import Any

import pytest

from h2b.language import LANGUAGES, Language, language, normalise
from h2b.language.amounts import amounts
from h2b.language.carriers import carriers
from tests.grammar.saying import CODES, acceptor_of, found, values, writes

SURE = 0.5


def rows(table: dict[str, dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(code, said, value) for code, cases in table.items() for said, value in cases.items()]


def sure(kind: str, code: str, said: str, **arguments: Any) -> list[Any]:
    """Complete values that a caller of the server would take."""
    return [m.value for m in found(kind, code, said, **arguments) if m.complete and m.quality > SURE]


def euros(amount: float) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def dollars(amount: float) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


# The sign


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("fr", "au moins vingt"),
        ("fr", "pas moins de vingt"),
        ("fr", "plus ou moins vingt"),
        ("fr", "moins de vingt"),
        ("fr", "vingt ou moins"),
        ("es", "al menos veinte"),
        ("es", "por lo menos veinte"),
        ("es", "más o menos veinte"),
        ("es", "mas o menos veinte"),
        ("es", "no menos de veinte"),
        ("es", "menos de veinte"),
        ("en", "plus or minus twenty"),
        ("en", "no less than twenty"),
        ("de", "plus minus zwanzig"),
        ("de", "mindestens zwanzig"),
    ],
)
def test_a_word_for_less_is_no_sign(code: str, said: str) -> None:
    assert values("number", code, said) == [20]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("fr", "il fait moins vingt"),
        ("fr", "à moins vingt"),
        ("es", "menos veinte"),
        ("en", "negative twenty"),
        ("de", "minus zwanzig"),
    ],
)
def test_a_sign_stays_one(code: str, said: str) -> None:
    assert sure("number", code, said) == [-20]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("fr", "moins vingt euros"),
        ("es", "menos veinte euros"),
        ("en", "minus twenty euros"),
        ("en", "negative twenty euros"),
        ("de", "minus zwanzig euro"),
    ],
)
@pytest.mark.parametrize("arguments", [{}, {"currency": "EUR"}])
def test_no_sum_of_money_is_negative(code: str, said: str, arguments: dict[str, Any]) -> None:
    assert found("currency", code, said, **arguments) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "twenty percent"),
        ("en", "20 per cent"),
        ("fr", "20 pour cent"),
        ("es", "20 por ciento"),
        ("de", "20 Prozent"),
    ],
)
def test_percent_is_part_of_a_number(code: str, said: str) -> None:
    assert sure("number", code, said) == [20]


@pytest.mark.parametrize("said", ["ten minus three", "ten plus or minus two", "two times three", "one in ten"])
def test_a_calculation_is_none_of_its_numbers(said: str) -> None:
    assert found("number", "en", said) == []


# Magnitudes and fractions

NUMBERS: dict[str, dict[str, Any]] = {
    "en": {
        "a million and a half": 1_500_000,
        "two million and a quarter": 2_250_000,
        "one and a half million": 1_500_000,
        "half a million": 500_000,
        "about half a million": 500_000,
        "three quarters of a million": 750_000,
        "two and a half thousand": 2500,
        "two point five thousand": 2500,
        "12 thousand": 12_000,
        "2.5 million": 2_500_000,
        "2 million 500 thousand": 2_500_000,
        "a million": 1_000_000,
        "a hundred and fifty thousand": 150_000,
        "two dozen": 24,
        "a dozen": 12,
        "half a dozen": 6,
        "three quarters": 0.75,
        "three and a quarter": 3.25,
        "three and three quarters": 3.75,
        "point five": 0.5,
        "minus point five": -0.5,
        "two point five percent": 2.5,
        "minus two point oh five": -2.05,
        "one million two hundred thousand": 1_200_000,
        "oh point five": 0.5,
        "nought point five": 0.5,
        "nought": 0,
    },
    "fr": {
        "un million et demi": 1_500_000,
        "un demi-million": 500_000,
        "deux virgule cinq millions": 2_500_000,
        "2 mille": 2000,
        "deux douzaines": 24,
        "une demi-douzaine": 6,
        "une vingtaine": 20,
        "trois centaines": 300,
        "trois quarts": 0.75,
        "trois et quart": 3.25,
        "virgule cinq": 0.5,
        "zero virgule cinq": 0.5,
    },
    "es": {
        "un millón y medio": 1_500_000,
        "medio millón": 500_000,
        "dos coma cinco millones": 2_500_000,
        "2 mil": 2000,
        "dos docenas": 24,
        "media docena": 6,
        "tres cuartos": 0.75,
        "tres y cuarto": 3.25,
        "coma cinco": 0.5,
    },
    "de": {
        "anderthalb Millionen": 1_500_000,
        "zweieinhalb Millionen": 2_500_000,
        "eine halbe Million": 500_000,
        "eineinhalb Tausend": 1500,
        "zwei Dutzend": 24,
        "ein halbes Dutzend": 6,
        "drei Viertel": 0.75,
        "dreiviertel": 0.75,
        "zweieinviertel": 2.25,
        "anderthalb": 1.5,
        "dreieinhalb": 3.5,
        "zwölfeinhalb": 12.5,
        "Komma fünf": 0.5,
    },
}


@pytest.mark.parametrize(("code", "said", "value"), rows(NUMBERS))
def test_magnitudes_and_fractions_are_part_of_a_number(code: str, said: str, value: float) -> None:
    assert sure("number", code, said) == [value]


CUT: dict[str, tuple[str, ...]] = {
    "en": (
        "three billion",
        "two and a half billion",
        "two thirds",
        "three and a third",
        "two hundredth",
        "two hundred fiftieth",
        "two grand",
        "two hundred and a half",
        "three point",
        "two or three",
        "between ten and twenty",
        "six or seven hundred",
        "double five",
        "at this point twelve",
    ),
    "fr": (
        "trois milliards",
        "deux tiers",
        "cent vingtième",
        "deux ou trois",
        "de deux à trois cents",
        "trois virgule",
        "à ce point deux",
    ),
    "es": ("tres mil millones", "dos mil quinientos millones", "dos tercios", "dos o tres", "tres décimas"),
    "de": (
        "drei Milliarden",
        "viereinhalb Milliarden",
        "zwei Drittel",
        "halb drei",
        "zwei bis drei",
        "ein paar hundert",
    ),
}


@pytest.mark.parametrize(("code", "said"), [(code, said) for code, cut in CUT.items() for said in cut])
@pytest.mark.parametrize("kind", ["number", "currency", "age"])
def test_a_number_is_not_cut_out_of_a_quantity(kind: str, code: str, said: str) -> None:
    arguments = {"currency": "EUR"} if kind == "currency" else {}
    assert found(kind, code, said, **arguments) == []


@pytest.mark.parametrize(
    ("code", "said", "value"),
    [
        ("en", "ten no twelve", 12),
        ("en", "a table for six please", 6),
        ("fr", "euh une quinzaine non seize", 16),
        ("es", "me quedo con tres", 3),
        ("de", "wir sind zu dritt nein vier", 4),
    ],
)
def test_other_words_leave_a_number_alone(code: str, said: str, value: int) -> None:
    assert values("number", code, said) == [value]


# Sums of money

SUMS: dict[str, dict[str, Any]] = {
    "en": {
        "twelve euros oh five": 12.05,
        "twelve euros zero five": 12.05,
        "twelve euros and oh five cents": 12.05,
        "twelve euros zero cents": 12,
        "a euro": 1,
        "a euro fifty": 1.5,
        "a euro and a half": 1.5,
        "half a euro": 0.5,
        "point five euros": 0.5,
        "a million euros": 1_000_000,
        "half a million euros": 500_000,
        "it is twelve euros for both of us": 12,
    },
    "fr": {
        "douze euros zéro cinq": 12.05,
        "un million et demi d'euros": 1_500_000,
        "une centaine d'euros": 100,
        "un demi euro": 0.5,
    },
    "es": {
        "doce euros cero cinco": 12.05,
        "un millón y medio de euros": 1_500_000,
        "medio millón de euros": 500_000,
        "doce con cincuenta euros": 12.5,
    },
    "de": {
        "zwölf Euro null fünf": 12.05,
        "zweieinhalb Euro": 2.5,
        "anderthalb Millionen Euro": 1_500_000,
        "eine halbe Million Euro": 500_000,
        "einen Euro fünfzig": 1.5,
    },
}


@pytest.mark.parametrize(("code", "said", "amount"), rows(SUMS))
def test_sums_as_they_are_said(code: str, said: str, amount: float) -> None:
    assert sure("currency", code, said) == [euros(amount)]


PRICES: dict[str, dict[str, Any]] = {
    "en": {
        "twelve fifty": 12.5,
        "nineteen ninety nine": 19.99,
        "it's twelve fifty please": 12.5,
        "twelve oh five": 12.05,
        "two hundred twelve fifty": 212.5,
        "two hundred fifty": 250,
        "forty five": 45,
        "five hundred cents": 5,
    },
    "fr": {"douze cinquante": 12.5, "soixante dix": 70, "cent vingt cinq": 125, "douze zéro cinq": 12.05},
    "es": {"doce cincuenta": 12.5, "doce con cincuenta": 12.5, "treinta y cinco": 35},
    "de": {"zwölf fünfzig": 12.5, "fünfundvierzig": 45, "zweihundertfünfzig": 250},
}


@pytest.mark.parametrize(("code", "said", "amount"), rows(PRICES))
def test_where_the_currency_is_known_a_price_needs_no_unit(code: str, said: str, amount: float) -> None:
    assert sure("currency", code, said, currency="USD") == [dollars(amount)]


@pytest.mark.parametrize(
    ("code", "said"), [("en", "twelve fifty"), ("fr", "douze cinquante"), ("es", "doce cincuenta"), ("de", "zwölf elf")]
)
def test_where_it_is_not_two_numbers_are_no_price(code: str, said: str) -> None:
    assert found("currency", code, said) == []


@pytest.mark.parametrize(("code", "said"), [("en", "two fifty"), ("fr", "deux cinquante"), ("es", "dos cincuenta")])
def test_a_price_that_may_be_in_hundreds_is_doubtful(code: str, said: str) -> None:
    (price,) = found("currency", code, said, currency="USD")
    assert (price.value, price.complete) == (dollars(2.5), True)
    assert price.quality < SURE


@pytest.mark.parametrize(
    "said", ["twelve fifty nineteen", "four two seven one", "seven may nineteen forty four", "twelve and fifty"]
)
def test_codes_and_dates_are_no_prices(said: str) -> None:
    assert sure("currency", "en", said, currency="USD") == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "three billion dollars"),
        ("en", "ten or twenty dollars"),
        ("en", "ten to twenty dollars"),
        ("en", "two hundredths of a dollar"),
        ("fr", "trois milliards de dollars"),
        ("en", "twenty rupees"),
        ("en", "twenty canadian dollars"),
        ("en", "twenty dollars canadian"),
        ("en", "twenty percent"),
        ("fr", "vingt roupies"),
        ("fr", "vingt pour cent"),
        ("es", "veinte pesos"),
        ("es", "veinte por ciento"),
        ("de", "zwanzig Kronen"),
        ("de", "zwanzig Prozent"),
        ("fr", "vingt dollars de moins"),
        ("es", "mil millones de dólares"),
        ("de", "drei Milliarden Dollar"),
    ],
)
def test_a_sum_is_not_cut_out_of_another(code: str, said: str) -> None:
    assert found("currency", code, said, currency="USD") == []


# Ages


@pytest.mark.parametrize(
    ("code", "said", "age"),
    [
        ("en", "twenty one and a half", 21),
        ("en", "three years and a half", 3),
        ("en", "eighteen months", 1),
        ("en", "six months old", 0),
        ("en", "two years and six months", 2),
        ("fr", "deux ans et demi", 2),
        ("fr", "dix-huit mois", 1),
        ("es", "dos años y medio", 2),
        ("es", "dieciocho meses", 1),
        ("de", "dreieinhalb Jahre", 3),
        ("de", "achtzehn Monate", 1),
    ],
)
def test_ages_are_whole_years(code: str, said: str, age: int) -> None:
    assert sure("age", code, said) == [age]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", "six weeks old"),
        ("en", "minus twelve"),
        ("en", "twenty dollars"),
        ("en", "twenty percent"),
        ("en", "twenty point five"),
        ("en", "twenty to thirty"),
        ("fr", "trois semaines"),
        ("es", "tres semanas"),
        ("de", "drei Wochen"),
    ],
)
def test_other_times_and_numbers_are_no_ages(code: str, said: str) -> None:
    assert found("age", code, said) == []


# What a decoder may write


@pytest.mark.parametrize(
    ("kind", "code", "written", "not_written"),
    [
        ("number", "en", "three and a half", "three and a quarter"),
        ("number", "en", "minus three point one four", "point five"),
        ("number", "en", "two million five hundred thousand", "two dozen"),
        ("number", "de", "drei einhalb", "dreieinhalb"),
        ("currency", "en", "twelve dollars fifty", "a dollar fifty"),
        ("currency", "es", "doce euros con cincuenta", "doce con cincuenta"),
        ("age", "en", "eighteen years old", "eighteen months"),
    ],
)
def test_what_is_only_understood_is_not_written(kind: str, code: str, written: str, not_written: str) -> None:
    acceptor = acceptor_of(kind, code, {"currency": "EUR"} if kind == "currency" else {})
    assert writes(acceptor, written)
    assert not writes(acceptor, not_written)
    assert found(kind, code, not_written)


# The tables


@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)
def test_the_word_read_for_less_is_one_that_says_nothing(spoken: Language) -> None:
    assert amounts(spoken).about in carriers(spoken)


@pytest.mark.parametrize("code", CODES)
def test_a_word_between_the_parts_of_a_number_does_not_make_another_of_it(code: str) -> None:
    said = amounts(language(code))
    assert not {*said.joins, *said.between, *said.articles} & {*said.unread, *said.minus, *said.million}
    words = (
        *said.unread,
        *said.between,
        *said.no_minus_before,
        *said.no_point_after,
        *said.shorter_times,
        *said.other_currencies,
    )
    assert [word for word in words if normalise(word) != word] == []
