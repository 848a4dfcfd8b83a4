"""How dates are said in each language: names of months and weekdays, ordinals, relative days.

Owns the tables. Must not know grammars, any clock, or what a relative word comes to on a given day.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from attrs import frozen

from h2b.language.base import Language, fold_accents, phrases, unique, words

Unit = str
"""One of "day", "week", "month", "year"."""


@frozen(eq=False, kw_only=True)
class Calendar:
    """The words of dates in one language. Every phrase is in its normal form."""

    months: tuple[tuple[str, ...], ...]
    """Twelve of them, from January: full names first."""
    weekdays: tuple[tuple[str, ...], ...]
    """Seven of them, from Monday."""
    ordinals: Callable[[int], tuple[str, ...]]
    """What is said for a day of the month, 1 to 31, beside the plain number."""
    articles: tuple[str, ...]
    """Before a day: "the"."""
    joins: tuple[str, ...]
    """Between day, month and year: "of"."""
    month_first: bool
    """Whether "march third" and "three four eighty four" name the month first."""
    ordinal_months: bool
    """Whether a month may be said as an ordinal: "dritter vierter"."""
    relative: Mapping[str, int]
    """Phrase to days from today."""
    units: Mapping[Unit, tuple[str, ...]]
    ahead: tuple[str, ...]
    """With one place for number and unit: "in {}"."""
    ago: tuple[str, ...]
    coming: tuple[str, ...]
    """With one place for a weekday: "next {}"."""
    nearest: tuple[str, ...]
    """The same for a weekday that may be today: "this {}"."""
    gone: tuple[str, ...]
    one: tuple[str, ...]
    """One of a unit: "a"."""


def calendar(language: Language) -> Calendar:
    """The calendar of a language the server understands."""
    return _CALENDARS[language.code]


def _names(text: str) -> tuple[tuple[str, ...], ...]:
    """Groups of names, separated by semicolons; names of one group by commas."""
    return tuple(phrases(group) for group in text.split(";"))


def year_forms(language: Language, year: int) -> tuple[str, ...]:
    """A year as it is said: as a number, and in the language's ways for years alone."""
    forms = list(language.number_forms(year))
    if language.code == "en":
        forms = [*_english_years(language, year), *forms]
    if language.code == "fr":
        forms += [form.replace("mille", "mil", 1) for form in forms if form.startswith("mille ")]
    return unique(forms)


def _english_years(language: Language, year: int) -> Iterator[str]:
    """In two pairs: "nineteen eighty four", "twenty oh five"."""
    century, rest = divmod(year, 100)
    head = language.number_forms(century)[0]
    if rest >= 10:
        yield f"{head} {language.number_forms(rest)[0]}"
    elif rest and century != 20:
        yield from (f"{head} {zero} {language.digits[str(rest)][0]}" for zero in ("oh", "o", "zero"))
    elif rest:
        yield from (f"{head} {zero} {language.digits[str(rest)][0]}" for zero in ("oh", "o"))


_ENGLISH_ORDINALS: Final = words(
    """
    _ first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
    """
)


@cache
def _english(day: int) -> tuple[str, ...]:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
    if day <= 20:
        return _ENGLISH_ORDINALS[day], f"{day}{ending}"
    spoken = "thirtieth" if day == 30 else f"{'twenty' if day < 30 else 'thirty'} {_ENGLISH_ORDINALS[day % 10]}"
    return spoken, f"{day}{ending}"


def _french(day: int) -> tuple[str, ...]:
    return ("premier", "1er") if day == 1 else ()


def _spanish(day: int) -> tuple[str, ...]:
    return ("primero", "primer", "1o", "1ro") if day == 1 else ()


_GERMAN_STEMS: Final = words(
    """
    _ erst zweit dritt viert fünft sechst siebt acht neunt zehnt elft zwölft dreizehnt vierzehnt fünfzehnt
    sechzehnt siebzehnt achtzehnt neunzehnt zwanzigst
    """
)
_GERMAN_UNITS: Final = words("_ ein zwei drei vier fünf sechs sieben acht neun")


@cache
def _german(day: int) -> tuple[str, ...]:
    if day <= 20:
        stems = [_GERMAN_STEMS[day]] + (["zwot"] if day == 2 else ["siebent"] if day == 7 else [])
    elif day == 30:
        stems = ["dreißigst", "dreissigst"]
    else:
        tens = ("zwanzigst",) if day < 30 else ("dreißigst", "dreissigst")
        unit = _GERMAN_UNITS[day % 10]
        stems = [f"{unit}{space}und{space}{ten}" for ten in tens for space in ("", " ")]
        stems += [stem.replace("zwei", "zwo", 1) for stem in stems if stem.startswith("zwei")]
    return tuple(f"{stem}{ending}" for stem in stems for ending in ("er", "en", "e"))


_ENGLISH_CALENDAR: Final = Calendar(
    months=_names(
        """
        january, jan; february, feb; march, mar; april, apr; may; june, jun; july, jul; august, aug;
        september, sept, sep; october, oct; november, nov; december, dec
        """
    ),
    weekdays=_names("monday; tuesday; wednesday; thursday; friday; saturday; sunday"),
    ordinals=_english,
    articles=("the", "on the"),
    joins=("of", "in", "of the year"),
    month_first=True,
    ordinal_months=False,
    relative={
        "today": 0,
        "tonight": 0,
        "tomorrow": 1,
        "the day after tomorrow": 2,
        "day after tomorrow": 2,
        "yesterday": -1,
        "the day before yesterday": -2,
        "day before yesterday": -2,
        "in a fortnight": 14,
        "a week from today": 7,
        "a week from tomorrow": 8,
    },
    units={"day": ("day", "days"), "week": ("week", "weeks"), "month": ("month", "months"), "year": ("year", "years")},
    ahead=("in {}", "{} from now", "{} from today"),
    ago=("{} ago",),
    coming=("next {}", "{} next"),
    nearest=("this {}", "this coming {}"),
    gone=("last {}",),
    one=("a", "one"),
)

_FRENCH_CALENDAR: Final = Calendar(
    months=_names(
        """
        janvier; février; mars; avril; mai; juin; juillet; août; septembre; octobre; novembre; décembre
        """
    ),
    weekdays=_names("lundi; mardi; mercredi; jeudi; vendredi; samedi; dimanche"),
    ordinals=_french,
    articles=("le",),
    joins=("de", "de l'année", "en"),
    month_first=False,
    ordinal_months=False,
    relative={
        "aujourd'hui": 0,
        "ce jour": 0,
        "ce soir": 0,
        "demain": 1,
        "après demain": 2,
        "hier": -1,
        "avant hier": -2,
        "dans huit jours": 7,
        "dans quinze jours": 14,
        "il y a huit jours": -7,
        "il y a quinze jours": -14,
    },
    units={"day": ("jours", "jour"), "week": ("semaines", "semaine"), "month": ("mois",), "year": ("ans", "an")},
    ahead=("dans {}", "d'ici {}"),
    ago=("il y a {}",),
    coming=("{} prochain", "le {} prochain"),
    nearest=("ce {}",),
    gone=("{} dernier", "{} passé"),
    one=("un", "une"),
)

_SPANISH_CALENDAR: Final = Calendar(
    months=_names(
        """
        enero; febrero; marzo; abril; mayo; junio; julio; agosto; septiembre, setiembre; octubre; noviembre;
        diciembre
        """
    ),
    weekdays=_names("lunes; martes; miércoles; jueves; viernes; sábado; domingo"),
    ordinals=_spanish,
    articles=("el", "el día", "día", "el dia"),
    joins=("de", "del", "del año", "de el"),
    month_first=False,
    ordinal_months=False,
    relative={
        "hoy": 0,
        "esta noche": 0,
        "mañana": 1,
        "pasado mañana": 2,
        "ayer": -1,
        "anteayer": -2,
        "antes de ayer": -2,
        "antier": -2,
        "en quince días": 14,
        "dentro de quince días": 14,
    },
    units={"day": ("días", "día"), "week": ("semanas", "semana"), "month": ("meses", "mes"), "year": ("años", "año")},
    ahead=("en {}", "dentro de {}"),
    ago=("hace {}",),
    coming=("próximo {}", "{} próximo", "{} que viene"),
    nearest=("este {}",),
    gone=("{} pasado", "pasado {}", "último {}"),
    one=("un", "una"),
)

_GERMAN_CALENDAR: Final = Calendar(
    months=_names(
        """
        januar, jänner; februar, feber; märz; april; mai; juni, juno; juli, julei; august; september; oktober;
        november; dezember
        """
    ),
    weekdays=_names("montag; dienstag; mittwoch; donnerstag; freitag; samstag, sonnabend; sonntag"),
    ordinals=_german,
    articles=("der", "den", "dem", "am", "vom", "zum"),
    joins=("im jahr", "im jahre"),
    month_first=False,
    ordinal_months=True,
    relative={
        "heute": 0,
        "heute abend": 0,
        "morgen": 1,
        "übermorgen": 2,
        "gestern": -1,
        "vorgestern": -2,
        "heute in einer woche": 7,
        "morgen in einer woche": 8,
    },
    units={
        "day": ("tagen", "tag"),
        "week": ("wochen", "woche"),
        "month": ("monaten", "monat"),
        "year": ("jahren", "jahr"),
    },
    ahead=("in {}",),
    ago=("vor {}",),
    coming=("nächsten {}", "nächster {}", "kommenden {}", "nächste {}"),
    nearest=("diesen {}", "dieser {}"),
    gone=("letzten {}", "letzter {}", "vergangenen {}", "vorigen {}"),
    one=("einem", "einer", "ein", "eine"),
)

_CALENDARS: Final[Mapping[str, Calendar]] = {
    "de": _GERMAN_CALENDAR,
    "en": _ENGLISH_CALENDAR,
    "es": _SPANISH_CALENDAR,
    "fr": _FRENCH_CALENDAR,
}


def with_bare(forms: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Each form, and whether it is as the language writes it: the twins without accents are not."""
    for form in forms:
        yield form, True
        if fold_accents(form) != form:
            yield fold_accents(form), False
