"""E-mail addresses: "john dot smith forty two at gmail dot com".

An address is words joined, letters, numbers and the names of signs on both sides of an "at". The value is in lower
case without accents, a dot-atom on the left (RFC 5321 section 4.1.2, RFC 5322 section 3.2.3) and a host name with at
least one dot on the right (RFC 5321 section 4.1.2, RFC 1123 section 2.1); quoted names and address literals are
nothing that callers say.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from attrs import evolve, frozen

from h2b.grammar.kinds.base import Arguments, Found, taking
from h2b.grammar.kinds.evidence import UNSURE
from h2b.grammar.kinds.spelled import alike, spelled_runs
from h2b.grammar.spoken import Acceptor
from h2b.language import Language
from h2b.language.emails import GENERIC, PROVIDERS, TOP_LEVEL, Emails, emails

KNOWN = 1.0
UNKNOWN_HOST = 0.9
"""Quality of an address whose provider no table knows."""
UNKNOWN_DOMAIN = 0.7
"""Of one whose top-level domain no table knows: it may be a word of something else."""
DOT_LEFT_OUT = 0.9
"""Of "gmail com"."""
DOT_LOST = 0.8
"""Of "acme com", whose provider no table knows."""
AT_LEFT_OUT = 0.6
"""Of "john smith gmail com": a written address whose signs a transcript has lost."""
NUMBERS = range(2101)
"""What is said as one number in an address: years among them."""
NUMBER_FORMS = 8
SHORTEST_SPELLING = 3
"""Letters that may be the spelling of the word before them."""
LONGEST_LABEL_WORDS = 6
MAXIMUM_LOCAL_PIECES = 40

_LOCAL = re.compile(r"(?=.{1,64}$)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{4,255}}$)(?:{_LABEL}\.)+[a-z]{{2,24}}")
_HOSTS = frozenset(PROVIDERS.values())
_AT, _WEAK_AT, _IGNORED = "@", "@?", ""


class Email:
    """One address; partial while the part after the "@" has no end."""

    name = "email"
    takes = taking()

    def check(self, arguments: Arguments) -> None:
        pass

    def find(self, words: Sequence[str], arguments: Arguments, language: Language) -> list[Found]:
        pieces = _pieces(words, language)
        places = [place for place, piece in enumerate(pieces) if _is_at(pieces, place)]
        best: list[Found] = []
        for place in reversed(places):
            # "write to me at john at gmail": what stands before an earlier "at" is no part of the name.
            start = max((p + 1 for p in places if p < place and pieces[p].value == _WEAK_AT), default=0)
            found = _address(pieces[start:place], pieces[place], pieces[place + 1 :], language)
            if found is not None and (found.complete or not best):
                best = [found]
            if best and best[0].complete:
                two = any(_host(pieces[p + 1 : place], language)[0] for p in places if p < place)
                return [evolve(best[0], quality=best[0].quality * UNSURE)] if two else best
        return best or _without_at(pieces, bool(places), language)

    def acceptor(self, arguments: Arguments, language: Language) -> Acceptor | None:
        return None


@frozen
class _Piece:
    """What a word or phrase adds to an address."""

    value: str
    sort: str
    """"word", "letters", "digits", "sign" or "at"."""
    said: str


def _is_at(pieces: Sequence[_Piece], place: int) -> bool:
    """After a dot "at" is Austria's domain."""
    if pieces[place].sort != "at":
        return False
    return pieces[place].value == _AT or place == 0 or pieces[place - 1].value != "."


# Words to pieces


def _pieces(words: Sequence[str], language: Language) -> list[_Piece]:
    runs = {run.start: run for run in spelled_runs(words, language)}
    table = _phrases(language)
    pieces: list[_Piece] = []
    at = 0
    while at < len(words):
        known = _longest(words, at, table)
        if known is not None and not (at in runs and runs[at].end > at + len(known[0])):
            value, sort = known[1], known[2]
            if value != _IGNORED:
                pieces.append(_Piece(value, sort, " ".join(known[0])))
            at += len(known[0])
        elif at in runs:
            _add_letters(pieces, language.plain(runs[at].letters), " ".join(words[at : runs[at].end]))
            at = runs[at].end
        else:
            if words[at] not in language.fillers:
                pieces.append(_word(words[at], language))
            at += 1
    return [_zero(pieces, place) for place in range(len(pieces))]


def _word(word: str, language: Language) -> _Piece:
    value = re.sub("[^a-z0-9]", "", language.plain(word))
    return _Piece(value, "digits" if value.isdigit() else "word", word)


def _add_letters(pieces: list[_Piece], letters: str, said: str) -> None:
    """A spelling takes the place of the word it spells."""
    if pieces and pieces[-1].sort == "word" and len(letters) >= SHORTEST_SPELLING and alike(pieces[-1].value, letters):
        pieces.pop()
    pieces.append(_Piece(letters, "letters", said))


def _zero(pieces: Sequence[_Piece], place: int) -> _Piece:
    """An "o" between digits is a zero."""
    piece = pieces[place]
    if piece.value not in ("o", "oh") or not 0 < place < len(pieces) - 1:
        return piece
    between = pieces[place - 1].sort == "digits" == pieces[place + 1].sort
    return _Piece("0", "digits", piece.said) if between else piece


_Phrase = tuple[tuple[str, ...], str, str]
"""Words, value, sort."""


@cache
def _phrases(language: Language) -> Mapping[str, Mapping[int, Mapping[tuple[str, ...], _Phrase]]]:
    """Everything said for a sign or number, by its first word, then by how many it has, the most first."""
    found: dict[tuple[str, ...], _Phrase] = {}
    for phrase, value, sort in _all_phrases(language):
        words = tuple(phrase.split())
        found.setdefault(words, (words, value, sort))
    by_first: dict[str, dict[int, dict[tuple[str, ...], _Phrase]]] = {}
    for words in sorted(found, key=len, reverse=True):
        by_first.setdefault(words[0], {}).setdefault(len(words), {})[words] = found[words]
    return by_first


def _longest(
    words: Sequence[str], at: int, table: Mapping[str, Mapping[int, Mapping[tuple[str, ...], _Phrase]]]
) -> _Phrase | None:
    for length, phrases in table.get(words[at], {}).items():
        known = phrases.get(tuple(words[at : at + length]))
        if known is not None:
            return known
    return None


def _all_phrases(language: Language) -> Iterator[tuple[str, str, str]]:
    table = emails(language)
    yield from ((phrase, _AT, "at") for phrase in table.at)
    yield from ((phrase, _WEAK_AT, "at") for phrase in table.weak_at)
    yield from ((phrase, sign, "sign") for phrase, sign in table.signs.items())
    yield from ((phrase, _IGNORED, "sign") for phrase in table.ignored)
    for digit, names in language.digits.items():
        for name in names:
            yield name, digit, "digits"
            yield from ((f"{word} {name}", digit * times, "digits") for word, times in language.doubling.items())
    for word, times in language.doubling.items():
        yield from ((f"{word} {digit}", digit * times, "digits") for digit in "0123456789")
    for number in NUMBERS:
        for form in language.number_forms(number)[:NUMBER_FORMS]:
            yield form, str(number), "digits"


# Pieces to an address


def _address(before: Sequence[_Piece], at: _Piece, after: Sequence[_Piece], language: Language) -> Found | None:
    """The address around an "at"; partial where the host has no end yet."""
    table = emails(language)
    local = _local(before, table)
    if not local:
        return None
    host, quality = _host(after, language)
    if host:
        return Found(value=f"{local}@{host}", quality=quality)
    begun = _begun_host(after, table)
    if begun is None or not _promising(before, at, after, begun, table):
        return None
    return Found(value=f"{local}@{begun}", complete=False)


def _local(pieces: Sequence[_Piece], table: Emails) -> str:
    """The name: what follows the last words that introduce an address. Empty when there is none."""
    kept = list(pieces)
    said = [piece.said for piece in kept]
    for phrase in table.before:
        words = phrase.split()
        ends = [at + len(words) for at in range(len(said)) if said[at : at + len(words)] == words]
        # Before a sign it is a part of the name: "e mail dot john".
        ends = [end for end in ends if end < len(said) and kept[end].sort != "sign"]
        if ends:
            kept, said = kept[ends[-1] :], said[ends[-1] :]
    while len(kept) > 1 and kept[0].said in table.never_first:
        kept.pop(0)
    if len(kept) > MAXIMUM_LOCAL_PIECES:
        return ""
    local = "".join(piece.value for piece in kept).lstrip(".-")
    return local if _LOCAL.fullmatch(local) else ""


def _host(pieces: Sequence[_Piece], language: Language) -> tuple[str, float]:
    """The host name and how sure it is; empty when there is none. Words after it are no part of it."""
    table = emails(language)
    segments = _segments(pieces)
    for last in range(len(segments) - 1, 0, -1):
        labels = [_label(segment, table) for segment in segments[:last]]
        domain, known = _domain(segments[last], table)
        host = ".".join([*labels, domain])
        fits = all(0 < len(segment) <= LONGEST_LABEL_WORDS for segment in segments[:last])
        if domain and fits and _HOST.fullmatch(host):
            sure = KNOWN if labels[-1] in _HOSTS or len(labels) > 1 else UNKNOWN_HOST
            return host, sure if known else UNKNOWN_DOMAIN
    if len(segments) > 1:
        return "", 0.0
    host = _undotted(pieces, table)
    return (host, DOT_LEFT_OUT) if host else (_undotted_unknown(pieces, table), DOT_LOST)


def _segments(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """The pieces between dots."""
    segments: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece.value == ".":
            segments.append([])
        else:
            segments[-1].append(piece)
    return segments


def _label(pieces: Sequence[_Piece], table: Emails) -> str:
    label = "".join("at" if piece.sort == "at" else piece.value for piece in pieces)
    return table.providers.get(label) or PROVIDERS.get(label, label)


def _domain(pieces: Sequence[_Piece], table: Emails) -> tuple[str, bool]:
    """The top-level domain that the pieces begin with, and whether it is a known one."""
    for end in range(min(4, len(pieces)), 0, -1):
        heard = "".join("at" if piece.sort == "at" else piece.value for piece in pieces[:end])
        said = "".join(piece.said for piece in pieces[:end])
        domain = table.domains.get(said) or table.domains.get(heard, heard)
        if domain in TOP_LEVEL:
            return domain, True
    alone = len(pieces) == 1 and pieces[0].sort in ("word", "letters") and len(pieces[0].value) > 1
    return (pieces[0].value, False) if alone else ("", False)


def _undotted(pieces: Sequence[_Piece], table: Emails) -> str:
    """ "gmail com", "web de", "yahoo co uk": a known provider with its domain right behind it."""
    for end in range(1, min(4, len(pieces))):
        label = _label(pieces[:end], table)
        domain = _domains(pieces[end:], table) if label in _HOSTS else ""
        if domain:
            return f"{label}.{domain}"
    return ""


def _undotted_unknown(pieces: Sequence[_Piece], table: Emails) -> str:
    """ "acme consulting com" at the end of all that was said: common words are no domains here."""
    for end in range(1, min(LONGEST_LABEL_WORDS, len(pieces))):
        domain = _domains(pieces[end:], table)
        host = f"{_label(pieces[:end], table)}.{domain}"
        if domain.partition(".")[0] in GENERIC and end + 1 + domain.count(".") == len(pieces) and _HOST.fullmatch(host):
            return host
    return ""


def _domains(pieces: Sequence[_Piece], table: Emails) -> str:
    """The top-level domain that the pieces begin with, after "co" or its like with that of a country."""
    if len(pieces) > 1 and pieces[0].value in GENERIC:
        country, known = _domain(pieces[1:], table)
        if known and len(country) == 2:
            return f"{pieces[0].value}.{country}"
    domain, known = _domain(pieces, table)
    return domain if known else ""


# What has no end yet


def _begun_host(pieces: Sequence[_Piece], table: Emails) -> str | None:
    """What was said of a host so far; None when it is none."""
    segments = _segments(pieces)
    if any(not segment for segment in segments[:-1]) or any(len(s) > LONGEST_LABEL_WORDS for s in segments):
        return None
    host = ".".join(_label(segment, table) for segment in segments)
    return host if re.fullmatch(r"[a-z0-9.-]*", host) else None


def _promising(before: Sequence[_Piece], at: _Piece, after: Sequence[_Piece], begun: str, table: Emails) -> bool:
    """Whether the beginning is one of an address: "at" is a common word."""
    if at.value == _AT:
        return True
    if begun.isdigit():
        return False
    spelled = any(piece.sort == "sign" for piece in before) or all(piece.sort == "letters" for piece in before)
    known = _label(after, table) in _HOSTS or any(piece.value == "." for piece in after)
    return known or (spelled and len(after) <= 3) or (not after and len(before) <= 4)


def _without_at(pieces: Sequence[_Piece], said_at: bool, language: Language) -> list[Found]:
    """A written address that lost its signs, or the beginning of a name with dots in it."""
    table = emails(language)
    for start in range(1, 0 if said_at else len(pieces)):
        if not _names_a_provider(pieces[start : start + 3], table):
            continue
        host = _undotted(pieces[start : start + 4], table) or _host(pieces[start : start + 8], language)[0]
        if host.partition(".")[0] in _HOSTS:
            local = _written_local(pieces[:start], table)
            return [Found(value=f"{local}@{host}", quality=AT_LEFT_OUT)] if local else []
    local = _local(pieces, table)
    begun = re.search("[a-z]{2}[._]|[._][a-z]{2}", local) and len(pieces) <= 2 * LONGEST_LABEL_WORDS
    if begun and not said_at:
        return [Found(value=local, complete=False)]
    return []


def _names_a_provider(pieces: Sequence[_Piece], table: Emails) -> bool:
    return any(_label(pieces[:end], table) in _HOSTS for end in range(1, len(pieces) + 1))


def _written_local(pieces: Sequence[_Piece], table: Emails) -> str:
    """The spaces of a written address were signs, the dot above all."""
    dotted: list[_Piece] = []
    dot = _Piece(".", "sign", "")
    for piece in pieces:
        if dotted and piece.sort != "sign" and dotted[-1].sort != "sign" and piece.sort != "digits":
            dotted.append(dot)
        dotted.append(piece)
    words = [piece for piece in dotted if piece is not dot]
    kept = _local(words, table)
    joined = "".join(piece.value for piece in dotted)
    flat = joined.replace(".", "")
    skipped = len(flat) - len(kept.replace(".", ""))
    return _tail(joined, skipped) if kept else ""


def _tail(joined: str, skipped: int) -> str:
    """`joined` without its first so many characters, dots not counted."""
    at = 0
    while skipped > 0 or joined[at] == ".":
        skipped -= joined[at] != "."
        at += 1
    local = joined[at:]
    return local if _LOCAL.fullmatch(local) else ""
