"""Free speech: `transcribe` gives the words as they are, `text2num` with numbers in digits. Both match any speech."""

from collections.abc import Sequence

from text_to_num import alpha2digit

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.language import Language


class Transcribe:
    """The words heard, numbers as words (H2B reference, section 5.2)."""

    name = "transcribe"
    takes = taking()

    def check(self, arguments: Arguments) -> None:
        """There is nothing to get wrong."""

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        return [Found(value=language.spell_out(" ".join(words)))] if words else []

    def acceptor(self, arguments: Arguments, language: Language) -> None:
        return None


class TextToNumbers(Transcribe):
    """The words heard, numbers in digits: "je prends 22 cafés"."""

    name = "text2num"

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        if not words:
            return []
        return [Found(value=alpha2digit(language.spell_out(" ".join(words)), language.code))]
