"""What countries are called beside their names in CLDR, and what is said around them.

Owns the tables. Must not know grammars, nor the CLDR names themselves.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases, words


@frozen(eq=False, kw_only=True)
class Countries:
    """The words about countries in one language, each in its normal form."""

    aliases: Mapping[str, tuple[str, ...]]
    """ISO 3166-1 alpha-2 code to further names. A name of two codes means the one that comes first."""
    alone: frozenset[str]
    """Names that are common words, too: they count when nothing else is said."""
    articles: tuple[str, ...]
    """What a bare answer may begin with: "the", "from"."""
    around: frozenset[str]
    """Single words around an answer that leave it bare: "i'm from france"."""


def countries(language: Language) -> Countries:
    """The table of a language the server understands."""
    return _COUNTRIES[language.code]


def _aliases(**names: str) -> dict[str, tuple[str, ...]]:
    return {code: phrases(text) for code, text in names.items()}


_COUNTRIES: Final[Mapping[str, Countries]] = {
    "en": Countries(
        aliases=_aliases(
            US="""the states, the us, the u s, the u s a, usa, u s a, u s, us, america, united states of america,
            the united states of america""",
            GB="""uk, u k, the uk, the u k, great britain, britain, england, scotland, wales, northern ireland,
            united kingdom of great britain and northern ireland""",
            IE="republic of ireland, eire",
            NL="holland, the netherlands",
            AE="uae, u a e, emirates, the emirates",
            CZ="czech republic",
            TR="turkey",
            RU="russian federation",
            KR="korea, republic of korea",
            KP="democratic people's republic of korea",
            CN="people's republic of china, mainland china",
            TW="republic of china",
            CI="ivory coast",
            CV="cabo verde",
            SZ="swaziland",
            MK="macedonia",
            VA="the vatican, vatican, holy see",
            CD="congo, democratic republic of the congo, democratic republic of congo, dr congo, d r congo, zaire",
            CG="congo, republic of the congo, republic of congo",
            TL="east timor",
            PS="palestine",
            SY="syrian arab republic",
            LA="lao",
            BA="bosnia",
            TT="trinidad",
            AG="antigua",
            VC="saint vincent",
            KN="saint kitts",
            ST="sao tome",
            FK="the falklands, falklands",
            VI="virgin islands",
            DE="federal republic of germany",
            VN="viet nam",
            HK="hong kong",
            MO="macao, macau",
        ),
        alone=frozenset(words("us lao")),
        articles=("the", "from", "in", "from the", "in the"),
        around=frozenset(
            words("i i'm am from in the it's it is to for of live living come country my please um uh a now")
        ),
    ),
    "fr": Countries(
        aliases=_aliases(
            US="usa, u s a, us, u s, amérique, états unis d'amérique, states",
            GB="""grande bretagne, angleterre, écosse, pays de galles, irlande du nord, uk, u k, g b,
            royaume uni de grande bretagne""",
            NL="hollande",
            IE="république d'irlande, eire",
            AE="émirats, les émirats",
            CZ="république tchèque",
            RU="fédération de russie",
            KR="corée, république de corée",
            CN="république populaire de chine",
            TW="taïwan",
            BY="bélarus",
            MM="birmanie",
            CI="côte d'ivoire",
            SZ="swaziland",
            MK="macédoine",
            VA="vatican",
            CD="congo, république démocratique du congo, r d c, zaïre",
            CG="congo, république du congo",
            CF="centrafrique",
            PS="palestine",
            BA="bosnie",
            TT="trinité",
            MU="île maurice",
            RE="réunion, la réunion, île de la réunion",
            KN="saint kitts",
            NZ="nouvelle zélande",
            DE="république fédérale d'allemagne",
            ZA="rsa",
            GF="guyane",
            VN="viêt nam, vietnam",
            HK="hong kong",
            MO="macao",
        ),
        alone=frozenset(words("us states maurice réunion dominique grenade trinité tonga")),
        articles=("la", "le", "les", "en", "au", "aux", "de", "du", "des", "de la", "à"),
        around=frozenset(
            words(
                """
                je j' suis viens de du des d' la le les l' en au aux à c' est habite vis pays mon pour s'il vous
                plaît euh né née c'est j'habite
                """
            )
        ),
    ),
    "es": Countries(
        aliases=_aliases(
            US="ee uu, eeuu, usa, u s a, estados unidos de américa, estados unidos de norteamérica, norteamérica",
            GB="""gran bretaña, inglaterra, escocia, gales, irlanda del norte, uk, u k""",
            NL="holanda, países bajos",
            IE="república de irlanda",
            AE="emiratos, los emiratos",
            CZ="república checa",
            RU="federación rusa, federación de rusia",
            KR="corea, república de corea",
            CN="república popular china",
            CI="costa de marfil",
            SZ="suazilandia, swazilandia",
            MK="macedonia",
            VA="vaticano, el vaticano",
            CG="congo",
            CD="congo, zaire",
            PS="palestina",
            BA="bosnia",
            TT="trinidad",
            MM="birmania",
            BY="belarús",
            MX="méjico, estados unidos mexicanos",
            QA="qatar",
            BH="bahréin, bahrein",
            SA="arabia saudita, arabia",
            BD="bangla desh",
            IQ="iraq",
            KE="kenya",
            ZW="zimbabwe",
            BW="botswana",
            TL="timor oriental",
            TR="turkía",
            DE="república federal de alemania",
            DO="dominicana, santo domingo",
            HK="hong kong",
            MO="macao",
        ),
        alone=frozenset(words("dominicana trinidad dominica granada arabia")),
        articles=("el", "la", "los", "las", "en", "de", "del", "en el", "en los", "de los", "a"),
        around=frozenset(
            words("soy vengo de del el la los las en es a vivo mi país por favor eh para al nací estoy desde")
        ),
    ),
    "de": Countries(
        aliases=_aliases(
            US="usa, u s a, amerika, die staaten, vereinigte staaten von amerika, vereinigten staaten",
            GB="""großbritannien, england, schottland, wales, nordirland, uk, u k, vereinigten königreich""",
            NL="holland, die niederlande, den niederlanden",
            IE="republik irland",
            AE="emirate, vereinigten arabischen emiraten, den emiraten",
            CZ="tschechische republik, tschechei",
            RU="russische föderation",
            KR="korea, republik korea",
            CN="volksrepublik china",
            BY="weißrussland",
            CI="elfenbeinküste",
            CV="kap verde",
            SZ="swasiland",
            MK="mazedonien",
            VA="vatikan, der vatikan",
            CD="kongo, demokratische republik kongo, zaire",
            CG="kongo, republik kongo",
            PS="palästina",
            BA="bosnien",
            TT="trinidad",
            MM="birma, burma",
            TL="osttimor",
            DE="bundesrepublik, bundesrepublik deutschland, brd, b r d",
            MD="moldawien",
            CH="die schweiz, der schweiz",
            TR="die türkei, der türkei",
            FK="falklandinseln",
            LA="laos",
            HK="hongkong, hong kong",
            MO="macau, macao",
        ),
        alone=frozenset(words("trinidad")),
        articles=("die", "der", "den", "dem", "in", "aus", "aus der", "in der", "aus den", "im"),
        around=frozenset(
            words("ich komme aus bin in der die den dem das ist im land mein wohne lebe bitte äh ähm nach für von")
        ),
    ),
}
