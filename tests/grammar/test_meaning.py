"""What is wrong with a preset beyond its schema: each is refused with the line to blame, before anybody calls."""

from pathlib import Path

import pytest

from h2b.grammar.catalogue import load_catalogue, load_preset, name_clashes
from h2b.grammar.kinds import KINDS, identifier
from h2b.grammar.parameter import MAXIMUM_NUMBER, PARAMETER_TYPES, PresetParameter
from h2b.model.errors import ConfigurationError, GrammarDefinitionError

HEAD = 'type = "{}"\ndoc = "A test."\nlanguages = ["en"]\n'
DIGITS = HEAD.format("spelling") + '[fixed]\nalphabet = "digits"\n'
KEYWORDS = HEAD.format("keywords") + "[fixed]\nalternatives = {}\n"
NUMBER = HEAD.format("number")
CURRENCY = HEAD.format("currency")
PLAIN = HEAD.format("boolean")
SPELLING_TAKES = "expected: alphabet, length, minlength, maxlength, regex"


def parameter(name: str, *lines: str) -> str:
    return "\n".join((f"[parameters.{name}]", 'doc = "x"', *lines, ""))


def loaded(folder: Path, text: str) -> str:
    """What is wrong, without the name of the file."""
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    try:
        load_preset(path, folder)
    except ConfigurationError as error:
        return str(error).removeprefix(f"{path}:")
    return ""


@pytest.mark.parametrize(
    "text",
    [
        HEAD.format("date"),
        DIGITS + "length = 4\n",
        DIGITS + parameter("length", 'type = "choice"', 'choices = ["4", "6"]'),
        DIGITS + parameter("maxlength", 'type = "integer"', "default = 4"),
        NUMBER + "[fixed]\nmin = 1\nmax = 2.5\n",
        NUMBER + parameter("min", 'type = "integer"'),
        NUMBER + parameter("min", 'type = "number"', "minimum = -1", "maximum = 1.5"),
        CURRENCY + parameter("currency", 'type = "string"', "maximum = 3"),
        HEAD.format("identifier") + parameter("scheme", 'type = "choice"', "required = true", 'choices = ["iban"]'),
        HEAD.format("date") + '[fixed]\nregion = "GB"\n',
        PLAIN + 'names = ["speech/other", "other"]\n',
    ],
)
def test_arguments_that_the_kind_takes_are_taken(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == ""


ARGUMENTS = {
    DIGITS + "lenght = 4\n": f"6: unknown argument 'lenght' of spelling (nearest: 'length'), {SPELLING_TAKES}",
    DIGITS + parameter("maxlen", 'type = "integer"'): (
        f"6: unknown argument 'maxlen' of spelling (nearest: 'maxlength'), {SPELLING_TAKES}"
    ),
    PLAIN + "[fixed]\nregion = 'GB'\n": "5: unknown argument 'region' of boolean, expected: none",
    HEAD.format("spelling") + "[fixed]\nlength = 4\n": (
        "4: alphabet is missing: expected one of digits, letters, mixed, in [fixed] or [parameters.alphabet]"
    ),
    DIGITS + "length = '4'\n": "6: length: got '4', expected an integer from 1 to 1999",
    DIGITS + "length = 4.0\n": "6: length: got 4.0, expected an integer from 1 to 1999",
    DIGITS + "length = true\n": "6: length: got True, expected an integer from 1 to 1999",
    DIGITS + "length = 100000\n": "6: length: got 100000, expected an integer from 1 to 1999",
    DIGITS + "minlength = 5\nmaxlength = 4\n": "7: maxlength: got 4, expected at least minlength, which is 5",
    DIGITS + "regex = '[0-9'\n": "6: regex, position 5: got the end, expected ']'",
    DIGITS + "regex = '[a-z]'\n": "4: [fixed]: nothing a caller can say matches it",
    DIGITS + "regex = ''\n": "6: regex: got '', expected text of at least 1 characters",
    NUMBER + "[fixed]\nmin = 3\nmax = 2\n": "6: max: got 2, expected at least min, which is 3",
    NUMBER + "[fixed]\nmin = nan\n": "5: min: got nan, expected a number",
    NUMBER + "[fixed]\nmin = 5\n" + parameter("max", 'type = "number"', "default = 3"): (
        "6: max: got 3, expected at least min, which is 5"
    ),
    CURRENCY + "[fixed]\ncurrency = 'CAD'\n": "5: currency: got 'CAD', expected one of EUR, USD, GBP, CHF, JPY",
    HEAD.format("date") + "[fixed]\ntoday = '2026-W01-1'\n": (
        "5: today: got '2026-W01-1', expected a date such as 2026-11-21, from 1850 to 2149"
    ),
    HEAD.format("license_plate") + "[fixed]\nregion = 'ZZ'\n": (
        "5: region: got 'ZZ', expected one of AT, BE, CH, DE, ES, FR, GB, IE, IT, US"
    ),
    KEYWORDS.format("'C++|C#'"): "5: alternatives: got 'C#', expected other words than those of 'C++'",
    KEYWORDS.format("['a', 'b']"): "5: alternatives: got ['a', 'b'], expected text",
    KEYWORDS.format(repr("|".join(f"w{number}" for number in range(600)))): (
        "5: alternatives: got 600, expected 1 to 500 words or phrases separated by '|'"
    ),
}

DECLARATIONS = {
    parameter("min", 'type = "integer"', "minimum = 5", "maximum = 4"): (
        "7: minimum: got 5, expected at most maximum, which is 4"
    ),
    parameter("min", 'type = "number"', "maximum = inf"): "7: maximum: got inf, expected a number",
    parameter("min", 'type = "number"', 'choices = ["1"]'): "7: choices: a parameter of type number has none",
    parameter("min", 'type = "choice"'): "4: choices: got none, expected a list of texts",
    parameter("min", 'type = "choice"', "choices = []"): "7: choices: got none, expected a list of texts",
    parameter("min", 'type = "choice"', 'choices = ["1", "two"]'): "7: choices: got 'two', expected a number",
    parameter("min", 'type = "choice"', 'choices = ["1"]', "maximum = 2"): (
        "8: maximum: a parameter of type choice has none"
    ),
    parameter(
        "min", 'type = "string"'
    ): "6: type: got 'string', expected number or integer or choice for min of number",
    parameter("min", 'type = "boolean"'): (
        "6: type: got 'boolean', expected number or integer or choice for min of number"
    ),
    parameter("min", 'type = "number"', "default = 1", "required = true"): (
        "8: required: a parameter with a default is never missing"
    ),
    "[fixed]\nmin = 1\n" + parameter("min", 'type = "number"'): "6: min is in [fixed], too: no client can give it",
}

REST = {
    HEAD.format(
        "srgs"
    ): "1: type 'srgs' is not for TOML files: put the document itself into the folder, as *.grxml or *.gram",
    PLAIN.replace('["en"]', "[]"): "3: languages: got none, expected any of de, en, es, fr",
    PLAIN + 'names = ["builtin:speech/other"]\n': "4: names: got 'builtin:speech/other': leave builtin: out",
    PLAIN + 'names = ["other?x=1"]\n': "4: names: got 'other?x=1', expected letters, digits, / - _ .",
    PLAIN + 'names = ["a", "b", "a"]\n': "4: names: 'a' is there twice",
    PLAIN + 'names = ["mine"]\n': "4: names: 'mine' is the place of the file already",
    PLAIN + 'names = ["grammar/date"]\n': "4: names: 'grammar/date' is a grammar of VoiceXML",
    PLAIN + '[[examples]]\nlanguage = "en"\nsay = "x"\nvalue = [2026-01-01]\n': (
        "7: example 'x': value: got [datetime.date(2026, 1, 1)], "
        "expected what JSON has: dates are texts, numbers have an end"
    ),
}


@pytest.mark.parametrize(
    ("text", "why"), [*ARGUMENTS.items(), *((NUMBER + more, why) for more, why in DECLARATIONS.items()), *REST.items()]
)
def test_what_would_be_without_effect_or_never_match_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert loaded(tmp_path, text) == why


def test_srgs_is_no_kind_that_a_file_is_told_to_use(tmp_path: Path) -> None:
    why = loaded(tmp_path, HEAD.format("sgrs"))
    assert why == f"1: unknown type 'sgrs', expected: {', '.join(name for name in KINDS if name != 'srgs')}"


def test_a_place_that_no_uri_can_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my menu.toml"
    path.write_text(PLAIN)
    with pytest.raises(ConfigurationError) as refused:
        load_preset(path, tmp_path)
    why = "nobody can ask for builtin:my menu: expected letters, digits, - _ . in names of files and folders"
    assert str(refused.value) == f"{path}: {why}"


# Names of several files


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a": ["speech/date"]}, "a.toml:4: names: 'speech/date' is taken by {shipped}/speech/date.toml"),
        ({"a": ["speech/none"]}, "a.toml:4: names: 'speech/none' is taken by {shipped}/speech/transcribe.toml"),
        ({"a": ["b"], "b": []}, "a.toml:4: names: 'b' is taken by {folder}/b.toml"),
        ({"a": ["c"], "b": ["c"]}, "b.toml:4: names: 'c' is taken by {folder}/a.toml"),
        ({"a": ["c"], "b": ["d"]}, ""),
        ({"speech/none": []}, ""),
        ({"speech/transcribe": ["speech/none"]}, ""),
    ],
)
def test_a_name_leads_to_its_own_grammar(tmp_path: Path, files: dict[str, list[str]], why: str) -> None:
    for name, names in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.toml").write_text(PLAIN + f"names = {names}\n")
    told = ""
    try:
        registry = load_catalogue([tmp_path])
    except ConfigurationError as error:
        told = str(error)
    else:
        assert all(
            registry.presets[name].source.startswith(str(tmp_path)) for names in files.values() for name in names
        )
    shipped = Path(load_catalogue().presets["speech/date"].source).parents[1]
    assert told == (f"{tmp_path}/{why.format(shipped=shipped, folder=tmp_path)}" if why else "")


def test_the_shipped_names_do_not_clash() -> None:
    assert list(name_clashes(load_catalogue().presets.values())) == []


# What kinds declare


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_takes_is_told_by_name_and_has_a_meaning(kind: str) -> None:
    for name, row in KINDS[kind].takes.items():
        assert row.name == name
        assert row.type in PARAMETER_TYPES
        assert row.doc
        assert not row.choices or row.type == "choice"


def test_identifiers_take_every_scheme_there_is() -> None:
    assert set(KINDS["identifier"].takes["scheme"].choices) == {*identifier.SCHEMES, "zipcode"}


# Numbers of clients, whatever the preset leaves open


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("length=" + "9" * 30, f"length: got {'9' * 30}, expected an integer from 1 to 1999"),
        ("length=" + "9" * 31, "length: got 31 characters, expected an integer"),
        ("length=" + "9" * 4050, "length: got 4050 characters, expected an integer"),
        ("length=2000", "length: got 2000, expected an integer from 1 to 1999"),
        ("length=0", "length: got 0, expected an integer from 1 to 1999"),
    ],
)
def test_a_parameter_without_a_range_has_that_of_the_kind(tmp_path: Path, query: str, why: str) -> None:
    (tmp_path / "mine.toml").write_text(DIGITS + parameter("length", 'type = "integer"'))
    registry = load_catalogue([tmp_path])
    with pytest.raises(GrammarDefinitionError) as refused:
        registry.activate(f"builtin:mine?{query}", "en")
    assert refused.value.why == why


def test_a_choice_of_numbers_reaches_the_kind_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(DIGITS + parameter("length", 'type = "choice"', 'choices = ["4", "6"]'))
    assert load_catalogue([tmp_path]).activate("builtin:mine?length=4", "en").arguments["length"] == 4


@pytest.mark.parametrize("raw", ["9" * 5000, "1e400", "-1e400", "nan", "inf", "1_0" * 20, "x" * 31, "", "--1"])
@pytest.mark.parametrize("kind", ["integer", "number"])
def test_no_text_of_a_client_is_a_number_that_nobody_can_count_with(kind: str, raw: str) -> None:
    assert PresetParameter(name="x", type=kind, doc="").parse(raw) is None


def test_the_longest_number_is_taken() -> None:
    assert PresetParameter(name="x", type="integer", doc="").parse("9" * MAXIMUM_NUMBER) == int("9" * MAXIMUM_NUMBER)
