"""The spoken forms of the languages the server understands.

Owns the choice of a language by its tag. Must not know grammars, wires or engines.
"""

from h2b.language.base import Language, fold_accents, normalise
from h2b.language.de import GERMAN
from h2b.language.en import ENGLISH
from h2b.language.es import SPANISH
from h2b.language.fr import FRENCH

__all__ = ["LANGUAGES", "Language", "UnknownLanguage", "fold_accents", "language", "normalise"]

LANGUAGES: tuple[Language, ...] = (GERMAN, ENGLISH, SPANISH, FRENCH)
"""In the order of their codes."""

_BY_CODE = {known.code: known for known in LANGUAGES}


class UnknownLanguage(LookupError):
    """No spoken forms for the language of this tag; the text says which there are."""


def language(code: str) -> Language:
    """The language of an RFC 5646 tag, by its primary subtag, in any case: "fr", "fr-BE", "EN-us".

    Raises UnknownLanguage for any other.
    """
    known = _BY_CODE.get(code.partition("-")[0].lower())
    if known is None:
        raise UnknownLanguage(f"no spoken forms for language '{code}': expected one of {', '.join(_BY_CODE)}")
    return known
