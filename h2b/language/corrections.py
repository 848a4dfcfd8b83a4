"""What callers say when they take back a word and say it again: "no wait", "je veux dire", "mejor dicho".

Owns the tables. Must not know grammars, nor what such a phrase takes back. Every word is in its normal form.
"""

from collections.abc import Mapping
from typing import Final

from h2b.language.base import Language, phrases


def corrections(language: Language) -> tuple[str, ...]:
    """Phrases that may stand between what was said by mistake and what was meant."""
    return _CORRECTIONS[language.code]


_CORRECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": phrases(
        """
        no, nope, no wait, wait no, no sorry, no i mean, sorry, i'm sorry, i mean, i meant, i meant to say, make that,
        make it, correction, scratch that, strike that, or rather, my mistake, oops
        """
    ),
    "fr": phrases(
        """
        non, nan, non pardon, pardon, je veux dire, je voulais dire, enfin, plutôt, ou plutôt, je me trompe, je me suis
        trompé, je me suis trompée, je corrige, correction, erreur, excusez moi, désolé, désolée
        """
    ),
    "es": phrases(
        """
        no, no perdón, perdón, perdone, disculpe, digo, quiero decir, quise decir, quería decir, mejor dicho, o mejor,
        corrijo, corrección, me equivoqué, me he equivocado, me equivoco
        """
    ),
    "de": phrases(
        """
        nein, nee, nein moment, ich meine, ich meinte, entschuldigung, entschuldigen sie, verzeihung, pardon, sorry,
        korrektur, quatsch, vielmehr, besser gesagt, ich korrigiere, falsch
        """
    ),
}
