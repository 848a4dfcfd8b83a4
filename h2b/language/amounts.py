"""What is said around numbers in each language: signs, magnitudes, fractions, currencies, ages.

Owns the tables. Must not know grammars.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases, words


@frozen(eq=False, kw_only=True)
class Fraction:
    """The ways to say one part of a whole, each in its normal form."""

    after: tuple[str, ...]
    """Behind a number: "and a quarter"."""
    alone: tuple[str, ...]
    """A quantity by itself: "three quarters"."""
    of: tuple[str, ...]
    """Before what is parted: "half a" million."""
    joined: tuple[str, ...] = ()
    """Endings of a number in one word: "zweieinhalb"."""


@frozen(eq=False, kw_only=True)
class Amounts:
    """Phrases around a number in one language, each in its normal form."""

    minus: tuple[str, ...]
    no_minus_after: tuple[str, ...]
    """Words behind which that word is no sign: "au moins vingt", "plus or minus three"."""
    no_minus_before: tuple[str, ...] = ()
    """Words before which it is none: "moins de vingt"."""
    about: str
    """The word to read there instead: it is a carrier, so it says nothing of its own."""
    no_point_after: tuple[str, ...]
    """Words behind which "point" leads no decimals: "at this point three"."""
    half: tuple[str, ...]
    """After a whole number: "and a half"."""
    fractions: Mapping[str, Fraction]
    """Decimal value to further ways to say it."""
    one_and_a_half: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()
    """Words for zero, also for the number alone, beside the first of the digits."""
    articles: tuple[str, ...] = ()
    """One, before a noun only: "a million", "a dollar"."""
    thousand: tuple[str, ...]
    """After figures and fractions: "2 thousand", "two and a half thousand"."""
    million: tuple[str, ...]
    collectives: Mapping[int, tuple[str, ...]]
    """What is counted by: twelve to "dozen"."""
    unread: tuple[str, ...]
    """Words that make another quantity of the number they touch, one that no grammar gives: "grand", "thirds".

    `Language.magnitudes` do so, too, where they are no part of it: "billion".
    """
    percent: tuple[str, ...]
    joins: tuple[str, ...]
    """Between thousands and the rest, or between a number and what it counts."""
    between: tuple[str, ...]
    """Between two numbers neither of which is meant by itself: "two or three", "two to three", "two times three"."""
    currencies: Mapping[str, tuple[str, ...]]
    """ISO 4217 code to names, the most common first."""
    other_currencies: tuple[str, ...]
    """Words for those that are not read."""
    cents: tuple[str, ...]
    before_cents: tuple[str, ...] = ()
    """Between the two halves of a sum without its unit: "doce con cincuenta"."""
    age_before: tuple[str, ...]
    age_after: tuple[str, ...]
    months: tuple[str, ...]
    """Of an age: "eighteen months"."""
    shorter_times: tuple[str, ...]
    """Of an age that is no number of years or months."""


def amounts(language: Language) -> Amounts:
    """The amounts of a language the server understands."""
    return _AMOUNTS[language.code]


def _currencies(**names: str) -> dict[str, tuple[str, ...]]:
    return {code: phrases(text) for code, text in names.items()}


def _fraction(after: str, alone: str, of: str, joined: str = "") -> Fraction:
    return Fraction(after=phrases(after), alone=phrases(alone), of=phrases(of), joined=words(joined))


def _collectives(table: Mapping[int, str]) -> dict[int, tuple[str, ...]]:
    return {count: phrases(text) for count, text in table.items()}


_AMOUNTS: Final[Mapping[str, Amounts]] = {
    "en": Amounts(
        minus=("minus", "negative"),
        no_minus_after=("plus or", "or", "plus"),
        no_point_after=words("this that the some which what every"),
        about="about",
        half=("and a half",),
        fractions={
            "0.5": _fraction("and one half, and half", "a half, one half", "half a, half, a half, half of a"),
            "0.25": _fraction(
                "and a quarter, and one quarter, and quarter",
                "a quarter, one quarter",
                "a quarter of a, one quarter of a, quarter of a, a quarter, quarter",
            ),
            "0.75": _fraction("and three quarters", "three quarters", "three quarters of a, three quarter"),
        },
        zeros=("nought", "naught", "nil"),
        articles=("a",),
        thousand=("thousand",),
        million=("million",),
        collectives=_collectives({12: "dozen, dozens"}),
        unread=words(
            """
            hundreds thousands trillions milliard zillion grand
            hundredth hundredths thousandth thousandths millionth millionths billionth
            halves quarters thirds fourths fifths sixths sevenths eighths ninths tenths twelfths
            couple few squared cubed
            thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth
            """
        ),
        percent=("percent", "per cent"),
        joins=("and",),
        between=words("or to through till until in out of per times plus over by divided multiplied comma dot"),
        currencies=_currencies(
            EUR="euros, euro",
            USD="dollars, dollar, us dollars, american dollars, bucks",
            GBP="pounds, pound, pounds sterling, quid",
            CHF="swiss francs, swiss franc, francs, franc",
            JPY="yen",
        ),
        other_currencies=words(
            """
            canadian australian hong singapore mexican rupees rupee pesos peso yuan renminbi kroner krone kronor krona
            crowns crown rubles ruble roubles rouble liras lira reais real won zloty zlotys dirhams dirham riyals rand
            shekels baht ringgit naira bitcoins bitcoin marks
            """
        ),
        cents=("cents", "cent", "pence", "p", "penny", "centimes"),
        age_before=("i am", "i'm", "age", "aged", "she is", "he is"),
        age_after=("years old", "years", "year old", "years of age", "year"),
        months=("months", "month", "months old", "month old"),
        shorter_times=words("weeks week days day hours hour"),
    ),
    "fr": Amounts(
        minus=("moins",),
        no_minus_after=("plus ou", "ou", "au", "du", "le", "pas", "non", "tout", "plus"),
        no_point_after=words("ce le un quel du au"),
        no_minus_before=("de", "d'un", "d'une", "que", "qu'un", "qu'une"),
        about="environ",
        half=("et demi", "et demie"),
        fractions={
            "0.5": _fraction("et un demi, et une demie", "un demi, une demie", "un demi, une demi, demi"),
            "0.25": _fraction("et quart, et un quart", "un quart", "un quart de, un quart d'un, quart de"),
            "0.75": _fraction("et trois quarts", "trois quarts", "trois quarts de, trois quarts d'un"),
        },
        thousand=("mille",),
        million=("millions", "million"),
        collectives=_collectives(
            {
                10: "dizaines, dizaine",
                12: "douzaines, douzaine",
                15: "quinzaines, quinzaine",
                20: "vingtaines, vingtaine",
                30: "trentaine",
                40: "quarantaine",
                50: "cinquantaine",
                60: "soixantaine",
                100: "centaines, centaine",
                1000: "milliers, millier",
            }
        ),
        unread=words(
            """
            quelques cent cents mille billion billions
            deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième onzième douzième
            treizième quatorzième quinzième seizième vingtième trentième quarantième cinquantième soixantième
            centième millième millionième unième quarts tiers
            cinquièmes sixièmes septièmes huitièmes neuvièmes dixièmes centièmes millièmes
            """
        ),
        percent=("pour cent", "pourcent", "pourcents"),
        joins=("et", "de", "d'"),
        between=words("ou à sur fois plus par pour divisé multiplié"),
        currencies=_currencies(
            EUR="euros, euro, d'euros",
            USD="dollars, dollar, dollars américains",
            GBP="livres, livre, livres sterling",
            CHF="francs suisses, franc suisse, francs, franc",
            JPY="yens, yen",
        ),
        other_currencies=words(
            """
            canadiens canadien australiens australien roupies roupie pesos peso yuans yuan couronnes couronne roubles
            rouble dinars dinar dirhams dirham réaux réal wons zlotys zloty riyals rands shekels bitcoins bitcoin cfa
            """
        ),
        cents=("centimes", "centime", "cents", "cent"),
        age_before=("j'ai", "il a", "elle a"),
        age_after=("ans", "an"),
        months=("mois",),
        shorter_times=words("semaines semaine jours jour heures heure"),
    ),
    "es": Amounts(
        minus=("menos",),
        no_minus_after=("más o", "o", "al", "lo", "no", "ni", "nada", "poco", "cuando", "más"),
        no_point_after=words("este ese el un qué del al"),
        no_minus_before=("de", "que"),
        about="aproximadamente",
        half=("y medio", "y media"),
        fractions={
            "0.5": _fraction("y un medio", "un medio", "medio, media, un medio"),
            "0.25": _fraction("y cuarto, y un cuarto", "un cuarto", "un cuarto de, cuarto de"),
            "0.75": _fraction("y tres cuartos", "tres cuartos", "tres cuartos de"),
        },
        thousand=("mil",),
        million=("millones", "millón"),
        collectives=_collectives(
            {
                10: "decenas, decena",
                12: "docenas, docena",
                15: "quincena",
                20: "veintena",
                30: "treintena",
                100: "centenares, centenar, centenas, centena",
                1000: "millares, millar",
            }
        ),
        unread=words(
            """
            cien ciento cientos mil miles
            cuarto cuartos cuarta tercio tercios quintos sextos séptimos octavos novenos décimo décima décimos décimas
            vigésimo trigésimo centésimo centésima centésimos centésimas milésimo milésima milésimas millonésimo
            """
        ),
        percent=("por ciento", "porciento"),
        joins=("y", "con", "de"),
        between=words("o u a más por entre cada dividido multiplicado"),
        currencies=_currencies(
            EUR="euros, euro",
            USD="dólares, dólar, dólares americanos",
            GBP="libras, libra, libras esterlinas",
            CHF="francos suizos, franco suizo, francos",
            JPY="yenes, yen",
        ),
        other_currencies=words(
            """
            canadienses canadiense australianos australiano rupias rupia pesos peso yuanes yuan coronas corona rublos
            rublo soles sol bolívares bolívar quetzales lempiras córdobas colones guaraníes bolivianos reales dírhams
            pesetas bitcoins bitcoin
            """
        ),
        cents=("céntimos", "céntimo", "centavos", "centavo", "centimos"),
        before_cents=("con",),
        age_before=("tengo", "tiene"),
        age_after=("años", "año"),
        months=("meses", "mes"),
        shorter_times=words("semanas semana días día horas hora"),
    ),
    "de": Amounts(
        minus=("minus",),
        no_minus_after=("plus oder", "oder", "plus"),
        no_point_after=words("der den dem diesem diesen dieser welcher welchem"),
        about="ungefähr",
        half=("einhalb", "und ein halb", "und ein halber"),
        fractions={
            "0.5": _fraction(
                "ein halb, und ein halbes, und eine halbe, und einen halben",
                "ein halb, ein halbes, ein halber, eine halbe, einen halben, einhalb",
                "eine halbe, ein halbes, ein halber, einen halben, halbe, halbes, halber, halben",
                "einhalb",
            ),
            "0.25": _fraction(
                "ein viertel, und ein viertel, einviertel",
                "ein viertel, einviertel",
                "eine viertel, ein viertel, viertel",
                "einviertel",
            ),
            "0.75": _fraction(
                "drei viertel, dreiviertel, und drei viertel, und dreiviertel",
                "drei viertel, dreiviertel",
                "eine dreiviertel, ein dreiviertel, dreiviertel, drei viertel",
                "dreiviertel",
            ),
        },
        one_and_a_half=("anderthalb", "anderthalbe"),
        articles=("einen", "einem", "einer"),
        thousand=("tausend",),
        million=("millionen", "million"),
        collectives=_collectives({12: "dutzend, dutzende"}),
        unread=words(
            """
            paar hundert hunderte tausend tausende billion billionen billiarde billiarden
            halb halbe drittel fünftel sechstel siebtel achtel neuntel zehntel zwölftel hundertstel tausendstel
            millionstel hundertste hundertster hundertsten tausendste tausendster tausendsten
            """
        ),
        percent=("prozent",),
        joins=("und",),
        between=words("oder bis von mal plus durch aus geteilt"),
        currencies=_currencies(
            EUR="euro, euros",
            USD="dollar, us dollar, dollars",
            GBP="pfund, britische pfund",
            CHF="schweizer franken, franken",
            JPY="yen",
        ),
        other_currencies=words(
            """
            kanadische australische rupien rupie pesos peso yuan kronen krone rubel lira złoty zloty dirham rand real
            schekel forint mark bitcoins bitcoin
            """
        ),
        cents=("cent", "cents", "pence", "rappen"),
        age_before=("ich bin", "er ist", "sie ist"),
        age_after=("jahre alt", "jahre", "jahr"),
        months=("monate alt", "monat alt", "monate", "monat", "monaten"),
        shorter_times=words("wochen woche tage tag stunden stunde"),
    ),
}
