"""The words of French addresses: kinds of streets, parts of buildings, names that many streets bear.

Owns the tables. Must not know communes, grammars or engines. Every word is in its normal form.
"""

from typing import Final

from h2b.language.base import phrases, words

WAYS: Final = phrases(
    """
    rue, avenue, boulevard, place, allée, allées, chemin, route, impasse, quai, cours, cour, square, passage, ruelle,
    venelle, sentier, sente, esplanade, promenade, faubourg, rond point, villa, voie, montée, traverse, chaussée,
    carrefour, mail, galerie, parvis, pont, côte, rampe, corniche, rocade, grande rue, grand rue, petite rue, vieille
    route, ancienne route, chemin rural, chemin vicinal, route nationale, route départementale, nationale,
    départementale, drève, placette, traboule, levée, digue, jetée, port, grand place, grande place, petit chemin,
    vieux chemin, rues
    """
)
"""What a street is called after its kind: the street begins here."""

SETTINGS: Final = phrases(
    """
    résidence, lotissement, hameau, lieu dit, lieudit, cité, domaine, clos, parc, zone industrielle, zone artisanale,
    zone d'activité, zone d'activités, zone commerciale, quartier, ferme, moulin, château, mas, enclos, centre
    commercial, camping, immeuble, les hauts, les jardins, les terrasses, le bourg, le village
    """
)
"""Where one lives without a street; beside a street, what completes it."""

NUMBERED_ONLY: Final = frozenset(phrases("villa, cours, cour, port, pont, côte, mail, rues, ferme, moulin, château"))
"""Kinds of streets whose names mean other things too: they begin a street after a number or at the start only."""

PARTS: Final = words("bâtiment appartement étage escalier porte entrée bloc tour hall logement lot chambre studio")
"""Parts of a building: a number, a letter or a side follows."""

SIDES: Final = frozenset(words("gauche droite face centre nord sud est ouest haut bas"))

FLOORS: Final = phrases("rez de chaussée, rez de jardin, dernier étage, premier sous sol, sous sol, entresol")

WHOSE: Final = phrases("chez, aux bons soins de, boîte postale, boîte aux lettres, bp, interphone, digicode")
"""What begins a complement that ends where the next part of the address begins."""

SUFFIXES: Final = {"bis": "bis", "ter": "ter", "quater": "quater", "bisse": "bis", "terre": "ter"}
"""What may follow the number of a house, by what is heard."""

ABBREVIATIONS: Final = {
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "rte": "route",
    "imp": "impasse",
    "bat": "bâtiment",
    "bât": "bâtiment",
    "apt": "appartement",
    "appt": "appartement",
    "st": "saint",
    "ste": "sainte",
    "dr": "docteur",
}

ARTICLES: Final = frozenset(words("de du des la le les à au aux en et sur sous"))
"""Words that are no name alone."""

LEADS: Final = frozenset(words("à au aux sur dans en"))
"""Words before the name of a town one lives in."""

NAMING: Final = frozenset(words("de du des la le les faubourg porte pont rue"))
"""Before the name of a town these make it part of another name: "route de bordeaux"."""

CARRYING: Final = frozenset(
    words(
        """
        code postal ville commune adresse c'est dans numéro cedex habite j'habite je suis mon ma le la à arrondissement
        est france
        """
    )
)
"""Words around the parts of an address that tell nothing themselves."""

ROADS: Final = frozenset(words("nationale départementale rn rd n d zone lot numéro"))
"""A number after these is the road's, and written in figures."""

RULERS: Final = frozenset(
    words("george georges louis henri charles françois albert philippe napoléon édouard jean paul pie léopold")
)
"""A number after these is part of their name."""

POLITE: Final = frozenset(
    words("voilà merci madame monsieur ah eh bon alors donc quoi enfin oui non et puis c'est ça tout")
)
"""What may follow an address without being part of it."""

TITLES: Final = frozenset(
    words(
        """
        docteur professeur général maréchal amiral colonel commandant capitaine lieutenant sergent adjudant caporal
        abbé chanoine père frère soeur curé pasteur président sénateur député maire préfet ministre chancelier
        ingénieur architecte poète peintre sculpteur aviateur pilote résistant
        """
    )
)
"""A surname follows these, after first names or at once."""

SURNAMES: Final = phrases(
    """
    leroy, lefebvre, lefèvre, legrand, lemaire, leroux, lemoine, leclercq, lecomte, léger, lévêque, leblanc, lebrun,
    lemaître, lejeune, laporte, lacroix, lambert, lamy, laurent, langlois, delaunay, deschamps, delmas, delattre,
    desbois, dubois, dupont, durand, dumont, dufour, duval, dupuis, dupuy, dumas, dupré, duhamel, ducrocq, delorme,
    leconte, legendre, legros, leduc, lebon, lebreton, lecoq, ledoux, lenoir, lepage, lesage, letellier, lavigne,
    lafont, laroche, lagarde, lacombe, delage, delarue, duchemin, duchesne, dujardin, dumoulin, dupin, duprat, dupond
    """
)
"""Common French surnames that begin like an article, and may be heard as one and a noun; the commonest first."""

FAMOUS: Final = phrases(
    """
    de gaulle, leclerc, foch, joffre, pasteur, jean jaurès, jean moulin, jules ferry, victor hugo, gambetta, zola,
    clemenceau, voltaire, rousseau, diderot, descartes, molière, racine, corneille, lamartine, baudelaire, verlaine,
    rimbaud, balzac, flaubert, stendhal, maupassant, montaigne, rabelais, ronsard, jacques prévert, albert camus,
    anatole france, romain rolland, saint exupéry, mermoz, guynemer, blériot, jacques brel, georges brassens, édith
    piaf, georges pompidou, françois mitterrand, pierre mendès france, aristide briand, raymond poincaré, adolphe
    thiers, léon blum, gabriel péri, guy môquet, pierre brossolette, marcel cachin, paul vaillant couturier, henri
    barbusse, salvador allende, nelson mandela, winston churchill, franklin roosevelt, john kennedy, wilson, marie
    curie, pierre curie, ampère, claude bernard, berthelot, arago, gay lussac, lavoisier, branly, calmette, laennec,
    claude monet, renoir, cézanne, gauguin, matisse, picasso, van gogh, courbet, delacroix, toulouse lautrec, degas,
    rodin, braque, chopin, mozart, beethoven, berlioz, bizet, ravel, debussy, gounod, gabriel fauré, jeanne d'arc,
    vercingétorix, charlemagne, napoléon, bonaparte, turenne, vauban, colbert, richelieu, mazarin, sully, condé,
    bayard, jacques cartier, lafayette, kléber, marceau, carnot, danton, robespierre, mirabeau, saint just, condorcet,
    lakanal, jules verne, jules guesde, jules vallès, louise michel, olympe de gouges, simone veil, joséphine baker,
    eugène pottier, louis aragon, paul éluard, paul valéry, alphonse daudet, marcel pagnol, frédéric mistral, george
    sand, chateaubriand, paul bert, ferdinand buisson, sadi carnot, félix faure, koenig, de lattre de tassigny,
    lyautey, gallieni, faidherbe, mac mahon, kellermann, bugeaud, cambronne, jean mermoz, hélène boucher, clément
    ader, roland garros, youri gagarine, copernic, galilée, newton, einstein, alexandre dumas, la bruyère, fénelon,
    bossuet, montesquieu, haussmann, le corbusier, gustave eiffel, jean macé, jean zay, raspail, ledru rollin
    """
)
"""People whom streets are called after all over the country, the way their names are written."""

MONTHS: Final = words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")

_ORDINAL_STEMS: Final = phrases(
    "deux, trois, quatr, cinqu, six, sept, huit, neuv, dix, onz, douz, treiz, quatorz, quinz, seiz, dix sept, dix huit,"
    "dix neuv, vingt"
)

ORDINALS: Final = {
    "premier": 1,
    "première": 1,
    "second": 2,
    "seconde": 2,
    **{f"{stem}ième": number for number, stem in enumerate(_ORDINAL_STEMS, start=2)},
}
"""Of floors and arrondissements."""
