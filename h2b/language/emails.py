"""How e-mail addresses are said in each language: signs, providers, top-level domains, what is said around them.

Owns the tables. Must not know grammars, nor what an address may look like.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases, taken_for, words


@frozen(eq=False, kw_only=True)
class Emails:
    """The words of e-mail addresses in one language, each in its normal form."""

    at: tuple[str, ...]
    """Names of "@" that mean nothing else."""
    weak_at: tuple[str, ...]
    """Names of "@" that are common words, too."""
    signs: Mapping[str, str]
    """Phrase to sign. A lone dot may part labels; the others only stand inside."""
    ignored: tuple[str, ...]
    """Phrases about how an address is written: "all one word"."""
    before: tuple[str, ...]
    """Words that end what is said before an address: "my address is"."""
    never_first: frozenset[str]
    """Words that no address begins with."""
    domains: Mapping[str, str]
    """What is heard for a top-level domain, spaces left out, to the domain: {"comme": "com"}."""
    providers: Mapping[str, str]
    """What is heard for a provider, spaces left out, to its domain name without the top-level domain."""


def emails(language: Language) -> Emails:
    """The table of a language the server understands."""
    return _EMAILS[language.code]


TOP_LEVEL: Final = frozenset(
    words(
        """
        com org net edu gov mil int info biz name pro mobi jobs app dev io ai co me tv cc online site shop store cloud
        tech email blog xyz club live news eu uk us ca au nz ie za in fr be ch lu mc re es mx ar cl pe ve uy ec bo py cr
        gt pa do cu cat gal eus de at li it pt nl dk se no fi is pl cz sk hu ro bg gr hr si rs tr ru ua il ae sa ma dz
        tn br jp cn kr hk sg th vn id ph asia paris bzh alsace corsica berlin hamburg koeln cologne bayern wien swiss
        madrid barcelona london wales scot
        """
    )
)
"""Top-level domains of the IANA root zone that callers have: others are taken at the end of what was said."""

GENERIC: Final = frozenset(words("com net org edu gov info co ac"))
"""Domains that are known without a dot before them; others are common words somewhere."""

PROVIDERS: Final[Mapping[str, str]] = {
    **{
        name: name
        for name in words(
            """
            gmail googlemail hotmail outlook live msn yahoo ymail icloud me mac aol gmx web mail protonmail proton zoho
            fastmail orange wanadoo free sfr neuf laposte bbox numericable aliceadsl gandi ovh skynet telenet proximus
            bluewin telefonica movistar terra vodafone ono telekom freenet arcor posteo mailbox kabelmail online
            btinternet btopenworld virginmedia sky talktalk ntlworld comcast verizon att bellsouth sbcglobal cox charter
            earthlink hey tutanota
            """
        )
    },
    **taken_for(
        {
            "gmail": "gemail, jmail, jimail, geemail, djimail, guimail, gimail, jeemail, jemail, chimail",
            "hotmail": "hotmel, hotmael, ottmail, otmail, hotmall, autmail",
            "outlook": "outlouk, autlook, outluk",
            "yahoo": "yahou, yaho, iahoo, yajoo, jahoo, yahu",
            "icloud": "eyecloud, aicloud, iclaud, aïcloud, iclode",
            "protonmail": "protonmel",
            "t-online": "tonline, teonline, teeonline, téonline",
            "bbox": "bebox, bébox, bibox",
            "wanadoo": "wanadou, ouanadoo, vanadoo, wanado",
            "laposte": "lapost",
            "telefonica": "telefónica",
            "gmx": "gemx, geemix, jmx",
        }
    ),
}
"""Providers that are known everywhere, by what recognisers write for them, spaces left out."""

_EMAILS: Final[Mapping[str, Emails]] = {
    "en": Emails(
        at=phrases("at sign, arobase"),
        weak_at=("at",),
        signs=taken_for(
            {
                ".": "dot, point, period, full stop",
                "-": "dash, hyphen, minus, minus sign, hyphen sign",
                "_": "underscore, under score, low line, underline",
                "+": "plus, plus sign",
            }
        ),
        ignored=phrases(
            """
            all one word, one word, all lower case, all lowercase, in lower case, in lowercase, lower case, lowercase,
            no spaces, without spaces, all together, capital, upper case, uppercase, the number, the letter, that's
            """
        ),
        before=phrases(
            """
            is, it's, its, my email, email, e mail, my mail, address, to, me, reach me, yes, yeah, sure, okay, ok, be,
            i think it's, would be, mine
            """
        ),
        never_first=frozenset(words("my the so well and yes yeah sure ok okay that's that um uh it i i'm use try")),
        domains=taken_for({"com": "calm, come, comm, kom", "net": "nett", "org": "orgue", "uk": "youkay", "co": "coh"}),
        providers={},
    ),
    "fr": Emails(
        at=phrases("arobase, arrobase, arobas, arrobas, a robase, a rebase, arobaze, à robase, a commercial"),
        weak_at=("at", "chez"),
        signs=taken_for(
            {
                ".": "point, poing, dot",
                "-": "tiret, trait d'union, moins, tiret du six, tiret du 6, tiret haut, tiret du milieu",
                "_": """tiret bas, tiret du bas, underscore, under score, souligné, tiret du huit, tiret du 8,
                sous tiret, anderscore""",
                "+": "plus, signe plus",
            }
        ),
        ignored=phrases(
            """
            tout attaché, tous attachés, tout attachée, attaché, en un mot, en un seul mot, tout en minuscules, tout en
            minuscule, en minuscules, en minuscule, minuscules, minuscule, majuscule, en majuscules, sans espace, sans
            espaces, sans accent, sans accents, le chiffre, les chiffres, la lettre, en chiffres, en chiffre
            """
        ),
        before=phrases(
            """
            c'est, est, adresse, mail, email, e mail, mèl, courriel, oui, écrire à, sur, voilà, voici, alors, ça sera,
            ce sera
            """
        ),
        never_first=frozenset(words("mon ma le euh alors oui donc et donc bah ben d'accord à")),
        domains=taken_for(
            {"com": "comme, come, kom, comm", "net": "nette, nettes", "fr": "effer, aifer", "org": "orgue", "eu": "eux"}
        ),
        providers={"9": "neuf", "chic": "sfr", "poste": "laposte"},
    ),
    "es": Emails(
        at=phrases("arroba, arrova, a roba, arrobas, la arroba"),
        weak_at=("at",),
        signs=taken_for(
            {
                ".": "punto, dot",
                "-": "guion, guión, guion medio, guión medio, menos, raya",
                "_": "guion bajo, guión bajo, barra baja, subrayado, raya baja, rayita abajo, underscore, raya al piso",
                "+": "más, mas, signo más",
            }
        ),
        ignored=phrases(
            """
            todo junto, todo seguido, todo pegado, en minúsculas, en minúscula, todo en minúsculas, todo en minúscula,
            minúsculas, minúscula, mayúscula, sin espacios, sin acentos, sin acento, el número, la letra, en número,
            sin tilde
            """
        ),
        before=phrases("es, correo, correo electrónico, email, e mail, mail, dirección, sí, sería, mi correo"),
        never_first=frozenset(words("mi el la pues sí bueno eh y claro vale apunte apúntelo anote")),
        domains=taken_for({"com": "con, kom, comm, como", "net": "neto", "es": "ese, está", "org": "orgue"}),
        providers={},
    ),
    "de": Emails(
        at=phrases("klammeraffe, at zeichen, ät, ett, ädd, add, klammer affe, affenschwanz, et zeichen"),
        weak_at=("at", "et"),
        signs=taken_for(
            {
                ".": "punkt, dot",
                "-": "bindestrich, binde strich, minus, strich, mittelstrich",
                "_": "unterstrich, unter strich, underscore",
                "+": "plus, pluszeichen",
            }
        ),
        ignored=phrases(
            """
            alles zusammen, zusammen, zusammengeschrieben, alles zusammengeschrieben, alles klein, alles
            kleingeschrieben, kleingeschrieben, klein geschrieben, alles klein geschrieben, in kleinbuchstaben,
            kleinbuchstaben, großes, kleines, groß, klein, ohne leerzeichen, in einem wort, ein wort, die zahl, die
            ziffer, der buchstabe
            """
        ),
        before=phrases("ist, lautet, adresse, mail, e mail, email, mailadresse, ja, an, wäre, e mailadresse"),
        never_first=frozenset(words("meine die ja also und ähm äh der das gut")),
        domains=taken_for({"com": "komm, kom, comm", "net": "nett", "de": "deh, dee", "org": "orgel", "eu": "eh"}),
        providers={"webb": "web", "wepp": "web", "1und1": "1und1", "einsundeins": "1und1"},
    ),
}

_ORDINAL_STEMS: Final = words(
    "deux trois quatr cinqu six sept huit neuv dix onz douz treiz quatorz quinz seiz dix|sept dix|huit dix|neuv vingt"
)

ORDINALS: Final = {
    "premier": 1,
    "première": 1,
    "second": 2,
    "seconde": 2,
    **{f"{stem.replace('|', ' ')}ième": number for number, stem in enumerate(_ORDINAL_STEMS, start=2)},
}
"""Of floors and arrondissements."""
