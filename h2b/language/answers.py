"""What surrounds yes and no: doubt, second thoughts, and phrases that only look like an answer.

Owns the tables. The answers themselves are `Language.yes` and `Language.no`. Must not know grammars. Every phrase is in
its normal form.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from h2b.language.base import Language, pairs, phrases


@frozen(eq=False, kw_only=True)
class Answers:
    """Phrases of one language."""

    plain: tuple[str, ...]
    """Those of `yes` and `no` that nobody says for anything else; and so are longer ones that begin with them."""
    alone: tuple[str, ...]
    """Those of `yes` and `no` that answer only where nothing is added: "I don't", but not "I don't have my card"."""
    wishes: tuple[str, ...]
    """Those of `no` that answer with what is not wanted behind them, too, but only where no answer came before."""
    content: tuple[str, ...]
    """Those of `yes` that contradict no no before them: "no, that's fine"."""
    doubts: tuple[str, ...]
    """Callers who do not know, or have not understood: "I don't know" is no answer."""
    neutral: tuple[str, ...]
    """Neither yes nor no, or either of them, whatever words they hold: "right now", "I'm good"."""
    waits: tuple[str, ...]
    """What also announces a second thought here, beside the corrections of every answer: "no wait, yes"."""
    polite: tuple[str, ...]
    """What may follow an answer and adds nothing to it."""


def answers(language: Language) -> Answers:
    """The answers of a language the server understands."""
    return _ANSWERS[language.code]


def _twice(doubts: Iterable[str], no: str, conditional: str = "") -> tuple[str, ...]:
    """The doubts, also behind a no that is none ("no, no lo sé") and before an if ("no sé si …")."""
    said = tuple(doubts)
    return (*said, *pairs([no], said), *(pairs(said, [conditional]) if conditional else ()))


_ANSWERS: Final[Mapping[str, Answers]] = {
    "en": Answers(
        plain=phrases("yes, yeah, yea, yep, yup, ya, oh yes, no, nope, nah, oh no"),
        alone=phrases(
            """
            it is, it does, nothing, speaking, continue, i'd like to, i do, i am, i have, i did, i can, i will, i
            would, you can, you may, good, great, do it, it isn't, it is not, it's not, it doesn't, it does not, i
            don't, i do not, i'm not, i am not, i haven't, i have not, i didn't, i did not, i can't, i cannot, i
            won't, i will not, i wouldn't, don't, do not, never, none, i don't have it, i don't have one, i don't have
            any
            """
        ),
        wishes=phrases(
            """
            i don't want, i do not want, i don't want to, i do not want to, i don't want it, i don't want that, i
            don't need, i do not need, i don't need to, i don't need it, i don't need that
            """
        ),
        content=phrases(
            """
            fine, that's fine, it's fine, that's ok, that's okay, it's ok, it's okay, that's all right, that's
            alright, it's all right, all right, alright, ok, okay, good, great, perfect, that's good, that's great,
            that's perfect, no problem, no problem at all, not a problem, no worries
            """
        ),
        doubts=_twice(
            phrases(
                """
                i don't know, i do not know, don't know, i don't really know, i really don't know, dunno, i dunno, no
                idea, i have no idea, i've no idea, no clue, i have no clue, not sure, i'm not sure, i am not sure,
                not so sure, i'm not so sure, not really sure, i'm not really sure, not quite sure, i'm not quite
                sure, not too sure, i'm not too sure, not entirely sure, i'm not entirely sure, not completely sure,
                i'm not completely sure, not certain, i'm not certain, unsure, i'm unsure, i don't understand, i do
                not understand, don't understand, i didn't understand, i did not understand, i don't get it, i didn't
                get that, i didn't catch that, i can't hear you, i didn't hear you, i don't remember, i do not
                remember, i can't remember, i don't recall, i can't say, i couldn't say, i couldn't tell you, hard to
                say, it depends, that depends, depends, maybe, maybe not, perhaps, perhaps not, possibly, could be,
                might be, who knows, i don't mind, i don't care, i hope so, no question, no comment, yes and no, yes
                or no, yes no maybe, what do you mean, i wonder
                """
            ),
            "no",
        ),
        neutral=phrases(
            """
            right now, right away, right here, right there, right after, right before, i'm good, i'm fine, i'm ok, i'm
            okay, i'm all right, i'm alright, i'm all set, i am good, i am fine, we're good, all good, all set, that's
            all, that's everything, no one, no matter
            """
        ),
        waits=phrases("wait, hang on, hold on, excuse me"),
        polite=phrases("please, thanks, thank you, thank you very much, thanks a lot, sir, madam, ma'am"),
    ),
    "fr": Answers(
        plain=phrases("oui, ouais, ouep, si, ah oui, mais oui, mais si, non, nan, ah non, oh non, mais non"),
        alone=phrases(
            """
            rien, si, ça marche pas, ça ne marche pas, je veux, je crois, je pense, je l'ai, super, jamais, je n'ai
            pas, j'ai pas, je ne l'ai pas, je l'ai pas, je n'en ai pas, j'en ai pas, je ne peux pas, je peux pas
            """
        ),
        wishes=phrases(
            """
            je ne veux pas, je veux pas, je ne souhaite pas, je souhaite pas, je n'ai pas besoin, j'ai pas besoin
            """
        ),
        content=phrases(
            """
            ça marche, c'est parfait, c'est bon, c'est bien, c'est très bien, c'est ok, ça va, parfait, très bien, ok,
            okay, d'accord, pas de problème, pas de souci, pas de soucis, sans problème, sans souci, aucun problème,
            aucun souci, il n'y a pas de problème, il n'y a pas de souci, y a pas de problème, y a pas de souci
            """
        ),
        doubts=_twice(
            phrases(
                """
                je ne sais pas, je sais pas, j'sais pas, chais pas, sais pas, je ne sais pas trop, je sais pas trop,
                je ne sais plus, je sais plus, je n'en sais rien, j'en sais rien, aucune idée, j'ai aucune idée, je
                n'ai aucune idée, pas sûr, pas sûre, pas certain, pas certaine, je ne suis pas sûr, je ne suis pas
                sûre, je suis pas sûr, je suis pas sûre, je ne suis pas certain, je ne suis pas certaine, je suis pas
                certain, je suis pas certaine, pas très sûr, pas très sûre, pas vraiment sûr, pas vraiment sûre, je ne
                suis pas vraiment sûr, je ne suis pas vraiment sûre, je ne comprends pas, je comprends pas, j'ai pas
                compris, je n'ai pas compris, pas compris, je n'ai pas entendu, j'ai pas entendu, je n'entends pas, je
                ne me souviens pas, je me souviens pas, je ne me souviens plus, je me souviens plus, je ne me rappelle
                plus, ça dépend, cela dépend, peut être, peut être pas, peut être bien, possible, c'est possible,
                j'hésite, je ne peux pas dire, ça m'est égal, je l'espère, j'espère, oui et non, oui ou non, pas de
                question
                """
            ),
            "non",
            "si",
        ),
        neutral=phrases(
            """
            si c'est possible, si vous voulez, si vous pouvez, n'est ce pas, pas mal, pas grave, c'est pas grave, ce
            n'est pas grave, c'est tout, ce sera tout, si possible, comme vous voulez, pas seulement, c'est bon signe
            """
        ),
        waits=phrases("attendez, attends, je suis désolé, je suis désolée"),
        polite=phrases(
            "s'il vous plaît, s'il te plaît, merci, merci beaucoup, merci bien, monsieur, madame, mademoiselle"
        ),
    ),
    "es": Answers(
        plain=phrases(
            """
            sí, si, sip, claro que sí, por supuesto que sí, no, no no, no no no, no gracias, no señor, no señora, no
            señorita, no para nada, nop, claro que no, por supuesto que no
            """
        ),
        alone=phrases(
            """
            si, seguro, lo tengo, bien, va, nunca, jamás, tampoco, nada, no tengo, no puedo
            """
        ),
        wishes=(),
        content=(),
        doubts=_twice(
            phrases(
                """
                no lo sé, no sé, no sabría decir, no sabría decirle, no sabe, no tengo idea, no tengo ni idea, ni
                idea, ni la menor idea, no estoy seguro, no estoy segura, no estoy muy seguro, no estoy muy segura, no
                muy seguro, no muy segura, no seguro, no segura, no entiendo, no lo entiendo, no le entiendo, no te
                entiendo, no entendí, no he entendido, no lo he entendido, no comprendo, no le comprendo, no oigo, no
                le oigo, no te oigo, no le he oído, no escuché, no recuerdo, no lo recuerdo, no me acuerdo, depende,
                quizá, quizás, quizá no, quizás no, tal vez, tal vez no, a lo mejor, a lo mejor no, puede ser,
                posiblemente, quién sabe, me da igual, no me importa, eso espero, espero que sí, sí y no, sí o no, no
                comment, no hay pregunta
                """
            ),
            "no",
            "si",
        ),
        neutral=phrases(
            """
            si no, si no le importa, si es posible, si puede, si quiere, no pasa nada, no importa, nada más, eso es
            todo, un seguro, mi seguro, el seguro, seguro de, de seguro
            """
        ),
        waits=phrases("espere, espera, perdona, disculpa, lo siento"),
        polite=phrases("por favor, gracias, muchas gracias, muy amable, señor, señora, señorita"),
    ),
    "de": Answers(
        plain=phrases("ja, jawohl, jawoll, jo, jep, jup, doch, ach ja, oh ja, nein, nee, nö, ach nein, oh nein"),
        alone=phrases(
            """
            nichts, schon, habe ich, hab ich, möchte ich, will ich, kann ich, bin ich, gut, super, toll, nicht, nie,
            niemals, keine, ne, ich habe keine, ich habe keinen, ich habe keins, habe keine, nicht mehr, noch nicht,
            das habe ich nicht, habe ich nicht, hab ich nicht, das kann ich nicht, kann ich nicht, das möchte ich
            nicht, möchte ich nicht, das will ich nicht, will ich nicht
            """
        ),
        wishes=phrases(
            """
            ich möchte nicht, ich will nicht, ich brauche nicht, ich möchte keine, ich möchte keinen, ich will keine,
            ich will keinen, ich brauche keine, ich brauche keinen
            """
        ),
        content=phrases(
            """
            passt, passt schon, passt so, das passt, das passt so, alles klar, in ordnung, ist in ordnung, das ist in
            ordnung, okay, ok, ist okay, das ist okay, das ist gut, gut, sehr gut, perfekt, kein problem, kein thema
            """
        ),
        doubts=_twice(
            phrases(
                """
                ich weiß nicht, ich weiß es nicht, weiß nicht, weiß ich nicht, das weiß ich nicht, ich weiß nicht so
                recht, ich weiß nicht genau, weiß nicht genau, keine ahnung, ich habe keine ahnung, nicht sicher, ich
                bin nicht sicher, ich bin mir nicht sicher, bin nicht sicher, bin mir nicht sicher, nicht so sicher,
                ich bin mir nicht so sicher, nicht ganz sicher, ich bin mir nicht ganz sicher, ich bin nicht ganz
                sicher, ich bin unsicher, ich verstehe nicht, ich verstehe sie nicht, ich verstehe das nicht, verstehe
                nicht, verstehe ich nicht, das verstehe ich nicht, nicht verstanden, ich habe nicht verstanden, ich
                habe das nicht verstanden, ich habe sie nicht verstanden, das habe ich nicht verstanden, habe ich
                nicht verstanden, ich höre sie nicht, ich kann sie nicht hören, ich erinnere mich nicht, ich kann mich
                nicht erinnern, kann ich nicht sagen, das kann ich nicht sagen, kommt darauf an, das kommt darauf an,
                kommt drauf an, das kommt drauf an, vielleicht, vielleicht nicht, vielleicht auch nicht, eventuell,
                möglich, möglicherweise, kann sein, das kann sein, mal sehen, egal, ist mir egal, das ist mir egal,
                ich hoffe, das hoffe ich, hoffentlich, jein, ja und nein, ja oder nein, keine frage
                """
            ),
            "nein",
        ),
        neutral=phrases(
            """
            nicht wahr, alles gut, mir geht es gut, mir geht's gut, schon gut, das ist alles, das wars, das war's,
            macht nichts, nicht schlimm, guten tag, na ja, ach so, nicht nur
            """
        ),
        waits=phrases("moment, moment mal, warte, warten sie, tut mir leid, beziehungsweise, ich habe mich vertan"),
        polite=phrases("bitte, danke, danke schön, vielen dank, danke sehr, bitte schön"),
    ),
}
