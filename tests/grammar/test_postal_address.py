"""Addresses as callers say them: any order, any town, and much that is no address."""

import random
import time
from typing import Any

import pytest
from num2words import num2words

from h2b.grammar.gazetteer import LARGE_CITIES, gazetteer
from h2b.grammar.kinds import KINDS
from h2b.language import language
from h2b.model.errors import InvalidParameter
from tests.grammar.saying import found, values

EMPTY = {"number": "", "street": "", "zipcode": "", "city": "", "complement": ""}
KINDS_OF_STREETS = ("rue", "rue", "rue", "avenue", "boulevard", "place", "allée", "chemin", "impasse", "quai", "route")
NAMES = """
    des lilas, victor hugo, de la république, du général de gaulle, jean jaurès, pasteur, de la gare, du moulin,
    des acacias, de l'église, de la mairie, saint martin, du docteur roux, de la libération, de bordeaux, de paris,
    des écoles, du stade, jules ferry, du onze novembre, du huit mai, jean moulin, de verdun, du château,
    des tilleuls, de lyon, notre dame, sainte anne, du faubourg saint antoine, marcel pagnol, des deux ponts,
    de la fontaine, du vieux port, louis blanc, gambetta, des peupliers, du maréchal foch, anatole france,
    de la croix blanche, des champs, du bois, de l'europe, aristide briand, pierre curie, des vignes, du lavoir
"""
WRITTEN = {"du onze novembre": "du 11 novembre", "du huit mai": "du 8 mai"}
ORDERS = (
    "{number} {way} {name} {zipcode} {city}",
    "{number} {way} {name} {zipcode} {city}",
    "alors j'habite au {number} {way} {name} {zipcode} à {city}",
    "{number} {way} {name} à {city} {zipcode}",
    "{zipcode} {city} {number} {way} {name}",
    "euh mon adresse c'est le {number} {way} {name} à {city} code postal {zipcode} voilà merci",
)
AT_LEAST_RIGHT = 0.95
ROUNDS = 300
BUDGET_MS = 5.0 * 5
"""Five times the aim of 5 ms for 95 of 100 addresses: other processes share the machine."""


def spoken(number: int) -> str:
    return str(num2words(number, lang="fr"))


def at_random(chance: random.Random, places: list[tuple[str, str]]) -> tuple[str, dict[str, str]]:
    """What a caller says, and what it means."""
    number, suffix = chance.randint(1, 250), chance.choice(["", "", "", "", " bis", " ter"])
    way, name = chance.choice(KINDS_OF_STREETS), chance.choice(NAMES.split(",")).strip()
    zipcode, city = chance.choice(places)
    said = chance.choice(ORDERS).format(
        number=spoken(number) + suffix, way=way, name=name, zipcode=spoken(int(zipcode)), city=city
    )
    street = f"{way} {WRITTEN.get(name, name)}"
    return said, {**EMPTY, "number": f"{number}{suffix}", "street": street, "zipcode": zipcode, "city": city}


@pytest.fixture(scope="module")
def places() -> list[tuple[str, str]]:
    """Postcodes and communes, half of them towns of ten thousand and more."""
    known = gazetteer()
    towns: list[tuple[str, str]] = []
    villages: list[tuple[str, str]] = []
    for postcode in (f"{number:05}" for number in range(1000, 98000, 10)):
        for commune in known.of_postcode(postcode):
            (towns if commune.magnitude >= 5 else villages).append((postcode, commune.name))
    chance = random.Random(1)
    return chance.sample(towns, 1000) + chance.sample(villages, 1000)


@pytest.fixture(scope="module")
def conversations(places: list[tuple[str, str]]) -> list[tuple[str, dict[str, str]]]:
    chance = random.Random(20261121)
    return [at_random(chance, places) for _ in range(ROUNDS)]


def test_addresses_at_random_are_understood(conversations: list[tuple[str, dict[str, str]]]) -> None:
    wrong = [(said, wanted, values("postal_address", "fr", said)[:1]) for said, wanted in conversations]
    wrong = [(said, wanted, got) for said, wanted, got in wrong if got != [wanted]]
    rate = 1 - len(wrong) / ROUNDS
    print(f"{rate:.1%} of {ROUNDS} addresses")
    for said, wanted, got in wrong:
        print(said, wanted, got, sep="\n  ")
    assert rate >= AT_LEAST_RIGHT


def test_an_address_takes_little_time(conversations: list[tuple[str, dict[str, str]]]) -> None:
    spent = []
    for said, _ in conversations[:200]:
        began = time.process_time()
        values("postal_address", "fr", said)
        spent.append((time.process_time() - began) * 1000)
    spent.sort()
    print(f"median {spent[100]:.1f} ms, 95 of 100 below {spent[190]:.1f} ms")
    assert spent[190] <= BUDGET_MS


@pytest.mark.parametrize("said", ["un deux trois quatre", "rue de la paix paris", "douze rue saint denis"])
def test_a_long_story_takes_little_time_too(said: str) -> None:
    began = time.process_time()
    values("postal_address", "fr", f"{said} " * 50)
    assert (time.process_time() - began) * 1000 <= 20 * BUDGET_MS


def address(said: str) -> dict[str, Any]:
    """What of an address was understood, without the empty parts; empty for no match."""
    best = [match.value for match in found("postal_address", "fr", said)][:1]
    assert all(isinstance(value, dict) and list(value) == list(EMPTY) for value in best)
    return {name: text for value in best for name, text in value.items() if text}


@pytest.mark.parametrize(
    ("said", "street"),
    [
        ("rue du huit mai mille neuf cent quarante-cinq", "rue du 8 mai 1945"),
        ("avenue du dix-neuf mars mille neuf cent soixante-deux", "avenue du 19 mars 1962"),
        ("rue du premier mai", "rue du 1er mai"),
        ("rue des 3 frères", "rue des trois frères"),
        ("avenue george cinq", "avenue george cinq"),
        ("route nationale vingt", "route nationale 20"),
        ("rue jean jorès", "rue jean jaurès"),
        ("avenue du général le clair", "avenue du général leclerc"),
        ("avenue du général de gaule", "avenue du général de gaulle"),
        ("boulevard du maréchal fauche", "boulevard du maréchal foch"),
        ("rue du docteur le roi", "rue du docteur leroy"),
        ("place du roi", "place du roi"),
        ("rue de la roue", "rue de la roue"),
        ("rue le roi", "rue le roi"),
        ("bd voltaire", "boulevard voltaire"),
        ("cours lafayette", "cours lafayette"),
        ("rue euh avenue des tilleuls", "avenue des tilleuls"),
        ("hameau les brosses", "hameau les brosses"),
        ("je veux la rue de la paix merci", "rue de la paix"),
    ],
)
def test_streets_are_written_as_on_their_signs(said: str, street: str) -> None:
    assert address(said) == {"street": street}


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("douze rue basse", "12"),
        ("au numéro douze bis rue basse", "12 bis"),
        ("12ter rue basse", "12 ter"),
        ("quatre quater rue basse", "4 quater"),
        ("douze b rue basse", "12 b"),
        ("mille deux cent six rue basse", "1206"),
        ("rue basse numéro quatre-vingt-dix-sept", "97"),
        ("rue basse au quatorze bis", "14 bis"),
        ("douze rue basse non quatorze rue basse", "14"),
    ],
)
def test_numbers_stand_before_or_after_the_street(said: str, number: str) -> None:
    assert address(said) == {"number": number, "street": "rue basse"}


@pytest.mark.parametrize(
    ("said", "zipcode"),
    [
        ("soixante-douze mille", "72000"),
        ("72 000", "72000"),
        ("soixante-douze zéro zéro zéro", "72000"),
        ("sept deux zéro zéro zéro", "72000"),
        ("soixante-douze trois zéros", "72000"),
        ("soixante-douze triple zéro", "72000"),
        ("six mille", "06000"),
        ("zéro six mille", "06000"),
        ("6000", "06000"),
        ("6 000", "06000"),
        ("mille", "01000"),
        ("quatre-vingt-treize deux cents", "93200"),
        ("soixante-quinze zéro onze", "75011"),
        ("soixante-quinze mille onze", "75011"),
        ("quatre-vingt-dix-sept mille quatre cents", "97400"),
        ("vingt mille", "20000"),
    ],
)
def test_postcodes_are_said_in_many_ways(said: str, zipcode: str) -> None:
    assert address(f"12 rue basse {said}")["zipcode"] == zipcode


@pytest.mark.parametrize(
    ("said", "city"),
    [
        ("72000 lements", "le mans"),
        ("au mans 72000", "le mans"),
        ("69100 ville urbanne", "villeurbanne"),
        ("92130 ici les moulineaux", "issy-les-moulineaux"),
        ("13100 aix", "aix-en-provence"),
        ("94240 lai les roses", "l'haÿ-les-roses"),
        ("14000 quand", "caen"),
        ("57000 messe", "metz"),
        ("74940 annecy le vieux", "annecy-le-vieux"),
        ("35042 rennes cedex", "rennes"),
        ("commune de nantes 44000", "nantes"),
    ],
)
def test_towns_are_known_by_their_sound_near_a_postcode(said: str, city: str) -> None:
    (value,) = values("postal_address", "fr", f"12 rue basse {said}")
    assert value["city"] == city


@pytest.mark.parametrize(
    ("said", "zipcode"),
    [
        *(
            (f"{city} {spoken(number)}", code)
            for city, codes in LARGE_CITIES.items()
            for number, code in enumerate(codes, 1)
        ),
        ("à paris premier", "75001"),
        ("à paris vingtième", "75020"),
        ("lyon troisième arrondissement", "69003"),
        ("dans le dix-huitième à paris", "75018"),
        ("dixième arrondissement de paris", "75010"),
        ("paris dans le onzième", "75011"),
        ("marseille huitième", "13008"),
    ],
)
def test_arrondissements_are_postcodes(said: str, zipcode: str) -> None:
    (value,) = values("postal_address", "fr", f"12 rue basse {said}")
    assert value["zipcode"] == zipcode
    assert value["street"] == "rue basse"


def test_a_number_after_paris_may_be_that_of_a_house() -> None:
    assert address("paris vingt rue de la paix") == {"city": "paris", "number": "20", "street": "rue de la paix"}


@pytest.mark.parametrize(
    ("said", "complement"),
    [
        ("bâtiment b", "bâtiment b"),
        ("appartement douze", "appartement 12"),
        ("troisième étage porte gauche", "3e étage porte gauche"),
        ("premier étage", "1er étage"),
        ("rez-de-chaussée", "rez de chaussée"),
        ("escalier c entrée deux", "escalier c entrée 2"),
        ("chez madame petit", "chez madame petit"),
        ("résidence du parc bâtiment c", "résidence du parc bâtiment c"),
        ("lieu-dit les brosses", "lieu dit les brosses"),
    ],
)
def test_complements_stand_before_the_street_or_at_the_end(said: str, complement: str) -> None:
    wanted = {**EMPTY, "number": "5", "street": "rue basse", "zipcode": "44000", "city": "nantes"}
    street, town = "5 rue basse", "44000 nantes"
    for text in (f"{said} {street} {town}", f"{street} {said} {town}", f"{street} {town} {said}"):
        assert values("postal_address", "fr", text) == [{**wanted, "complement": complement}]


def test_a_street_called_after_a_town_is_no_town() -> None:
    assert address("huit route de bordeaux")["street"] == "route de bordeaux"
    assert "city" not in address("huit route de bordeaux")
    assert "city" not in address("huit rue jean moulin")
    (value,) = values("postal_address", "fr", "route de bordeaux 49000 angers")
    assert (value["street"], value["city"]) == ("route de bordeaux", "angers")


def test_a_town_with_one_postcode_implies_it_unless_others_have_its_name() -> None:
    (only,) = found("postal_address", "fr", "12 rue basse à issy les moulineaux")
    assert isinstance(only.value, dict)
    assert (only.complete, only.value["zipcode"]) == (True, "92130")
    (shared,) = found("postal_address", "fr", "12 rue basse à saint julien")
    assert isinstance(shared.value, dict)
    assert (shared.complete, shared.value["zipcode"], shared.value["city"]) == (False, "", "saint-julien")


def test_a_postcode_that_is_not_the_towns_lowers_the_quality() -> None:
    (right,) = found("postal_address", "fr", "12 rue basse 49000 angers")
    (wrong,) = found("postal_address", "fr", "12 rue basse 72100 angers")
    assert right.quality == 1.0
    assert wrong.quality <= 0.5
    assert isinstance(wrong.value, dict)
    assert (wrong.value["zipcode"], wrong.value["city"]) == ("72100", "angers")


def test_a_town_with_one_wrong_letter_is_known_near_its_postcode(places: list[tuple[str, str]]) -> None:
    chance = random.Random(5)
    right = 0
    for zipcode, city in chance.sample(places, 200):
        at = chance.randrange(len(city))
        misheard = city[:at] + chance.choice("abdefilmnoprst") + city[at + 1 :]
        got = values("postal_address", "fr", f"12 rue basse {zipcode} {misheard}")[:1]
        right += bool(got) and got[0]["city"] == city
    print(f"{right / 200:.1%} of 200 towns")
    assert right >= 190


def test_of_a_postcode_with_one_town_any_word_after_it_is_that_town() -> None:
    (heard,) = found("postal_address", "fr", "12 rue basse 72000 éléphant")
    (unsaid,) = found("postal_address", "fr", "12 rue basse 72000 voilà")
    assert (
        heard.value
        == unsaid.value
        == {**EMPTY, "number": "12", "street": "rue basse", "zipcode": "72000", "city": "le mans"}
    )
    assert (heard.complete, unsaid.complete) == (True, False)
    assert heard.quality < 1.0
    (several,) = found("postal_address", "fr", "12 rue basse 01000 éléphant")
    assert isinstance(several.value, dict)
    assert (several.complete, several.value["city"]) == (False, "")


@pytest.mark.parametrize(
    "said",
    [
        "non pas du tout",
        "je voudrais parler à un conseiller",
        "je n'ai pas reçu mon colis",
        "ma date de naissance c'est le douze mars mille neuf cent quatre-vingt",
        "zéro six douze trente-quatre cinquante-six soixante-dix-huit",
        "au revoir",
        "à la maison",
        "je suis sur la route",
        "à tout à l'heure",
        "vingt euros",
        "c'est mens",
        "euh",
        "",
    ],
)
def test_what_holds_no_address_is_no_match(said: str) -> None:
    assert address(said) == {}


@pytest.mark.parametrize("said", ["nantes", "à nantes", "j'habite nantes", "je suis au mans dans la sarthe"])
def test_a_town_alone_is_a_part_of_an_address(said: str) -> None:
    assert address(said)["city"] in ("nantes", "le mans")


def test_the_words_as_said_leave_out_what_is_around() -> None:
    said = "alors j'habite au 12bis rue des lilas euh 75020 Paris voilà merci"
    assert values("postal_address", "fr", said, form="text") == [
        "douze bis rue des lilas soixante quinze mille vingt paris"
    ]


def test_another_form_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="parts, text"):
        KINDS["postal_address"].check({"form": "lines"})


def test_a_decoder_is_told_nothing() -> None:
    assert KINDS["postal_address"].acceptor({}, language("fr")) is None
