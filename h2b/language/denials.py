"""What makes a value the one that is not meant: "not monday", "everything except billing", "less than three".

Owns the tables. The single words that negate are `Language.negators`. Must not know grammars. Every phrase is in its
normal form.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases, words


@frozen(eq=False, kw_only=True)
class Denials:
    """Phrases of one language."""

    excluding: tuple[str, ...]
    """What also negates what comes behind it."""
    harmless: tuple[str, ...]
    """Phrases in which a negator denies nothing, beside those of `Language.yes` ("why not"): "not only monday"."""
    contrasts: tuple[str, ...]
    """Words behind which something else begins: "I don't have it, but …"."""
    comparing: tuple[str, ...]
    """What makes a number before or behind it a bound: "at least"."""
    comparing_before: tuple[str, ...]
    """The same, only before the number: "less than"."""
    comparing_after: tuple[str, ...]
    """The same, only behind it: "or more"."""
    lacking: tuple[str, ...]
    """Words that make a topic of what is negated: "I don't have internet", "I can't cancel"."""
    refusing: tuple[str, ...]
    """Words that make it no topic even so: "je n'ai pas besoin d'un agent"."""


def denials(language: Language) -> Denials:
    """The denials of a language the server understands."""
    return _DENIALS[language.code]


_NO_VERBS: Final = words(
    """
    es son era eran fue soy somos quiero queremos quería deseo necesito tengo tenemos puedo podemos puede hay creo
    pienso está estoy sea será voy va me digo vivo estamos
    """
)
"""Spanish "no" negates before these; anywhere else it answers what came before: "no, tres"."""

_DENIALS: Final[Mapping[str, Denials]] = {
    "en": Denials(
        excluding=phrases(
            "except, except for, without, besides, anything but, other than, instead of, rather than, excluding"
        ),
        harmless=phrases(
            """
            isn't it, isn't that right, don't you, can't you, couldn't you, wouldn't you, don't mind, don't
            worry, not only, can't wait, can you not, could you not, can i not, could i not, not more,
            not be a problem, without a problem, without problems, without delay
            """
        ),
        contrasts=words("but and then because though however instead maybe perhaps"),
        comparing=phrases("at least, at most, at the most, at the least, minimum, maximum"),
        comparing_before=phrases(
            """
            less than, fewer than, more than, greater than, bigger than, smaller than, higher than, lower than, older
            than, younger than, over, under, above, below, up to, beyond
            """
        ),
        comparing_after=phrases(
            """
            or more, or less, or fewer, or older, or younger, or over, or under, or above, or below, or later, or
            earlier, and over, and under, and above, and up
            """
        ),
        lacking=words("have haven't has hasn't had got get getting can't cannot couldn't without"),
        refusing=words("want need like say said ask"),
    ),
    "fr": Denials(
        excluding=phrases("sauf, sans, excepté, hormis, à part, au lieu de, au lieu du, plutôt que, autre que"),
        harmless=phrases(
            """
            n'est ce pas, pas seulement, pas plus, sans faute, sans problème, sans problèmes, sans souci, sans soucis
            """
        ),
        contrasts=words("mais et puis donc car alors plutôt"),
        comparing=phrases("au moins, au maximum, au minimum, minimum, maximum, tout au plus"),
        comparing_before=phrases(
            """
            au plus, moins de, moins que, plus de, plus que, jusqu'à, supérieur à, inférieur à, au dessus de, en
            dessous de, au delà de
            """
        ),
        comparing_after=phrases("ou plus, ou moins, et plus, ou davantage"),
        lacking=words(
            """
            ai j'ai n'ai a n'a avons n'avons avez avais avoir peux peut arrive n'arrive j'arrive comprends reçois
            reçoit trouve vois sans
            """
        ),
        refusing=words("besoin envie dit demandé veux voulais voulu souhaite"),
    ),
    "es": Denials(
        excluding=(
            *phrases("excepto, salvo, sin, aparte de, en vez de, en lugar de"),
            *(f"no {verb}" for verb in _NO_VERBS),
            *(f"no lo {verb}" for verb in ("quiero", "tengo", "sé")),
        ),
        harmless=phrases("no solo, no sólo, sin falta, sin problema, sin problemas"),
        contrasts=words("pero sino y porque entonces mejor quizá quizás"),
        comparing=phrases(
            """
            por lo menos, al menos, como mínimo, como máximo, como mucho, mínimo, máximo, a lo sumo
            """
        ),
        comparing_before=phrases(
            """
            menos de, menos que, más de, más que, mayor de, mayor que, menor de, menor que, por encima de, por debajo
            de
            """
        ),
        comparing_after=phrases("o más, o menos"),
        lacking=words("tengo tenemos hay puedo podemos puede está estoy va sin"),
        refusing=words("quiero queremos necesito dicho dije digo"),
    ),
    "de": Denials(
        excluding=phrases("außer, ohne, statt, anstatt, bis auf"),
        harmless=phrases("nicht wahr, nicht nur, mehr nicht, ohne problem, ohne probleme, ohne weiteres"),
        contrasts=words("aber sondern und denn weil dann lieber vielleicht"),
        comparing=phrases("mindestens, höchstens, maximal, wenigstens, minimal"),
        comparing_before=phrases(
            """
            mehr als, weniger als, über, unter, bis zu, älter als, jünger als, größer als, kleiner als, höher als,
            oberhalb von, unterhalb von
            """
        ),
        comparing_after=phrases("oder mehr, oder weniger, oder älter, oder jünger, oder später, oder früher"),
        lacking=words("habe hab haben hatte hatten kann können konnte bekomme bekommen kriege gibt ohne"),
        refusing=words("will möchte möchten wollte brauche brauchen gesagt gemeint"),
    ),
}
