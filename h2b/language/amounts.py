"""What is said around numbers in each language: signs, millions, currencies, ages.

Owns the tables. Must not know grammars.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases


@frozen(eq=False, kw_only=True)
class Amounts:
    """Phrases around a number in one language, each in its normal form."""

    minus: tuple[str, ...]
    half: tuple[str, ...]
    """After a whole number: "and a half"."""
    million: tuple[str, ...]
    joins: tuple[str, ...]
    """Between thousands and the rest, or between a number and what it counts."""
    currencies: Mapping[str, tuple[str, ...]]
    """ISO 4217 code to names, the most common first."""
    cents: tuple[str, ...]
    age_before: tuple[str, ...]
    age_after: tuple[str, ...]


def amounts(language: Language) -> Amounts:
    """The amounts of a language the server understands."""
    return _AMOUNTS[language.code]


def _currencies(**names: str) -> dict[str, tuple[str, ...]]:
    return {code: phrases(text) for code, text in names.items()}


_AMOUNTS: Final[Mapping[str, Amounts]] = {
    "en": Amounts(
        minus=("minus", "negative"),
        half=("and a half",),
        million=("million",),
        joins=("and",),
        currencies=_currencies(
            EUR="euros, euro",
            USD="dollars, dollar, us dollars, american dollars, bucks",
            GBP="pounds, pound, pounds sterling, quid",
            CHF="swiss francs, swiss franc, francs, franc",
            JPY="yen",
        ),
        cents=("cents", "cent", "pence", "p", "penny", "centimes"),
        age_before=("i am", "i'm", "age", "aged", "she is", "he is"),
        age_after=("years old", "years", "year old", "years of age", "year"),
    ),
    "fr": Amounts(
        minus=("moins",),
        half=("et demi", "et demie"),
        million=("millions", "million"),
        joins=("et", "de", "d'"),
        currencies=_currencies(
            EUR="euros, euro, d'euros",
            USD="dollars, dollar, dollars américains",
            GBP="livres, livre, livres sterling",
            CHF="francs suisses, franc suisse, francs, franc",
            JPY="yens, yen",
        ),
        cents=("centimes", "centime", "cents", "cent"),
        age_before=("j'ai", "il a", "elle a"),
        age_after=("ans", "an"),
    ),
    "es": Amounts(
        minus=("menos",),
        half=("y medio", "y media"),
        million=("millones", "millón"),
        joins=("y", "con", "de"),
        currencies=_currencies(
            EUR="euros, euro",
            USD="dólares, dólar, dólares americanos",
            GBP="libras, libra, libras esterlinas",
            CHF="francos suizos, franco suizo, francos",
            JPY="yenes, yen",
        ),
        cents=("céntimos", "céntimo", "centavos", "centavo", "centimos"),
        age_before=("tengo", "tiene"),
        age_after=("años", "año"),
    ),
    "de": Amounts(
        minus=("minus",),
        half=("einhalb", "und ein halb", "und ein halber"),
        million=("millionen", "million"),
        joins=("und",),
        currencies=_currencies(
            EUR="euro, euros",
            USD="dollar, us dollar, dollars",
            GBP="pfund, britische pfund",
            CHF="schweizer franken, franken",
            JPY="yen",
        ),
        cents=("cent", "cents", "pence", "rappen"),
        age_before=("ich bin", "er ist", "sie ist"),
        age_after=("jahre alt", "jahre", "jahr"),
    ),
}
