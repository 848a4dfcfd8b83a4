"""The builtin grammars of VoiceXML: `builtin:grammar/date` for speech, `builtin:dtmf/date` for keys.

Owns their names, which presets answer to them, the formats of their values and what a row of keys means. Must not
know registries, sessions or wires. Source: Voice Extensible Markup Language (VoiceXML) 2.0, W3C Recommendation of
16 March 2004, appendix P: each type's value, its keys and its parameters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import phonenumbers
from attrs import evolve, field, frozen

from h2b.grammar.kinds.base import Arguments, Found
from h2b.grammar.parameter import PresetParameter
from h2b.grammar.preset import Preset
from h2b.model.results import Value

if TYPE_CHECKING:
    # The registry asks this module what a name means.
    from h2b.grammar.registry import ActiveGrammar

SPOKEN: Final = "voicexml"
TYPED: Final = "dtmf"
"""What `Preset.form` and `ActiveGrammar.form` say of these grammars: values in the formats of this module, found in
words (SPOKEN) or in keys alone (TYPED)."""


@frozen(kw_only=True)
class VoiceXMLType:
    """One builtin type."""

    name: str
    preset: str
    """Path of the preset that finds its values in speech."""
    kind: str
    """That preset's kind."""
    key_parameters: Mapping[str, PresetParameter] = field(factory=dict)
    """Parameters that concern keys alone: a spoken grammar takes and ignores them."""


def _key(name: str, default: str, meaning: str) -> PresetParameter:
    return PresetParameter(
        name=name, type="choice", choices=tuple("0123456789*#"), default=default, doc=f"The key that means {meaning}."
    )


TYPES: Final[Mapping[str, VoiceXMLType]] = {
    row.name: row
    for row in (
        VoiceXMLType(
            name="boolean",
            preset="speech/boolean",
            kind="boolean",
            key_parameters={"y": _key("y", "1", "yes"), "n": _key("n", "2", "no")},
        ),
        VoiceXMLType(name="date", preset="speech/date", kind="date"),
        VoiceXMLType(name="digits", preset="speech/spelling/digits", kind="spelling"),
        VoiceXMLType(name="currency", preset="speech/currency", kind="currency"),
        VoiceXMLType(name="number", preset="speech/number", kind="number"),
        VoiceXMLType(name="phone", preset="speech/spelling/phone_number", kind="phone"),
        VoiceXMLType(name="time", preset="speech/time", kind="time"),
    )
}
"""The seven types by name."""

NAME_OF_KIND: Final[Mapping[str, str]] = {row.kind: row.name for row in TYPES.values()}
"""Kind of a preset -> the type whose values it finds."""


@frozen
class VoiceXMLName:
    """What a builtin path names."""

    path: str
    type: VoiceXMLType
    form: str
    """SPOKEN or TYPED."""

    @property
    def preset(self) -> str:
        """Path of the preset that answers to it."""
        return self.type.preset

    def made_of(self, preset: Preset) -> Preset:
        """That preset under this name: with this form, and with the parameters of keys."""
        parameters = {**preset.parameters, **self.type.key_parameters}
        return evolve(preset, path=self.path, names=(), form=self.form, output=None, parameters=parameters)


def resolve(path: str) -> VoiceXMLName | None:
    """What the path of a `builtin:` URI names: `grammar/date`, `dtmf/boolean`; None for any other path."""
    mode, _, name = path.partition("/")
    form = {"grammar": SPOKEN, "dtmf": TYPED}.get(mode)
    return VoiceXMLName(path, TYPES[name], form) if form and name in TYPES else None


# Values


def formed(found: Sequence[Found], grammar: "ActiveGrammar") -> list[Found]:
    """What a kind found in words, in the formats of VoiceXML; nothing for a grammar of keys.

    The formats have places for what was not said, so a date of two parts and a sum without its currency are whole
    answers. A time in either half of the day is one value with a question mark. A day that does not exist is none:
    the format could not tell.
    """
    name, region = NAME_OF_KIND.get(grammar.kind, ""), str(grammar.arguments.get("region", ""))
    if grammar.form == TYPED:
        return []
    if name == "time":
        return _times(found)
    made = []
    for one in found:
        if name == "date" and _impossible(one.value):
            continue
        whole = one.complete or _whole(name, one.value)
        made.append(evolve(one, value=format_value(name, one.value, region), complete=whole))
    return made


def format_value(name: str, value: Value, region: str = "") -> Value:
    """One value of a type in its VoiceXML format; a value that is not the kind's comes back as it is.

    boolean: true or false. date: "yyyymmdd", question marks for parts not said. digits: the digits. currency:
    "UUUmm.nn", without UUU where no currency was said. number: digits with "-" and "." as needed. phone: digits as
    dialled in the region, with country code where the number is of another. time: "hhmmh".
    """
    return _phone(value, region) if name == "phone" else _FORMATS.get(name, _same)(value)


def _same(value: Value) -> Value:
    return value


def _date(value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    return "".join(_places(value.get(part), width) for part, width in (("year", 4), ("month", 2), ("day", 2)))


def _places(part: Any, width: int) -> str:
    return "?" * width if part is None else f"{part:0{width}}"


def _currency(value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    return f"{value.get('currency') or ''}{Decimal(str(value['amount'])):.2f}"


def _number(value: Value) -> Value:
    """No exponent and no leading zeros, which ECMAScript would read as octal."""
    return value if isinstance(value, str) else f"{Decimal(str(value)):f}"


def _time(value: Value) -> Value:
    return f"{str(value).replace(':', '')}h"


_FORMATS: Final[Mapping[str, Callable[[Value], Value]]] = {
    "date": _date,
    "currency": _currency,
    "number": _number,
    "time": _time,
}


def _phone(value: Value, region: str) -> Value:
    """E.164 as people of the region dial it; what is no whole number yet stays as it was said."""
    text = str(value)
    if not text.startswith("+"):
        return re.sub(r"\D", "", text)
    number = phonenumbers.parse(text)
    home = phonenumbers.country_code_for_region(region.upper()) if region else number.country_code
    if number.country_code != home:
        return text.removeprefix("+")
    return re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


def _times(found: Sequence[Found]) -> list[Found]:
    """A time with its half of the day is said in 24 hours; one that comes in both halves is ambiguous."""
    if len(found) < 2:
        return [evolve(one, value=_time(one.value)) for one in found]
    hour, _, minute = str(found[0].value).partition(":")
    return [evolve(found[0], value=f"{(int(hour) - 1) % 12 + 1:02}{minute}?")]


def _impossible(value: Value) -> bool:
    """Whether all parts of a date were said and make no day."""
    return isinstance(value, dict) and not value["valid"] and None not in value.values()


def _whole(name: str, value: Value) -> bool:
    """Whether what is partial elsewhere is an answer here."""
    if not isinstance(value, dict):
        return False
    said = sum(value.get(part) is not None for part in ("day", "month", "year"))
    return name == "currency" or said >= 2


# Keys


def interpret_keys(keys: str, grammar: "ActiveGrammar") -> Found | None:
    """What the keys typed so far mean to a grammar; not complete where more keys may make it so; None for nothing.

    `keys` are characters 0 to 9, * and #, without the key that ended the input. A partial value is what was typed.
    """
    row = _KEYS.get(NAME_OF_KIND.get(grammar.kind, ""))
    return row(keys, grammar.arguments) if row is not None and keys else None


def _typed(keys: str, arguments: Arguments) -> Found | None:
    """Digits of a length."""
    length = arguments.get("length")
    shortest = int(arguments.get("minlength", 1) if length is None else length)
    longest = arguments.get("maxlength") if length is None else length
    if not _plain(keys) or (longest is not None and len(keys) > int(longest)):
        return None
    return Found(value=keys, complete=len(keys) >= shortest)


def _typed_boolean(keys: str, arguments: Arguments) -> Found | None:
    answers = {str(arguments.get("y", "1")): True, str(arguments.get("n", "2")): False}
    return Found(value=answers[keys]) if keys in answers else None


def _typed_date(keys: str, arguments: Arguments) -> Found | None:
    """yyyymmdd: a day that exists, or the beginning of one."""
    if not _plain(keys) or len(keys) > 8:
        return None
    if len(keys) < 8:
        month, tens = keys[4:6], keys[6:7]
        possible = (month < "13" if len(month) < 2 else "01" <= month <= "12") and tens <= "3"
        return Found(value=keys, complete=False) if possible else None
    return Found(value=keys) if _exists(int(keys[:4]), int(keys[4:6]), int(keys[6:])) else None


def _exists(year: int, month: int, day: int) -> bool:
    lengths = (31, 29 if _leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return year > 0 and 1 <= month <= 12 and 1 <= day <= lengths[month - 1]


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _typed_currency(keys: str, arguments: Arguments) -> Found | None:
    """The star is the decimal point; keys name no currency. `12*` and `12*5` wait for their cents."""
    match = re.fullmatch(r"([0-9]*)(?:(\*)([0-9]{0,2}))?", keys)
    if match is None:
        return None
    complete = bool(match[1] or match[3]) and (match[2] is None or len(match[3]) == 2)
    if not complete:
        return Found(value=keys.replace("*", "."), complete=False)
    return Found(value=f"{int(match[1] or 0)}.{match[3] or '00'}")


def _typed_number(keys: str, arguments: Arguments) -> Found | None:
    """The star is the decimal point; keys have no sign."""
    match = re.fullmatch(r"([0-9]*)(?:(\*)([0-9]*))?", keys)
    if match is None:
        return None
    if match[2] and not match[3]:
        return Found(value=keys.replace("*", "."), complete=False)
    return Found(value=str(int(match[1] or 0)) + (f".{match[3]}" if match[3] else ""))


def _typed_phone(keys: str, arguments: Arguments) -> Found | None:
    """The star is the "x" before an extension."""
    if not re.fullmatch(r"[0-9]+(\*[0-9]*)?", keys):
        return None
    return Found(value=keys.replace("*", "x"), complete=not keys.endswith("*"))


def _typed_time(keys: str, arguments: Arguments) -> Found | None:
    """hhmm: keys name no half of the day, so hours from 1 to 12 are in either."""
    if not _plain(keys) or len(keys) > 4:
        return None
    hour, tens = keys[:2], keys[2:3]
    if not (hour <= "2" if len(hour) < 2 else hour < "24") or not tens <= "5":
        return None
    if len(keys) < 4:
        return Found(value=keys, complete=False)
    return Found(value=f"{keys}{'?' if '01' <= hour <= '12' else 'h'}")


def _plain(keys: str) -> bool:
    return keys.isascii() and keys.isdigit()


_KEYS: Final[Mapping[str, Callable[[str, Arguments], Found | None]]] = {
    "boolean": _typed_boolean,
    "date": _typed_date,
    "digits": _typed,
    "currency": _typed_currency,
    "number": _typed_number,
    "phone": _typed_phone,
    "time": _typed_time,
}
