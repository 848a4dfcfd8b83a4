"""French, of France, Belgium, Switzerland and Canada: numbers, letters, signs, yes and no.

Owns the French tables. Must not know anything but `h2b.language.base`.
"""

import re
from functools import cache
from typing import Final

from h2b.language.base import (
    GROUPED_BY_DOT,
    NATO,
    Language,
    Notation,
    Noun,
    by_initial,
    pairs,
    phrases,
    taken_for,
    words,
)

_UNITS: Final = (
    *words("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"),
    *phrases("dix sept, dix huit, dix neuf"),
)
_TENS: Final = words("_ dix vingt trente quarante cinquante soixante")

_DIGITS: Final = {str(digit): (word,) for digit, word in enumerate(_UNITS[:10])} | {
    "0": ("zéro", "zero"),
    "1": ("un", "une"),
}


def _tens_and_rest(n: int) -> list[tuple[str, int]]:
    """Every way to cut 20 <= n < 100 into a tens word and what follows it: "soixante" 18, "septante" 8."""
    tens, unit = divmod(n, 10)
    if tens < 7:
        return [(_TENS[tens], unit)]
    if tens == 7:
        return [("soixante", unit + 10), ("septante", unit)]
    if tens == 9:
        return [("quatre vingt", unit + 10), ("quatre vingts", unit + 10), ("nonante", unit)]
    scores = [("quatre vingt", unit), ("quatre vingts", unit)]
    return [*(scores if unit else scores[::-1]), ("huitante", unit), ("octante", unit)]


@cache
def _below_hundred(n: int) -> tuple[str, ...]:
    """Masculine forms."""
    if n < 20:
        return (_UNITS[n],)
    forms = []
    for tens, rest in _tens_and_rest(n):
        spoken = f"{tens} {_UNITS[rest]}" if rest else tens
        if rest in (1, 11) and not tens.startswith("quatre"):
            forms.append(f"{tens} et {_UNITS[rest]}")
        forms.append(spoken)
    return tuple(forms)


@cache
def _below_thousand(n: int) -> tuple[str, ...]:
    hundreds, rest = divmod(n, 100)
    if not hundreds:
        return _below_hundred(rest)
    if hundreds == 1:
        heads: tuple[str, ...] = ("cent",)
    else:
        heads = (f"{_UNITS[hundreds]} cent", f"{_UNITS[hundreds]} cents")
    return tuple(pairs(heads, _below_hundred(rest))) if rest else heads[::-1]


@cache
def _thousands(count: int) -> tuple[str, ...]:
    """Without the plural first, the other way round than alone: "quatre vingts", "quatre vingt mille"."""
    if count == 1:
        return ("mille",)
    singular_first = sorted(_below_thousand(count), key=lambda form: form.endswith(("vingts", "cents")))
    return tuple(f"{form} mille" for form in singular_first)


def _number_forms(n: int) -> tuple[str, ...]:
    if n < 10:
        return _DIGITS[str(n)]
    if n < 100:
        forms = _below_hundred(n)
        return forms + tuple(f"{form}e" for form in forms if form.endswith(" un"))
    if n < 1000:
        return _below_thousand(n)
    thousands, rest = divmod(n, 1000)
    all_forms = pairs(_thousands(thousands), _below_thousand(rest)) if rest else list(_thousands(thousands))
    hundreds, rest = divmod(n, 100)
    if 11 <= hundreds <= 19:  # "dix neuf cent quatre vingt quatre"
        heads = (f"{_UNITS[hundreds]} cent", f"{_UNITS[hundreds]} cents")
        all_forms += pairs(heads, _below_hundred(rest)) if rest else heads[::-1]
    return tuple(all_forms)


_SPECIAL_ORDINALS: Final = {
    ("1", "er"): "premier",
    ("1", "re"): "première",
    ("1", "ère"): "première",
    ("1", "ere"): "première",
    ("2", "nd"): "second",
    ("2", "nde"): "seconde",
}


def _ordinal(match: re.Match[str]) -> str:
    special = _SPECIAL_ORDINALS.get((match[1], match[2]))
    if special:
        return special
    spoken = _number_forms(int(match[1]))[0]
    stem = re.sub(r"(?<=vingt|.cent)s$|e$", "", spoken)
    return re.sub(r"q$", "qu", re.sub(r"f$", "v", stem)) + "ième"


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    count = re.sub(r"\bun$", "une", _number_forms(hour)[0])
    hours = f"{count} {'heure' if hour < 2 else 'heures'}"
    return f"{hours} {_number_forms(minute)[0]}" if minute else hours


_HOUR: Final = r"(?<![\w:.,])([01]?[0-9]|2[0-4])"

_NOTATION: Final = Notation(
    grouped=GROUPED_BY_DOT,
    decimal_words={",": "virgule", ".": "point"},
    decimals_digit_by_digit=False,
    million=Noun(one="un million", many="millions"),
    percent="pour cent",
    currencies={
        "€": Noun(one="un euro", many="euros"),
        "$": Noun(one="un dollar", many="dollars"),
        "£": Noun(one="une livre", many="livres"),
    },
    readings=(
        (re.compile(_HOUR + r":([0-5][0-9])(?![:.,]?[0-9])(?:\s?h\b)?"), _clock),
        # No blank before this "h": "3 h 20" may be three characters of a code spelt out.
        (re.compile(_HOUR + r"h([0-5][0-9])?(?!\w)"), _clock),
        (re.compile(r"\b([0-9]{1,4})(er|re|ère|ere|nde?|ième|ème|eme|è|e)\b"), _ordinal),
    ),
)

_LETTERS: Final = {
    "a": ("a",),
    "b": ("b", "bé"),
    "c": ("c", "cé"),
    "d": ("d", "dé"),
    "e": ("e",),
    "f": ("f", "effe", "èfe", "ef"),
    "g": ("g", "gé"),
    "h": ("h", "ache", "hache"),
    "i": ("i",),
    "j": ("j", "ji", "gi"),
    "k": ("k", "ka"),
    "l": ("l", "èle", "el"),
    "m": ("m", "emme", "ème"),
    "n": ("n", "enne", "ène"),
    "o": ("o",),
    "p": ("p", "pé"),
    "q": ("q", "ku", "qu"),
    "r": ("r", "erre"),
    "s": ("s", "esse"),
    "t": ("t", "té"),
    "u": ("u",),
    "v": ("v", "vé"),
    "w": ("w", "double vé", "double v", "doublevé", "double ve"),
    "x": ("x", "ixe", "iks"),
    "y": ("y", "i grec", "igrec", "ygrec"),
    "z": ("z", "zède", "zed"),
    "é": ("é", "e accent aigu", "é accent aigu"),
    "è": ("è", "e accent grave", "è accent grave"),
    "ê": ("ê", "e accent circonflexe", "ê accent circonflexe"),
    "ë": ("ë", "e tréma"),
    "à": ("à", "a accent grave"),
    "â": ("â", "a accent circonflexe"),
    "î": ("î", "i accent circonflexe"),
    "ï": ("ï", "i tréma"),
    "ô": ("ô", "o accent circonflexe"),
    "ù": ("ù", "u accent grave"),
    "ü": ("ü", "u tréma"),
    "û": ("û", "u accent circonflexe"),
    "ç": ("ç", "c cédille"),
}

_LETTER_HOMOPHONES: Final = taken_for(
    {
        "a": "as",
        "b": "baie, bée",
        "c": "c'est, s'est, ces, ses, sait, sais",
        "d": "des, dès",
        "e": "eux, œufs",
        "g": "j'ai, geai",
        "h": "hash",
        "i": "hi, hie",
        "j": "j'y, gît",
        "k": "cas",
        "l": "elle, elles, aile, ailes",
        "m": "aime, aimes",
        "n": "haine, aine",
        "o": "eau, eaux, au, aux, oh, haut, ho",
        "p": "paie",
        "q": "cul, cu",
        "r": "air, aire, ère",
        "s": "est ce",
        "t": "thé, tes, t'es, thés",
        "u": "eu, hue, eut",
        "v": "vais",
        "ab": "abbé",
        "ac": "assez",
        "bb": "bébé",
        "bc": "baissé, baisser",
        "cd": "cédé, céder, cédez",
        "ht": "acheté, acheter",
        "hv": "achevé, achever",
        "id": "idée",
        "obi": "obéi",
        "ot": "ôté",
        "pi": "pays",
        "pp": "pépé",
    }
)

_DIGIT_HOMOPHONES: Final = taken_for(
    {
        "0": "o, zéros, héros",
        "1": "hein",
        "2": "d'eux",
        "3": "troie, troyes",
        "4": "catre",
        "5": "sinq, saint",
        "6": "si, sis, scie",
        "7": "set, cet, cette, sète",
        "8": "uit",
        "9": "neufs, neuve",
    }
)

_SYMBOLS: Final = {
    "-": ("tiret", "trait d'union", "moins"),
    "_": ("tiret bas", "underscore", "souligné"),
    ".": ("point",),
    ",": ("virgule",),
    ":": ("deux points",),
    "/": ("slash", "barre", "barre oblique"),
    "\\": ("antislash", "barre oblique inverse"),
    "@": ("arobase", "arrobase", "at", "a commercial"),
    "+": ("plus",),
    "#": ("dièse",),
    "*": ("étoile", "astérisque"),
    "&": ("et commercial", "esperluette"),
    "'": ("apostrophe",),
    " ": ("espace", "blanc"),
}

_ALPHABETS: Final = {
    **NATO,
    **by_initial(
        """
        écho fox hôtel novembre québec roméo uniforme india juliet lima charly anatole berthe célestin
        désiré eugène françois gaston henri irma joseph kléber louis marcel nicolas oscar pierre quintal
        raoul suzanne thérèse ursule victor william xavier yvonne zoé albert alice alain andré anne
        antoine arthur bernard béatrice brigitte bruno camille caroline catherine cécile christian
        claude daniel david denis didier dominique édouard edouard émile emile élodie étienne éric eric
        fabien fernand florence françoise frédéric gabriel georges gérard gilbert guy gustave hector
        hélène hubert hugo ida irène isabelle isidore jacques jean jeanne jules julie julien karine
        kevin laurent léa léon lucie lucien louise marc marie martin maurice michel mathieu nadine
        nathalie noé noël noémie odette olivier octave olga pascal patrick paul philippe paulette
        quentin raymond rené robert roger roland romain samuel sébastien simon simone sophie sylvie
        théodore théo thierry thomas ulysse urbain ursula valérie véronique vincent viviane wagon walter
        wendy xylophone yann yves yvette yacht zébulon zacharie zorro zèbre
        """
    ),
}

_YES: Final = phrases(
    """
    oui, ouais, ouep, oui oui, ah oui, ben oui, bah oui, eh bien oui, euh oui, mais oui, oui merci, oui s'il vous
    plaît, oui bien sûr, oui tout à fait, oui c'est ça, oui d'accord, oui exactement, oui absolument, oui
    volontiers, oui c'est bien ça, oui c'est exact, oui c'est correct, oui je veux bien, oui je confirme, si, mais
    si, d'accord, c'est d'accord, je suis d'accord, ok, okay, o k, ça marche, ça me va, tout à fait, c'est ça,
    c'est bien ça, c'est cela, voilà c'est ça, exactement, exact, c'est exact, c'est correct, correct, c'est bon,
    c'est juste, c'est vrai, vrai, bien sûr, bien sûr que oui, bien entendu, évidemment, absolument, certainement,
    effectivement, en effet, affirmatif, parfait, parfaitement, volontiers, avec plaisir, je veux bien, je
    confirme, je valide, pourquoi pas, entendu, sans problème, pas de problème, carrément, très bien, je crois que
    oui, je pense que oui, je crois bien, je crois, je pense, il me semble, il me semble que oui, je suppose que
    oui, plutôt oui, pas de souci, pas de soucis, sans souci, aucun problème, aucun souci, y a pas de problème, y a
    pas de souci, il n'y a pas de problème, il n'y a pas de souci, c'est parfait, c'est bien, c'est très bien,
    c'est ok, c'est moi, c'est bien moi, c'est le bon, c'est la bonne, ça me convient, cela me convient, ça me
    convient très bien, ça me va très bien, ça va, ça roule, ça joue, nickel, super, impeccable, bonne idée, allez
    y, allons y, vas y, si si, je veux, je l'ai, tout à fait d'accord, sans doute, sans aucun doute, j'accepte,
    j'approuve, positif, correcte, exacte, je suis sûr, je suis sûre, j'en suis sûr, j'en suis sûre, oh que oui, je
    n'ai pas de problème
    """
)

_NO: Final = phrases(
    """
    non, nan, non non, non non non, ah non, ben non, bah non, euh non, mais non, oh non, non merci, non pas du
    tout, non c'est pas ça, non ce n'est pas ça, non pas vraiment, pas du tout, surtout pas, pas vraiment, pas
    d'accord, je ne suis pas d'accord, je suis pas d'accord, pas maintenant, pas aujourd'hui, pas question, hors de
    question, certainement pas, absolument pas, sûrement pas, bien sûr que non, évidemment pas, en aucun cas,
    aucunement, nullement, jamais, jamais de la vie, négatif, faux, c'est faux, incorrect, c'est incorrect, pas
    correct, pas exactement, pas tout à fait, ce n'est pas ça, c'est pas ça, ce n'est pas correct, c'est pas
    correct, ce n'est pas exact, c'est pas bon, ce n'est pas bon, je ne veux pas, je veux pas, je ne crois pas, je
    crois pas, je ne pense pas, je pense pas, je ne préfère pas, je préfère pas, ça ne va pas, ça va pas, je crois
    que non, je pense que non, il me semble que non, je suppose que non, plutôt non, plutôt pas, pas encore, pas
    pour l'instant, pas pour le moment, pas en ce moment, pas cette fois, pas tellement, pas besoin, je n'en ai pas
    besoin, j'en ai pas besoin, ça ne m'intéresse pas, ça m'intéresse pas, pas intéressé, pas intéressée, je ne
    suis pas intéressé, je ne suis pas intéressée, je suis pas intéressé, je suis pas intéressée, ça ne me convient
    pas, ça me convient pas, cela ne me convient pas, je n'en ai pas, j'en ai pas, je ne l'ai pas, je l'ai pas, je
    n'ai pas, j'ai pas, je ne peux pas, je peux pas, c'est pas exact, c'est pas juste, ce n'est pas juste, c'est
    pas vrai, ce n'est pas vrai, c'est pas moi, ce n'est pas moi, c'est pas le bon, ce n'est pas le bon, c'est pas
    la bonne, ce n'est pas la bonne, c'est pas le cas, ce n'est pas le cas, c'est une erreur, c'est pas possible,
    ce n'est pas possible, je refuse, moi non plus, probablement pas, évidemment que non, je ne confirme pas, je
    n'accepte pas, ça ne marche pas, ça marche pas, ça ne va pas du tout, je ne souhaite pas, je souhaite pas, je
    n'ai pas besoin, j'ai pas besoin, fausse, inexact, inexacte, c'est inexact, incorrecte, pas que je sache, pas à
    ma connaissance, rien, rien d'autre
    """
)

FRENCH: Final = Language(
    code="fr",
    digits=_DIGITS,
    digit_homophones=_DIGIT_HOMOPHONES,
    letters=_LETTERS,
    letter_homophones=_LETTER_HOMOPHONES,
    symbols=_SYMBOLS,
    alphabets=_ALPHABETS,
    links=("comme", "pour", "comme dans"),
    doubling={
        **dict.fromkeys(phrases("double, deux fois, deux fois le"), 2),
        **dict.fromkeys(phrases("triple, trois fois, trois fois le"), 3),
    },
    fillers=frozenset(words("euh heu hum hem hmm mm ah eh bah ben bon alors donc voilà enfin attendez bref quoi")),
    yes=_YES,
    no=_NO,
    negators=("pas", "jamais", "aucunement", "aucun", "aucune", "ni"),
    notation=_NOTATION,
    no_digits=phrases("un moment, un instant, une minute, une seconde, un peu, une fois"),
    numbers=_number_forms,
    magnitudes=words("million millions milliard milliards"),
)
