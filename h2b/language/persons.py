"""What is said around the names of persons in each language, and what an answer without a name is made of.

Owns the tables. Must not know grammars.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, phrases, words

COMMON_PARTICLES: Final = frozenset(
    words("de del della di da do dos van von der den ter ten le la du des al el bin ben ibn mac mc o san zu vom")
)
"""What a family name may begin with; none is a name alone."""


@frozen(eq=False, kw_only=True)
class Persons:
    """The words around names in one language, each in its normal form."""

    whole: tuple[str, ...]
    """Phrases before a name of any sort: "my name is"."""
    first: tuple[str, ...]
    """Before a first name."""
    last: tuple[str, ...]
    """Before a family name."""
    joins: frozenset[str]
    """Single words between two names that belong to neither: "and"."""
    titles: frozenset[str]
    notes: frozenset[str]
    """Words that begin a remark on how a name is written: "with a t"."""
    spelling: tuple[str, ...]
    """Phrases before a spelling: "it's spelled"."""
    never: frozenset[str]
    """Words no name has: with one of them, an answer is something else."""
    double_first: frozenset[str]
    """First names that are commonly followed by a second one: "jean pierre"."""
    surnames: int
    """How many family names a full name ends with."""


def persons(language: Language) -> Persons:
    """The table of a language the server understands."""
    return _PERSONS[language.code]


_PERSONS: Final[Mapping[str, Persons]] = {
    "en": Persons(
        whole=phrases(
            """
            my name is, my name's, my full name is, the name is, the name's, name is, i am, i'm, this is, it's, it is,
            that's, that is, i'm called, call me, you can call me, speaking with, my name, full name, yes it's
            """
        ),
        first=phrases(
            "my first name is, first name is, my given name is, given name is, first name, given name, my first name's"
        ),
        last=phrases(
            """
            my last name is, last name is, my surname is, surname is, my family name is, family name is, last name,
            surname, family name, my last name's
            """
        ),
        joins=frozenset(words("and then")),
        notes=frozenset(words("with without")),
        spelling=phrases(
            "it's spelled, that's spelled, it is spelled, spelled, spelt, spelling, i'll spell it, i spell it"
        ),
        titles=frozenset(words("mr mister mrs missus ms miss dr doctor sir madam")),
        never=frozenset(
            words(
                """
                i you he she it we they me him her us them my your his its our their this that these those the an is are
                was were be been am do does did don't doesn't didn't have has had haven't can can't cannot could
                couldn't would wouldn't should shouldn't may might must shall not no yes yeah yep nope ok okay what who
                where when why how which want need know think sorry pardon please thanks thank hello hi hey goodbye bye
                help agent operator representative human person somebody someone speak talk repeat again wait hold
                moment something nothing anything everything to for from with without about at by in on of or but if
                because there here name number address account press enter dot com street avenue road city zip code
                right wrong correct true false sure maybe never always just only really very much many some any all
                one's let's i'd i'll i've it'll you're we're they're isn't aren't wasn't won't stop start cancel menu
                back
                """
            )
        ),
        double_first=frozenset(words("mary anna jean john billy")),
        surnames=1,
    ),
    "fr": Persons(
        whole=phrases(
            """
            je m'appelle, moi c'est, mon nom c'est, mon nom est, je suis, c'est, ici, je me nomme, nom et prénom,
            mon nom complet est, mon nom complet c'est, au nom de, c'est au nom de, alors c'est, oui c'est
            """
        ),
        first=phrases(
            "mon prénom c'est, mon prénom est, le prénom c'est, prénom c'est, mon petit nom c'est, mon prénom, prénom"
        ),
        last=phrases(
            """
            mon nom de famille c'est, mon nom de famille est, nom de famille c'est, nom de famille est,
            mon nom de famille, nom de famille, le nom c'est, nom c'est
            """
        ),
        joins=frozenset(words("et puis")),
        notes=frozenset(words("avec sans")),
        spelling=phrases(
            "ça s'écrit, s'écrit, cela s'écrit, qui s'écrit, ça s'épelle, j'épelle, je vous l'épelle, je l'épelle"
        ),
        titles=frozenset(words("monsieur madame mademoiselle mme docteur maître")),
        never=frozenset(
            words(
                """
                je tu il elle on nous vous ils elles me te se moi toi lui leur mon ma mes ton ta tes son sa ses notre
                votre vos nos ce cet cette ces ça cela c'est est sont suis es était sera être avoir ai as a avez avons
                ont j'ai n'ai n'est sais sait savoir pas ne non oui ouais quoi qui que quand où comment pourquoi quel
                quelle veux voudrais veut peux peut pourrais pouvez faut bonjour bonsoir salut merci pardon désolé
                aide agent opérateur conseiller quelqu'un parler répéter répétez attendez attends moment rien tout
                quelque chose à en dans sur sous avec sans pour par chez vers ou mais si donc parce nom numéro adresse
                compte rue avenue boulevard ville code postal arobase point d'accord correct exact faux vrai peut être
                jamais toujours très trop plus moins bien une des les plaît s'il qu'est aucune aucun idée
                j'aimerais j'habite j'en l'ai n'en m'en t'es d'où voilà annuler retour menu stop
                """
            )
        ),
        double_first=frozenset(words("jean marie anne pierre louis charles rose claude")),
        surnames=1,
    ),
    "es": Persons(
        whole=phrases(
            """
            me llamo, mi nombre es, mi nombre completo es, soy, yo soy, es, yo me llamo, el nombre es, habla, le habla,
            nombre completo, mi nombre y apellidos son, a nombre de, está a nombre de, sí soy
            """
        ),
        first=phrases("mi nombre de pila es, nombre de pila es, nombre de pila, mi primer nombre es, de nombre"),
        last=phrases(
            """
            mi apellido es, mis apellidos son, apellido es, apellidos son, de apellido, de apellidos, mi apellido,
            mis apellidos, apellidos, apellido, me apellido
            """
        ),
        joins=frozenset(words("y luego")),
        notes=frozenset(words("con sin")),
        spelling=phrases("se escribe, se deletrea, lo deletreo, deletreo, que se escribe, deletreado"),
        titles=frozenset(words("señor señora señorita don doña doctor doctora sr sra")),
        never=frozenset(
            words(
                """
                yo tú él ella nosotros ustedes ellos ellas me te se le les lo mi mis tu tus su sus este esta esto ese
                esa eso aquel es son soy eres era está están estoy ser estar he ha han hay tengo tiene tener sé sabe
                saber no sí si qué quién cuál cuándo dónde cómo porque quiero quiere querría puedo puede necesito hola
                buenos buenas días tardes noches gracias perdón perdone disculpe ayuda agente operador operadora
                persona alguien hablar repetir repita espere espera momento nada algo todo en con sin para por sobre
                desde hasta o u pero número dirección cuenta calle avenida ciudad código postal arroba punto claro
                correcto exacto falso verdad vale nunca siempre muy más menos bien un una unos unas que favor idea
                recuerdo acuerdo hacia otro otros otra otras parar cancelar menú volver
                """
            )
        ),
        double_first=frozenset(words("maría josé juan ana luis miguel carlos luz")),
        surnames=2,
    ),
    "de": Persons(
        whole=phrases(
            """
            ich heiße, ich heisse, mein name ist, mein name lautet, mein voller name ist, ich bin, ich bin der,
            ich bin die, hier ist, hier spricht, das ist, es ist, auf den namen, der name ist, name ist, mein name
            """
        ),
        first=phrases(
            """
            mein vorname ist, vorname ist, mein vorname lautet, mit vornamen, vorname, mein vorname, der vorname ist
            """
        ),
        last=phrases(
            """
            mein nachname ist, nachname ist, mein familienname ist, familienname ist, mein nachname lautet, nachname,
            mit nachnamen, familienname, mein nachname, der nachname ist
            """
        ),
        joins=frozenset(words("und dann")),
        notes=frozenset(words("mit ohne")),
        spelling=phrases(
            "das schreibt sich, schreibt sich, geschrieben, ich buchstabiere, buchstabiert, das buchstabiert sich"
        ),
        titles=frozenset(words("herr frau fräulein doktor dr professor")),
        never=frozenset(
            words(
                """
                ich du er sie es wir ihr mich mir dich dir ihm ihn uns euch ihnen mein meine meinen meiner dein deine
                sein seine unser unsere ihre das die dem des dies diese dieser ist sind bin bist war waren wird werden
                hat habe haben hatte kann können könnte könnten möchte will wollen muss müssen soll weiß weiss wissen
                nicht kein keine nein ja doch was wer wo wann warum wie welche welcher wollte brauche hallo guten tag
                morgen abend danke bitte entschuldigung hilfe mitarbeiter berater jemand sprechen wiederholen warten
                moment etwas nichts alles in im an am auf mit ohne für über unter bei nach vor aus zu zum zur oder aber
                weil wenn dass hier dort nummer adresse konto straße strasse weg stadt postleitzahl punkt klar richtig
                falsch stimmt genau vielleicht nie niemals immer sehr mehr weniger gut ein eine einen einer ahnung
                abbrechen zurück menü stopp
                """
            )
        ),
        double_first=frozenset(words("hans karl anna eva klaus heinz marie")),
        surnames=1,
    ),
}
