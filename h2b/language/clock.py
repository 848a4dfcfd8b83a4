"""How times of day are said in each language.

Owns the tables and the phrases made of them. Must not know grammars. Every phrase is in its normal form.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases


@frozen(eq=False, kw_only=True)
class Clock:
    """The words of times in one language. Templates have one place for a number."""

    hours: tuple[str, ...]
    """An hour that is one by its words: "{} o'clock"."""
    exact: Mapping[str, int]
    """Words for an hour of the day: "noon"."""
    at: tuple[str, ...]
    bare: bool
    """Whether a number behind one of these is an hour: "at three"."""
    minutes: tuple[str, ...]
    """Minutes with their unit, behind the hour: "{} minutes"."""
    plus: tuple[str, ...]
    """Minutes behind the hour: "y {}"."""
    minus: tuple[str, ...]
    plus_parts: Mapping[str, int]
    """The same with parts of an hour: "et quart"."""
    minus_parts: Mapping[str, int]
    past: tuple[str, ...]
    """Minutes before the hour they follow: "{} past"."""
    to: tuple[str, ...]
    past_parts: Mapping[str, int]
    to_parts: Mapping[str, int]
    morning: tuple[str, ...]
    afternoon: tuple[str, ...]
    night: tuple[str, ...]


def clock(language: Language) -> Clock:
    """The times of a language the server understands."""
    return _CLOCKS[language.code]


_CLOCKS: Final[Mapping[str, Clock]] = {
    "en": Clock(
        hours=("{} o'clock", "{} o clock", "{} hundred hours", "{} hundred"),
        exact={"noon": 12, "midday": 12, "twelve noon": 12, "midnight": 0, "twelve midnight": 0},
        at=("at", "around", "at around", "about"),
        bare=True,
        minutes=("{} minutes",),
        plus=(),
        minus=(),
        plus_parts={},
        minus_parts={},
        past=("{} past", "{} after", "{} minutes past", "{} minutes after"),
        to=("{} to", "{} till", "{} before", "{} minutes to", "{} minutes before", "{} of"),
        past_parts={"half past": 30, "half": 30, "quarter past": 15, "a quarter past": 15, "quarter after": 15},
        to_parts={"quarter to": 15, "a quarter to": 15, "quarter till": 15, "quarter of": 15},
        morning=phrases("am, a m, in the morning, this morning"),
        afternoon=phrases("pm, p m, in the afternoon, this afternoon, in the evening, this evening"),
        night=phrases("at night, tonight"),
    ),
    "fr": Clock(
        hours=("{} heures", "{} heure"),
        exact={"midi": 12, "minuit": 0},
        at=("à", "vers", "pour"),
        bare=False,
        minutes=("{} minutes",),
        plus=("et {}",),
        minus=("moins {}",),
        plus_parts={"et quart": 15, "un quart": 15, "et demie": 30, "et demi": 30, "trois quarts": 45},
        minus_parts={"moins le quart": 15, "moins un quart": 15, "moins quart": 15},
        past=(),
        to=(),
        past_parts={},
        to_parts={},
        morning=phrases("du matin, ce matin"),
        afternoon=phrases("de l'après midi, cet après midi, du soir, ce soir"),
        night=phrases("de la nuit, cette nuit"),
    ),
    "es": Clock(
        hours=("las {}", "la {}", "{} horas", "{} en punto", "las {} en punto", "la {} en punto"),
        exact={"mediodía": 12, "el mediodía": 12, "medianoche": 0, "la medianoche": 0},
        at=("a", "son", "es", "sobre", "hacia"),
        bare=False,
        minutes=("{} minutos",),
        plus=("y {}", "con {}"),
        minus=("menos {}",),
        plus_parts={"y cuarto": 15, "y media": 30},
        minus_parts={"menos cuarto": 15, "menos un cuarto": 15},
        past=(),
        to=("{} para",),
        past_parts={},
        to_parts={"cuarto para": 15, "un cuarto para": 15},
        morning=phrases("de la mañana, esta mañana, de la madrugada, am, a m"),
        afternoon=phrases("de la tarde, esta tarde, del mediodía, pm, p m"),
        night=phrases("de la noche, esta noche"),
    ),
    "de": Clock(
        hours=("{} uhr",),
        exact={"mittag": 12, "mitternacht": 0},
        at=("um", "gegen", "so um", "ab"),
        bare=True,
        minutes=("{} minuten", "und {} minuten"),
        plus=(),
        minus=(),
        plus_parts={},
        minus_parts={},
        past=("{} nach", "{} minuten nach"),
        to=("{} vor", "{} minuten vor"),
        past_parts={"viertel nach": 15},
        to_parts={
            "viertel vor": 15,
            "halb": 30,
            "dreiviertel": 15,
            "drei viertel": 15,
            "viertel": 45,
            "fünf vor halb": 35,
            "zehn vor halb": 40,
            "fünf nach halb": 25,
            "zehn nach halb": 20,
        },
        morning=phrases("morgens, vormittags, früh, am morgen, am vormittag"),
        afternoon=phrases("mittags, nachmittags, am nachmittag, abends, am abend"),
        night=phrases("nachts, in der nacht"),
    ),
}
