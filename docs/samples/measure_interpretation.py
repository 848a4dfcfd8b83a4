"""What it costs to find a value in words, by grammar and language, in milliseconds of CPU.

    python docs/samples/measure_interpretation.py "$H2B_SPEECH/manifest.tsv"

The words are the examples of every preset (each grammar gets the examples of all), random identifiers spoken one by
one and in groups by num2words, and the transcripts of a manifest where one is given (see h2b bench accuracy): speech
that holds no value and long sentences cost, too. Tables are built before; each utterance counts with the best of
three calls, since a call is short and a machine has other things to do.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from num2words import num2words
from stdnum import iban, luhn

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.kinds import KINDS
from h2b.grammar.registry import ActiveGrammar, Registry
from h2b.language import LANGUAGES, Language, normalise

NEEDS = {"speech/keywords": "?alternatives=go|help|stop|start|repeat|erase|enter|yes|no|new york|sales|billing"}
"""Parameters a preset cannot do without."""
ROUNDS = 3
IDENTIFIERS = 50
"""Random values of each identifier in each language."""


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def with_luhn(body: str) -> str:
    return body + luhn.calc_check_digit(body)


def french_nir(chance: random.Random) -> str:
    body = f"{chance.choice('12')}{digits(chance, 2)}{chance.randint(1, 12):02}{chance.randint(10, 89)}"
    body += digits(chance, 6)
    return f"{body}{97 - int(body) % 97:02}"


def account(chance: random.Random, country: str, length: int) -> str:
    body = digits(chance, length)
    return f"{country}{iban.calc_check_digits(f'{country}00{body}')}{body}".lower()


VALUES: Mapping[str, Callable[[random.Random], str]] = {
    "siren": lambda chance: with_luhn(digits(chance, 8)),
    "siret": lambda chance: with_luhn(with_luhn(digits(chance, 8)) + digits(chance, 4)),
    "card": lambda chance: with_luhn("4" + digits(chance, 14)),
    "nir": french_nir,
    "iban fr": lambda chance: account(chance, "FR", 23),
    "iban de": lambda chance: account(chance, "DE", 18),
    "phone": lambda chance: "06" + digits(chance, 8),
    "zipcode": lambda chance: digits(chance, 5),
    "digits": lambda chance: digits(chance, 12),
}


def spoken(value: str, language: Language, group: int) -> str:
    """A value in groups of so many digits: each a number, a leading zero said before it, letters one by one."""
    said: list[str] = []
    while value:
        length = next((n for n in range(group, 1, -1) if value[:n].isdecimal() and len(value) >= n), 1)
        part, value = value[:length], value[length:]
        if not part.isdecimal():
            said.append(part)
            continue
        zeros = part[: len(part) - len(part.lstrip("0"))]
        said += [num2words(0, lang=language.code) for _ in zeros]
        if part != zeros:
            said.append(num2words(int(part), lang=language.code))
    return normalise(" ".join(said))


def utterances(registry: Registry, language: Language, manifest: Path | None) -> Iterator[str]:
    presets = {preset.path: preset for preset in registry.presets.values()}
    for preset in presets.values():
        yield from (normalise(e.say) for e in preset.examples if e.language == language.code)
    chance = random.Random(1)
    for make in VALUES.values():
        for number in range(IDENTIFIERS):
            yield spoken(make(chance), language, 1 + number % 3)
    if manifest is not None:
        rows = (line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:])
        yield from (normalise(row[5]) for row in rows if row[2] == language.code)


def grammars(registry: Registry, language: Language) -> Iterator[ActiveGrammar]:
    for preset in {preset.path: preset for preset in registry.presets.values()}.values():
        if language.code in preset.languages:
            yield registry.activate(f"builtin:{preset.path}{NEEDS.get(preset.path, '')}", language.code)


def costs(grammar: ActiveGrammar, language: Language, said: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds for each utterance, and for each that holds a value; both from the shortest on."""
    find = KINDS[grammar.kind].find
    hypotheses = [text.split() for text in said]
    found = [bool(find(words, grammar.arguments, language)) for words in hypotheses]
    spent = []
    for words in hypotheses:
        rounds = []
        for _ in range(ROUNDS):
            began = time.process_time()
            find(words, grammar.arguments, language)
            rounds.append(time.process_time() - began)
        spent.append(1000 * min(rounds))
    return sorted(spent), sorted(cost for cost, match in zip(spent, found, strict=True) if match)


def summary(spent: Sequence[float]) -> str:
    middle, high, most = (median(spent), spent[len(spent) * 95 // 100], spent[-1]) if spent else (0.0, 0.0, 0.0)
    return f"{len(spent):>6} {middle:>8.3f} {high:>8.3f} {most:>8.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of finding values in words, in milliseconds of CPU.")
    parser.add_argument("manifest", type=Path, nargs="?", help="recordings whose transcripts are looked at, too")
    parser.add_argument("--language", action="append", help="only these languages (default all)")
    parser.add_argument("--grammar", action="append", help="only grammars whose path ends so, such as iban")
    options = parser.parse_args()
    registry = load_catalogue()
    columns = f"{'n':>6} {'median':>8} {'p95':>8} {'max':>8}"
    print(f"{'grammar':32} {'language':>8} {columns}   of these, with a value: {columns}")
    for language in LANGUAGES:
        if options.language and language.code not in options.language:
            continue
        said = list(dict.fromkeys(utterances(registry, language, options.manifest)))
        for grammar in grammars(registry, language):
            name = grammar.type.removeprefix("builtin:")
            if options.grammar and not name.endswith(tuple(options.grammar)):
                continue
            every, matched = (summary(spent) for spent in costs(grammar, language, said))
            print(f"{name:32} {language.code:>8} {every}   {'':23} {matched}")


if __name__ == "__main__":
    main()
