"""Makes `communes.txt.gz` from the communes of the npm package `@etalab/decoupage-administratif`.

    npm pack @etalab/decoupage-administratif@6.0.0
    tar -xzf etalab-decoupage-administratif-6.0.0.tgz
    python -m h2b.grammar.gazetteer.build package/data/communes.json h2b/grammar/gazetteer/communes.txt.gz

Owns the form of that file, one commune a line: postcodes, magnitude and name, `72000 72100|5|le mans`. The magnitude is
the count of digits of the population. The same input gives the same bytes.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SOURCE = "@etalab/decoupage-administratif 6.0.0 (communes of 2026: INSEE; postcodes: La Poste; Licence Ouverte 2.0)"
ACTUAL, FORMER = "commune-actuelle", ("commune-deleguee", "commune-associee")


def lines(communes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the file, by postcode, then by name. Communes merged into another keep their names, with all its
    postcodes: people go on using them. Arrondissements follow from the postcodes of their cities."""
    listed = list(communes)
    postcodes = {commune["code"]: commune.get("codesPostaux", []) for commune in listed if commune["type"] == ACTUAL}
    names = {commune["code"]: commune["nom"] for commune in listed if commune["type"] == ACTUAL}
    rows = set()
    for commune in listed:
        home = commune["code"] if commune["type"] == ACTUAL else commune.get("chefLieu")
        renamed = commune["type"] in FORMER and commune["nom"] != names.get(home)
        if postcodes.get(home) and (commune["type"] == ACTUAL or renamed):
            magnitude = len(str(commune.get("population", 0)))
            rows.add((" ".join(sorted(postcodes[home])), _written(commune["nom"]), magnitude))
    for codes, name, magnitude in sorted(rows):
        yield f"{codes}|{magnitude}|{name}"


def _written(name: str) -> str:
    """Lower case; "Bors (Canton de Charente-Sud)" is said, and written on letters, as Bors."""
    return name.partition(" (")[0].lower()


def main(arguments: Sequence[str]) -> int:
    """Read the first file, write the second."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m h2b.grammar.gazetteer.build communes.json communes.txt.gz\n")
        return 2
    source, target = map(Path, arguments)
    text = "\n".join([f"# {SOURCE}", *lines(json.loads(source.read_text("utf-8")))]) + "\n"
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
