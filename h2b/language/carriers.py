"""The small words around an answer: "i would like three of them please", "c'est pour quatre".

Owns the tables. Must not know grammars. A carrier says nothing of its own about a value: it neither counts something
else ("three dogs") nor asks or tells something else ("press three for sales"). A negation
does say something. Every word is in its normal form.
"""

from collections.abc import Mapping
from typing import Final

from h2b.language.base import Language, words


def carriers(language: Language) -> frozenset[str]:
    """Single words that answers are wrapped in; fillers are another table (`Language.fillers`)."""
    return _CARRIERS[language.code]


_CARRIERS: Final[Mapping[str, frozenset[str]]] = {
    "en": frozenset(
        words(
            """
            i i'm i'd i'll i've am me my mine myself we we're we'd us our you your he he's she she's his her they their
            it it's its that that's this these those there there's here what's
            is was are were be been has have had got get gets do does did will would can could should may might
            want need like prefer take give make makes say said saying tell think thought guess believe suppose know
            mean hope put let let's try go going got
            a an the of for to on at in by from with as about around roughly approximately nearly almost over under
            only just exactly maybe perhaps probably possibly some something like more less least most or and but then
            than if because since so too also well right now today
            yes yeah yep yup no nope okay ok sure alright please thanks thank sorry pardon hello hi hey sir
            madam ma'am wait hang hold actually basically really very all each total altogether both
            number numbers answer value code date time amount age born birthday one's old
            work works fit fits suit suits
            """
        )
    ),
    "fr": frozenset(
        words(
            """
            je j'ai j'en j'aurais j'aimerais j'arrive j'y suis sera serait serai serais serons ai aurai aurais avons
            avoir me m'en moi mon ma mes nous on on est notre nos vous votre vos tu te toi il elle ils elles lui son sa
            ses leur en y n'y
            a avait ait c'est c'était ce ça cela c ceci ces cette cet voici est était étaient sont soit fait ferait faut
            veux voudrais voulais voudrait prends prendrai prendre mets mettre mettez donne donner donnez dis dit dire
            dirais disons pense crois sais souhaite souhaiterais préfère aimerais peux peut pouvez besoin
            un une des le la les l de du d d'un d'une d'environ à au aux pour par sur dans chez avec vers environ
            presque plutôt seulement juste exactement peut être plus moins ou et mais puis donc aussi qui
            que qu'il qu'on comme si ne né née peu près
            oui ouais non ok okay d'accord merci s'il s'te plaît plait vous bonjour bonsoir monsieur madame pardon allô
            désolé excusez attendez tous toutes tout total
            convient conviennent va vont marche arrange
            numéro nombre réponse valeur code date heure montant âge naissance jour
            """
        )
    ),
    "es": frozenset(
        words(
            """
            yo me mi mis mí nosotros nos nuestro nuestra tú te tu usted ustedes él ella ellos ellas su sus se le les lo
            la los las un una unos unas el al del
            es era son eran soy somos ser sea será sería fue está están estoy hay ha he hemos tengo tiene tenemos
            quiero quería quisiera querría necesito prefiero tomo ponga pon ponme póngame deme dame digo diga decir
            creo pienso supongo sé puedo puede voy vamos vale me gustaría
            viene vienen va van conviene bien
            de a en por para con desde hacia sobre unos aproximadamente alrededor casi cerca solo sólo solamente
            exactamente quizás quizá tal vez más menos o y e u pero pues que si como eso ese esa este esta esto
            sí no ok okay gracias favor perdón perdone disculpe espere hola buenos buenas días tardes señor señora
            todo todos todas total
            número respuesta valor código fecha hora importe edad nacimiento nací nacido nacida día
            """
        )
    ),
    "de": frozenset(
        words(
            """
            ich mir mich mein meine meiner meinen meinem wir uns unser unsere sie ihr ihre du dein er es sein seine man
            ist sind war waren wäre bin sei hat habe haben hatte hätte hätten wird werden wurde würde möchte möchten
            will wollte wollen brauche nehme nehmen gib geben geb sag sage sagen sagt glaube denke meine weiß kann
            können soll sollte mag
            ein eine einen einem einer eines der die das den dem des
            von vom für um am an auf in im bei beim zu zum zur mit ab ungefähr etwa circa ca rund fast knapp über
            unter gegen nur genau exakt vielleicht wohl ungefähr mehr weniger oder und aber dann denn dass also auch
            wenn wie so dies diese dieser dieses da hier jetzt heute gerne gern lieber bitte danke schön
            ja jawohl nein nee doch okay ok entschuldigung pardon moment hallo guten tag herr frau warten
            alle alles insgesamt zusammen
            passt geht ginge klappt leider eher eigentlich ganz völlig vollkommen schon mal
            nummer zahl antwort wert code datum zeit betrag alter geboren geburtstag uhr
            """
        )
    ),
}
