"""Spanish, of Spain and America: numbers, letters, signs, yes and no, as said and as recognisers write them.

Owns the Spanish tables. Must not know anything but `h2b.language.base`.
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
    fold_accents,
    pairs,
    phrases,
    taken_for,
    unique,
    words,
)

_UNITS: Final = words(
    """
    cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis
    diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco
    veintiséis veintisiete veintiocho veintinueve
    """
)
_TENS: Final = words("_ diez veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_HUNDREDS: Final = words(
    """
    _ ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos
    novecientos
    """
)

_DIGITS: Final = {str(digit): (word,) for digit, word in enumerate(_UNITS[:10])} | {
    "1": ("uno", "un", "una"),
    "3": ("tres", "trés"),
}


@cache
def _below_hundred(n: int) -> tuple[str, ...]:
    """Masculine, shortened, feminine; with and without accents; written in one word and in three."""
    if n < 10:
        return _DIGITS[str(n)]
    tens, unit = divmod(n, 10)
    if n < 16 or not unit:
        return (_UNITS[n] if n < 16 else _TENS[tens],)
    forms = [f"{_TENS[tens]} y {word}" for word in (_DIGITS["1"] if unit == 1 else (_UNITS[unit],))]
    if n == 21:
        forms = ["veintiuno", "veintiún", "veintiun", "veintiuna", *forms]
    elif n < 30:
        forms = [_UNITS[n], fold_accents(_UNITS[n]), *forms]
    return unique(forms)


def _agree(head: str, tail: str) -> bool:
    """No "doscientas uno"; "doscientos una" is no better."""
    return not tail.endswith(("uno", "una", "ún", "un")) or head.endswith("as") == tail.endswith("una")


@cache
def _below_thousand(n: int) -> tuple[str, ...]:
    hundreds, rest = divmod(n, 100)
    if not hundreds:
        return _below_hundred(rest)
    if n == 100:
        return ("cien", "ciento")
    masculine = _HUNDREDS[hundreds]
    heads = (masculine,) if hundreds == 1 else (masculine, f"{masculine[:-2]}as")
    if not rest:
        return heads
    tails = _below_hundred(rest)
    return tuple(f"{head} {tail}" for head in heads for tail in tails if hundreds == 1 or _agree(head, tail))


@cache
def _thousands(count: int) -> tuple[str, ...]:
    """One loses its ending before "mil": "veintiún mil", "treinta y un mil"."""
    if count == 1:
        return ("mil",)
    forms = ("cien",) if count == 100 else _below_thousand(count)
    return tuple(f"{form} mil" for form in forms if not form.endswith(("uno", "una")))


def _number_forms(n: int) -> tuple[str, ...]:
    if n < 1000:
        return _below_thousand(n)
    thousands, rest = divmod(n, 1000)
    heads = _thousands(thousands)
    return tuple(pairs(heads, _below_thousand(rest))) if rest else heads


_ORDINAL_UNITS: Final = words("_ primero segundo tercero cuarto quinto sexto séptimo octavo noveno")
_ORDINAL_TENS: Final = words(
    """
    _ décimo vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo nonagésimo
    """
)
_ORDINAL_TEENS: Final = {11: "undécimo", 12: "duodécimo"}


def _ordinal(match: re.Match[str]) -> str:
    n, ending = int(match[1]), match[2] or match[3]
    tens, unit = divmod(n, 10)
    spoken = _ORDINAL_TEENS.get(n) or " ".join(
        ([_ORDINAL_TENS[tens]] if tens else []) + ([_ORDINAL_UNITS[unit]] if unit else [])
    )
    if not spoken:
        return _number_forms(n)[0]
    if ending in ("ª", "ra", "da"):
        return re.sub(r"o\b", "a", spoken)
    return re.sub(r"(primer|tercer)o$", r"\1", spoken) if ending == "er" else spoken


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    hours = re.sub(r"uno$", "una", _number_forms(hour)[0])
    return f"{hours} y {_number_forms(minute)[0]}" if minute else hours


_NOTATION: Final = Notation(
    grouped=GROUPED_BY_DOT,
    decimal_words={",": "coma", ".": "punto"},
    decimals_digit_by_digit=False,
    million=Noun(one="un millón", many="millones"),
    percent="por ciento",
    currencies={
        "€": Noun(one="un euro", many="euros"),
        "$": Noun(one="un dólar", many="dólares"),
        "£": Noun(one="una libra", many="libras"),
    },
    before_noun=(("veintiuno", "veintiún"), ("uno", "un")),
    readings=(
        (
            re.compile(r"(?<![\w:.,])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![:.,]?[0-9])(?:\s?(?:hs?|horas)\b)?"),
            _clock,
        ),
        (re.compile(r"\b([0-9]{1,2})(?:\.?([ºª])|(er|ro|ra|do|da)\b)"), _ordinal),
    ),
)

_LETTERS: Final = {
    "a": ("a",),
    "b": ("b", "be", "be larga", "be alta", "be grande"),
    "c": ("c", "ce"),
    "d": ("d", "dé"),
    "e": ("e",),
    "f": ("f", "efe"),
    "g": ("g", "ge"),
    "h": ("h", "hache", "ache"),
    "i": ("i", "i latina"),
    "j": ("j", "jota"),
    "k": ("k", "ka"),
    "l": ("l", "ele"),
    "m": ("m", "eme"),
    "n": ("n", "ene"),
    "ñ": ("ñ", "eñe"),
    "o": ("o",),
    "p": ("p", "pe"),
    "q": ("q", "cu", "ku"),
    "r": ("r", "erre", "ere"),
    "s": ("s", "ese"),
    "t": ("t", "te"),
    "u": ("u",),
    "v": ("v", "uve", "ve corta", "ve baja", "ve chica", "ube"),
    "w": ("w", "uve doble", "doble uve", "doble ve", "ve doble", "doble u", "doble v", "v doble"),
    "x": ("x", "equis"),
    "y": ("y", "i griega", "ye"),
    "z": ("z", "zeta", "ceta"),
    "á": ("á", "a con acento", "a con tilde", "a acentuada"),
    "é": ("é", "e con acento", "e con tilde", "e acentuada"),
    "í": ("í", "i con acento", "i con tilde", "i acentuada"),
    "ó": ("ó", "o con acento", "o con tilde", "o acentuada"),
    "ú": ("ú", "u con acento", "u con tilde", "u acentuada"),
    "ü": ("ü", "u con diéresis"),
}

# "de" is the name of d, but it also links a letter to its word: "b de barcelona".
_LETTER_HOMOPHONES: Final = taken_for(
    {
        "a": "ah, ha",
        "c": "sé, se",
        "d": "de",
        "e": "he",
        "h": "hace",
        "i": "hay, ahí",
        "k": "ca",
        "l": "él, hele",
        "o": "oh",
        "t": "té",
        "v": "ve, ven",
        "z": "seta, está",
    }
)

_DIGIT_HOMOPHONES: Final = taken_for(
    {
        "0": "o, sero, ceros",
        "1": "unos, hubo",
        "2": "doz",
        "3": "tras",
        "4": "cuarto",
        "5": "sinco",
        "6": "sois, seís",
        "7": "sete",
        "8": "hocho",
        "9": "nuebe, nuevo, nueva",
    }
)

_SYMBOLS: Final = {
    "-": ("guion", "guión", "raya", "menos"),
    "_": ("guion bajo", "guión bajo", "barra baja", "subrayado"),
    ".": ("punto",),
    ",": ("coma",),
    ":": ("dos puntos",),
    "/": ("barra", "slash", "diagonal"),
    "\\": ("barra invertida", "contrabarra"),
    "@": ("arroba",),
    "+": ("más", "mas"),
    "#": ("almohadilla", "numeral", "gato"),
    "*": ("asterisco", "estrella"),
    "&": ("ampersand", "et"),
    "'": ("apóstrofo", "apóstrofe"),
    " ": ("espacio",),
}

_ALPHABETS: Final = {
    **NATO,
    **by_initial(
        """
        eco noviembre óscar uniforme víctor wiski julieta antonio barcelona carmen domingo españa
        francia gerona historia inés josé kilo lorenzo madrid navarra oviedo parís querido ramón sábado
        tarragona ulises valencia washington xilófono yegua zaragoza alicante ana alberto avión beatriz
        bernardo burro bilbao carlos casa cádiz córdoba dedo daniel dinamarca diego david elena enrique
        eduardo elefante federico fernando francisco felipe familia foca gato granada gerardo gloria
        héctor holanda huesca hospital hotel huevo isabel italia ignacio irene isla jaén javier jorge
        juan jirafa julio karen karla kiosco koala lérida león luis lugo luna lisboa lucía málaga maría
        mario manuel marta mamá méxico murcia mano nicolás natalia noche orense oso olga pablo pedro
        papá pamplona perú palencia queso quito quevedo roma raúl rosa roberto ratón salamanca sevilla
        sara santiago soria sol toledo teresa tomás teruel tomate uruguay uva úrsula valladolid vaca
        vicente venecia walter wáter wilfredo william xavier ximena xilofón yate yolanda yoyo yogur
        zamora zapato zorro
        """
    ),
    "ñoño": "ñ",
    "ñandú": "ñ",
    "ñu": "ñ",
}

_YES: Final = phrases(
    """
    sí, si, sí sí, si si, sip, sí señor, sí señora, sí señorita, sí por favor, sí claro, sí gracias, sí correcto,
    sí eso es, sí exacto, sí así es, sí por supuesto, sí desde luego, sí es correcto, sí quiero, claro, claro que
    sí, clarísimo, por supuesto, por supuesto que sí, desde luego, cómo no, correcto, es correcto, eso es, eso
    mismo, así es, exacto, exactamente, efectivamente, en efecto, ciertamente, cierto, es cierto, es verdad,
    verdad, verdadero, afirmativo, de acuerdo, estoy de acuerdo, vale, ok, okay, okey, está bien, muy bien,
    perfecto, perfectamente, conforme, confirmo, lo confirmo, seguro, con gusto, con mucho gusto, encantado,
    encantada, dale, órale, ándale, ajá, sin duda, sin problema, ningún problema, por qué no, creo que sí, yo creo
    que sí, pienso que sí, supongo que sí, me parece que sí, diría que sí, eso creo, me parece bien, me parece
    perfecto, suena bien, está correcto, está perfecto, todo correcto, todo bien, no hay problema, no hay ningún
    problema, sin ningún problema, no tengo inconveniente, bien, genial, estupendo, venga, va, adelante, lo tengo,
    sí lo tengo, sí tengo, soy yo, sí soy yo, tiene razón, me viene bien, me va bien, me conviene, ya lo creo, sin
    duda alguna, no tengo ningún problema, no tengo problema, no tengo problemas, ningún inconveniente,
    correctísimo, sale, me gusta la idea, correcta, es correcta, exacta, estoy seguro, estoy segura
    """
)

_NO: Final = phrases(
    """
    no, no no, no no no, nop, no gracias, no señor, no señora, no señorita, no para nada, para nada, en absoluto,
    de ninguna manera, de ningún modo, ni hablar, claro que no, por supuesto que no, desde luego que no, no es
    correcto, no no es correcto, no es eso, eso no es, no es así, así no es, no es cierto, no es verdad, no
    exactamente, no del todo, no quiero, no lo quiero, no estoy de acuerdo, no me interesa, no creo, no lo creo,
    ahora no, hoy no, todavía no, incorrecto, es incorrecto, equivocado, está mal, falso, es falso, negativo,
    nunca, jamás, tampoco, qué va, mejor no, creo que no, yo creo que no, pienso que no, supongo que no, me parece
    que no, diría que no, me temo que no, no me parece, no me parece bien, no está bien, no está correcto, no soy
    yo, no tengo, no lo tengo, no la tengo, no puedo, no deseo, no lo deseo, no hace falta, no es necesario, no me
    conviene, no me viene bien, no estoy interesado, no estoy interesada, no me apetece, aún no, por ahora no, de
    momento no, por el momento no, esta vez no, eso no, yo no, ya no, ni pensarlo, ni de broma, nada, probablemente
    no, es un error, está equivocado, así no, no señor gracias, no necesito, no lo necesito, no es correcta,
    incorrecta, es incorrecta, equivocada, que yo sepa no, no que yo sepa
    """
)

SPANISH: Final = Language(
    code="es",
    digits=_DIGITS,
    digit_homophones=_DIGIT_HOMOPHONES,
    letters=_LETTERS,
    letter_homophones=_LETTER_HOMOPHONES,
    symbols=_SYMBOLS,
    alphabets=_ALPHABETS,
    links=("de", "como", "como en", "como de"),
    doubling={
        **dict.fromkeys(phrases("doble, dos veces, dos veces el, dos veces la"), 2),
        **dict.fromkeys(phrases("triple, tres veces, tres veces el, tres veces la"), 3),
    },
    fillers=frozenset(words("eh em ehm este mm mmm hm pues bueno entonces verá mire oiga ay uf digamos osea")),
    yes=_YES,
    no=_NO,
    negators=("no", "nunca", "jamás", "tampoco", "ni"),
    notation=_NOTATION,
    no_digits=phrases("un momento, un momentito, un instante, un minuto, un segundo, un poco, una vez"),
    numbers=_number_forms,
    magnitudes=words("millón millones millardo millardos billón billones"),
)
