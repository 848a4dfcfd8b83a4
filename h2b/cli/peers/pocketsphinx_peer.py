"""pocketsphinx with the English model of its package: its own language model, or small grammars (JSGF).

The model is one of 16 kHz; there is none of 8 kHz in the package. The options have `jsgf`: true for the grammars.
Source: the package's documentation of `Decoder` and `Config`.
"""

from collections.abc import Mapping
from typing import Any

from pocketsphinx import Decoder

PACKAGES = ("pocketsphinx",)
RATE = 16000

DIGITS = "zero | oh | one | two | three | four | five | six | seven | eight | nine"
TEENS = "ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen"
TENS = "twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety"
LETTERS = " | ".join("abcdefghijklmnopqrstuvwxyz")
COMMANDS = "go | help | stop | start | repeat | erase | enter | rubout"
ANSWERS = {
    "digits": f"({DIGITS})+",
    "spell": f"({LETTERS})+",
    "alnum": f"[{COMMANDS}] ({LETTERS} | {DIGITS} | {TEENS} | {TENS})+",
    "yesno": "yes | no",
    "keyword": f"{COMMANDS} | yes | no",
}
"""What is said to each kind of question; other kinds are not put to the grammars."""


class Pocketsphinx:
    """One decoder with all that it may be asked."""

    def __init__(self, jsgf: bool) -> None:
        self._jsgf = jsgf
        if not jsgf:
            self._decoder = Decoder(samprate=RATE, loglevel="FATAL")
            return
        # The search for a better path after the end takes seconds with a grammar, and finds none.
        self._decoder = Decoder(samprate=RATE, loglevel="FATAL", lm=None, bestpath=False)
        for kind, answer in ANSWERS.items():
            self._decoder.add_jsgf_string(kind, f"#JSGF V1.0;\ngrammar {kind};\npublic <answer> = {answer};\n")

    def prepare(self, question: Mapping[str, Any]) -> None:
        """Choose the grammar."""
        if self._jsgf:
            self._decoder.activate_search(question["kind"])

    def hear(self, question: Mapping[str, Any], samples: bytes, rate: int) -> Mapping[str, Any]:
        """The words of the best path."""
        self._decoder.start_utt()
        self._decoder.process_raw(samples, no_search=False, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return {"text": found.hypstr if found else ""}


def load(options: Mapping[str, Any]) -> Pocketsphinx:
    """See `answering`."""
    return Pocketsphinx(bool(options["jsgf"]))
