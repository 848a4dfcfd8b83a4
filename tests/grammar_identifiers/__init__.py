"""Telephone numbers, postcodes, IBAN, cards, SIREN, SIRET, NIR and spelled letters."""
