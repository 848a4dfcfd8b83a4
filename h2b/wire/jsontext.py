"""JSON text as an object without doubtful parts.

The standard reader takes more than JSON is: NaN, numbers beyond every range, keys given twice, strings that no
socket could send back. Each would be a trap further inside, so a message that holds one is refused whole. Owns that
strictness; must not know what the message says, except where its request id stands, so that the refusal finds its
request.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from attrs import frozen

from h2b.model.errors import MalformedMessage, shorten
from h2b.wire.vocabulary import Key

MAXIMUM_REQUEST_ID = 2**64 - 1
MAXIMUM_DEPTH = 32
"""Levels of nesting in a message; an honest one has three."""
MAXIMUM_VALUES = 50_000
"""In one message: the longest value a script may give has fewer."""
MAXIMUM_DIGITS = 20
"""Characters of an integer literal: enough for 64 bits, unsigned or signed."""

_REQUEST_ID = re.compile(rf'"{Key.REQUEST_ID}"\s*:\s*([0-9]{{1,{MAXIMUM_DIGITS}}})\s*[,}}]')
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which databases refuse, and halves of surrogate pairs, which have no UTF-8."""


@frozen
class _Flaw:
    """Stands in the tree for a value that was not taken."""

    got: str
    expected: str


class _Place(NamedTuple):
    """Where a value stands. Written out when something is wrong there: a long key is in the path of all below it."""

    within: "_Place | None"
    name: str | int

    def __str__(self) -> str:
        parts: list[str] = []
        place: _Place | None = self
        while place is not None:
            parts.append(f"[{place.name}]" if isinstance(place.name, int) else f".{place.name}")
            place = place.within
        return "".join(reversed(parts)).removeprefix(".")


def read_object(text: str) -> dict[str, Any]:
    """The object `text` holds; values that are doubtful are still in it, for `refuse_flaws` to find.

    Raises:
        MalformedMessage: not JSON, nested too deeply to be read, or JSON but no object. Its `request_id` is the one
            found in the text, 0 when none stands out.
    """
    try:
        message = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # The library's own wording changes between versions of Python; the place does not.
        around = text[error.pos : error.pos + 20]
        got = f"{shorten(around)} at character {error.pos}" if around else f"the end at character {error.pos}"
        raise MalformedMessage(f"message: got {got}, expected a JSON object", _salvage_request_id(text)) from None
    except RecursionError:
        raise MalformedMessage(_too_deep(), _salvage_request_id(text)) from None
    if isinstance(message, _Flaw):
        raise MalformedMessage(f"message: got {message.got}, expected a JSON object")
    if not isinstance(message, dict):
        raise MalformedMessage(f"message: got {shorten(message)}, expected a JSON object")
    return message


def request_id_of(message: Mapping[str, Any]) -> int | None:
    """The request id, None when it is missing or no unsigned 64-bit integer."""
    value = message.get(Key.REQUEST_ID)
    readable = type(value) is int and 0 <= value <= MAXIMUM_REQUEST_ID
    return value if readable else None


def refuse_flaws(message: Mapping[str, Any]) -> None:
    """Check every value and every key, however deep.

    Raises:
        MalformedMessage: the first doubtful one, with its path; `request_id` is left to the caller.
    """
    count = 0
    for place, value, depth in _walk(message):
        count += len(value) if isinstance(value, dict | list) else 0
        if count > MAXIMUM_VALUES:
            raise MalformedMessage(f"message: got more than {MAXIMUM_VALUES} values, expected fewer")
        if depth > MAXIMUM_DEPTH:
            raise MalformedMessage(_too_deep())
        if isinstance(value, _Flaw):
            _refuse(place, value.got, value.expected)
        if isinstance(value, str) and _UNSENDABLE.search(value):
            _refuse(place, shorten(value), "text without NUL or lone surrogates")


def _walk(message: Mapping[str, Any]) -> Iterator[tuple[_Place | None, Any, int]]:
    """Each key and value with its place and depth, in the order of the text; iterative, as depth is the client's."""
    pending: list[tuple[_Place | None, Any, int]] = [(None, message, 0)]
    while pending:
        place, value, depth = pending.pop()
        yield place, value, depth
        if depth > MAXIMUM_DEPTH:
            return
        if isinstance(value, dict):
            for key in value:
                yield _Place(place, key), key, depth
            inside = [(_Place(place, key), each, depth + 1) for key, each in value.items()]
        elif isinstance(value, list):
            inside = [(_Place(place, index), each, depth + 1) for index, each in enumerate(value)]
        else:
            continue
        pending += reversed(inside)


def _refuse(place: _Place | None, got: str, expected: str) -> NoReturn:
    path = str(place or "message")
    where = path if path.isprintable() and 0 < len(path) <= 80 else shorten(path)
    raise MalformedMessage(f"{where}: got {got}, expected {expected}")


def _too_deep() -> str:
    return f"message: got deeper nesting, expected at most {MAXIMUM_DEPTH} levels"


def _salvage_request_id(text: str) -> int:
    """The id in text that is not JSON: only if exactly one looks like it, for a wrong answer is worse than none."""
    found = _REQUEST_ID.findall(text)
    value = int(found[0]) if len(found) == 1 else 0
    return value if value <= MAXIMUM_REQUEST_ID else 0


def _literal(literal: str, expected: str) -> _Flaw:
    return _Flaw(literal if len(literal) <= 40 else literal[:39] + "…", expected)


def _integer(literal: str) -> int | _Flaw:
    if len(literal) > MAXIMUM_DIGITS:
        return _literal(literal, f"an integer of at most {MAXIMUM_DIGITS} digits")
    return int(literal)


def _number(literal: str) -> float | _Flaw:
    value = float(literal)
    return value if math.isfinite(value) else _literal(literal, "a finite number")


def _not_json(literal: str) -> _Flaw:
    return _literal(literal, "a finite number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for key, value in pairs:
        taken[key] = _Flaw("two values", "one") if key in taken else value
    return taken


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_number, parse_constant=_not_json, object_pairs_hook=_object
)
