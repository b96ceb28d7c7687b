"""What columns of users, items, ratings and times are called, in common languages."""

from __future__ import annotations

import re
import unicodedata

USER = """
    user customer member visitor reader viewer client buyer listener shopper account borrower patron
    subscriber benutzer nutzer kunde kunden leser leserin mitglied besucher hoerer horer zuschauer
    kaeufer kaufer entleiher utilisateur lecteur membre acheteur abonne usuario cliente lector
    miembro comprador utente lettore membro acquirente utilizador leitor gebruiker klant lezer lid
    uzytkownik klient czytelnik
"""
ITEM = """
    item movie film product book song track article artist isbn asin sku game restaurant recipe dish
    artikel produkt buch buecher bucher lied spiel rezept gericht medium werk produit livre chanson
    jeu producto libro articulo pelicula cancion juego prodotto articolo canzone gioco produto livro
    artigo filme musica jogo boek liedje ksiazka piosenka
"""
RATING = """
    rating rate score star vote grade bewertung bewertungen wertung sterne note punkte evaluation
    etoile avis calificacion puntuacion estrella valoracion nota voto valutazione stelle punteggio
    avaliacao estrela beoordeling waardering sterren cijfer ocena gwiazdki
"""
TIME = """
    timestamp time date datetime when ts day zeit datum zeitpunkt zeitstempel tag uhrzeit heure jour
    horodatage fecha hora tiempo data ora dia tijd tijdstip czas
"""
CODE = (
    "id", "ids", "no", "nr", "num", "number", "nummer", "numero", "key", "code", "kennung", "uid",
)  # fmt: skip
ENDINGS_OF_CODES = ("nummer", "kennung", "nr", "id")
ENDINGS_OF_TIMES = ("datum", "zeit", "date", "time", "stamp", "fecha", "at")
TITLES = (
    "title", "titel", "titre", "titulo", "titolo", "tytul",
    "name", "nome", "nom", "nombre", "naam", "nazwa",
)  # fmt: skip
"""A column whose name ends so says what to call an item."""
WHOSE = {*ITEM.split(), *USER.split()}


def words_of(name: str) -> list[str]:
    """The words of a column's name, without accents: 'movieId' -> ['movie', 'id']."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    plain = unicodedata.normalize("NFKD", parted.replace("ß", "ss").replace("ł", "l"))
    return re.findall(r"[a-z]+", plain.encode("ascii", "ignore").decode())


def named(names: list[str], words: str) -> str | None:
    """The column whose name is one of these words, alone or with 'id'."""
    choices = set(words.split())
    found = [name for name in names if _is_one_of(name, choices)]
    with_id = [name for name in found if "id" in words_of(name)]
    found = with_id if len(with_id) == 1 else found
    return found[0] if found else None


def _is_one_of(name: str, choices: set[str]) -> bool:
    core = [word for word in words_of(name) if word not in CODE]
    return len(core) == 1 and stem_of(core[0], choices) in choices


def stem_of(word: str, choices: set[str]) -> str:
    """A word without what says that it is a number or many: 'kundennummer' -> 'kunden'."""
    tried = [word, word.rstrip("s")]
    for ending in ENDINGS_OF_CODES:
        if word.endswith(ending):
            short = word.removesuffix(ending)
            tried += [short, short.removesuffix("s")]
    return next((one for one in tried if one in choices), word)


def says_titles(name: str) -> bool:
    """'title', 'movie_title', 'Buchtitel'; but not 'category_name'."""
    said = "".join(words_of(name))
    for ending in TITLES:
        if said.endswith(ending):
            rest = said.removesuffix(ending)
            return not rest or rest in WHOSE or rest.removesuffix("s") in WHOSE
    return False
