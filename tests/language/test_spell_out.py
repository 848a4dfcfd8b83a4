"""Digits of a recogniser's text turned into words, as they stand in an H2B transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_to_num import alpha2digit

from h2b.language import LANGUAGES, Language, language

VECTORS = {
    "en": [
        ("", ""),
        ("no digits, here.", "no digits, here."),
        ("I have 137 of 42,500.", "I have one hundred thirty seven of forty two thousand five hundred."),
        ("1,000 people", "one thousand people"),
        ("2,000,001", "two million one"),
        ("1984", "one thousand nine hundred eighty four"),
        ("999999", "nine hundred ninety nine thousand nine hundred ninety nine"),
        ("1000000", "one zero zero zero zero zero zero"),
        ("0", "zero"),
        ("007", "zero zero seven"),
        ("LE137137866CN", "LE one three seven one three seven eight six six CN"),
        ("a1b22", "a one b twenty two"),
        ("+33612", "plus thirty three thousand six hundred twelve"),
        ("1, 2, 3.", "one, two, three."),
        ("1.2.3", "one.two.three"),
        ("12/03/2024", "twelve/zero three/two thousand twenty four"),
        ("at 2:30", "at two thirty"),
        ("2:30pm", "two thirty pm"),
        ("9:00 a.m.", "nine a.m."),
        ("9:00", "nine o'clock"),
        ("9:05", "nine oh five"),
        ("a ratio of 3:2", "a ratio of three:two"),
        ("25:10", "twenty five:ten"),
        ("3.5", "three point five"),
        ("0.05", "zero point zero five"),
        ("the 21st", "the twenty first"),
        ("1st 2nd 3rd 5th 8th 9th 12th 20th", "first second third fifth eighth ninth twelfth twentieth"),
        ("100th", "one hundredth"),
        ("50%", "fifty percent"),
        ("2.5 %", "two point five percent"),
        ("$5", "five dollars"),
        ("$1", "one dollar"),
        ("$5.50", "five dollars fifty"),
        ("$1,000.00", "one thousand dollars"),
        ("$2.5 million", "two point five million dollars"),
        ("5€", "five euros"),
        ("£21", "twenty one pounds"),
    ],
    "fr": [
        ("137", "cent trente sept"),
        ("c'est le 06 12 34", "c'est le zéro six douze trente quatre"),
        ("06.12.34", "zéro six.douze.trente quatre"),
        ("e l e 137 137 866 c n", "e l e cent trente sept cent trente sept huit cent soixante six c n"),
        ("72000 Le Mans", "soixante douze mille Le Mans"),
        ("80 200 80000 200000", "quatre vingts deux cents quatre vingt mille deux cent mille"),
        ("1 000 euros", "mille euros"),
        ("12\u202f500", "douze mille cinq cents"),
        ("12 500", "douze cinq cents"),
        ("1.500", "mille cinq cents"),
        ("2 000 000", "deux millions"),
        ("612.345.678", "six cent douze.trois cent quarante cinq.six cent soixante dix huit"),
        ("1er", "premier"),
        ("la 1re et la 1ère", "la première et la première"),
        ("2e 2nd 2nde 5e 9e", "deuxième second seconde cinquième neuvième"),
        ("21ème 80e 200e", "vingt et unième quatre vingtième deux centième"),
        ("14h30", "quatorze heures trente"),
        ("14:30", "quatorze heures trente"),
        ("1h", "une heure"),
        ("21h", "vingt et une heures"),
        ("3 h 20", "trois h vingt"),
        ("3,5", "trois virgule cinq"),
        ("3,14", "trois virgule quatorze"),
        ("3,05", "trois virgule zéro cinq"),
        ("3,1416", "trois virgule un quatre un six"),
        ("version 3.5", "version trois point cinq"),
        ("50 %", "cinquante pour cent"),
        ("5 € 5,50 € 1€", "cinq euros cinq euros cinquante un euro"),
        ("1 £", "une livre"),
        ("d'1 euro", "d'un euro"),
    ],
    "es": [
        ("137", "ciento treinta y siete"),
        ("1.000", "mil"),
        ("1.000.000", "un millón"),
        ("21.000.000", "veintiún millones"),
        ("612.345.678", "seiscientos doce.trescientos cuarenta y cinco.seiscientos setenta y ocho"),
        ("el 1º de mayo", "el primero de mayo"),
        ("1er 3er 1.ª 2ª 21º", "primer tercer primera segunda vigésimo primero"),
        ("14:30", "catorce y treinta"),
        ("1:00 h", "una"),
        ("3,5", "tres coma cinco"),
        ("3.5", "tres punto cinco"),
        ("1.234,5", "mil doscientos treinta y cuatro coma cinco"),
        ("50%", "cincuenta por ciento"),
        ("21 € y 31 $", "veintiún euros y treinta y un dólares"),
        ("1 €", "un euro"),
        ("1,50 €", "un euro cincuenta"),
    ],
    "de": [
        ("137", "hundertsiebenunddreißig"),
        ("1.000", "tausend"),
        ("1.000.000", "eine million"),
        ("am 3. März", "am dritten März"),
        ("der 1. Mai", "der erste Mai"),
        ("21. Juni", "einundzwanzigster Juni"),
        ("vom 7. August", "vom siebten August"),
        ("das kostet 3. Und", "das kostet drei. Und"),
        ("14:30 Uhr", "vierzehn uhr dreißig"),
        ("14.30 Uhr", "vierzehn uhr dreißig"),
        ("um 1:00", "um ein uhr"),
        ("um 8 Uhr", "um acht uhr"),
        ("3,14", "drei komma eins vier"),
        ("50 %", "fünfzig prozent"),
        ("101 €", "hundertein euro"),
        ("5,50 €", "fünf euro fünfzig"),
        ("0171", "null eins sieben eins"),
    ],
}

CASES = [(code, text, spoken) for code, rows in VECTORS.items() for text, spoken in rows]


@pytest.mark.parametrize(("code", "text", "spoken"), CASES)
def test_digits_are_read_in_the_way_of_the_language(code: str, text: str, spoken: str) -> None:
    assert language(code).spell_out(text) == spoken


TRANSCRIPTS = st.text(alphabet="0123456789 .,:/%€$+-'hHae\u202fº") | st.text()

each_language = pytest.mark.parametrize("known", LANGUAGES, ids=lambda known: known.code)


@each_language
@given(text=TRANSCRIPTS)
def test_no_digit_is_left_and_nothing_is_left_to_do(known: Language, text: str) -> None:
    spoken = known.spell_out(text)
    assert not any(digit in spoken for digit in "0123456789")
    assert known.spell_out(spoken) == spoken


@each_language
@given(text=st.text().filter(lambda text: not any(digit in text for digit in "0123456789")))
def test_text_without_digits_is_left_alone(known: Language, text: str) -> None:
    assert known.spell_out(text) == text


@pytest.mark.parametrize(("code", "mark"), [("en", ","), ("fr", "\u00a0"), ("es", "."), ("de", "'"), ("de", "")])
def test_what_is_too_long_for_a_number_is_read_digit_by_digit(code: str, mark: str) -> None:
    one, zero = (language(code).digits[digit][0] for digit in "10")
    assert language(code).spell_out("1" + f"{mark}000" * 5000).split() == [one] + [zero] * 15_000


@each_language
def test_text2num_undoes_it(known: Language) -> None:
    for n in range(0, 10_000, 97):
        assert alpha2digit(known.spell_out(f"{n}"), known.code, threshold=0) == f"{n}"
