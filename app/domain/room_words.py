"""The word of the moment on the screen of a room: another one every few minutes. Pure rules.

It shows that whoever types it looks at the screen now. It follows from a secret key, the session
and the time alone, so every process shows and takes the same word and nothing has to be stored.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

MINUTES = 5
"""How long a word stands; it is taken for as long again, since people are slow to type."""

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_EACH = timedelta(minutes=MINUTES)

# Short and common words that are written as they are spoken: no accents, no double letters that
# one does not hear, nothing that sounds like another word.
_LISTS = {
    "en": """
        acorn album amber anchor animal apron arrow autumn badge basket beacon bonus bridge button
        cabin camera candle canvas carbon castle cedar cement circle clover comet copper coral
        cotton dinner dragon drum eagle eleven engine fabric falcon farmer finger forest fossil
        garden ginger glass golden guitar hammer harbor hazel helmet honey island jacket jungle
        kitten lantern lemon lizard magnet mango maple marble market melon mirror monkey morning
        mountain napkin nectar number oasis ocean olive orange orbit oven panda paper parrot pebble
        pencil pepper picnic pilot planet pocket pumpkin rabbit ribbon river robin rocket saddle
        salmon silver spider spring summer sunset tiger timber tomato tulip tunnel turtle velvet
        violin walnut window winter wonder yellow zebra
    """,
    "es": """
        abanico abril aldea alma amapola amigo animal arena arroz astro banco banda barco barro
        bonito bosque brisa bronce buque cacao caldo camino campana campo canela canto caoba
        cartel carta colina color cometa copa coral corona cuadro cuento cuerda disco domingo
        dorado duende durazno elefante enero escudo espejo espiga estrella faro fiesta flauta flor
        fruta fuego fuente galope gato goma grano grillo gruta guitarra isla jarro lago laguna
        laurel leopardo libro lima linterna loro lucero lugar luna madera maleta mango mapa marea
        martes mesa metal minuto molino monte mundo nido norte nube oro oso oveja paloma pan pastel
        patio perla piano piedra pino planeta plata playa pluma poema primo puente puerto queso
        radio rama remo ritmo roca rosa salto sol sopa tambor tango tigre tierra tomate torre trigo
        trompeta tortuga turno
    """,
    "pt": """
        abril aldeia alma amigo animal areia arroz astro banco banda barco barro bonito bosque
        brilho brisa bronze cabana cabelo caderno calma caminho campo canela canto carta carneiro
        cinema coelho colina copo coral corda coroa cravo dado disco dobra domingo dourado elefante
        escudo espelho espiga estrada estrela farol feira festa figo flauta flor floresta fogo
        folha fonte forno fruta gato girafa goiaba grama grilo grito ilha jardim jarro lago laranja
        leite lima limonada livro lobo lua lugar madeira maleta manga mapa marfim martelo mesa metal
        milho minuto moinho moeda monte morango mundo navio ninho norte nuvem onda ouro ovelha
        palmeira panela papel parede pato pedra pente pera piano pilha pino planeta poema pomar
        ponte porta porto prata praia prato primo quadro radar ramo remo ritmo roda rosa salto
        samba sapato sino sopa tambor tango telha tempo tigre tinta tomate torre trem trigo trilho
        uva vale vela vento viola
    """,
}


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    words = text.split()
    return tuple(words[::2]), tuple(words[1::2])


_HALVES = {language: _split(text) for language, text in _LISTS.items()}


def word_at(key: bytes, session_id: str, at: datetime, language: str) -> str:
    """The word that the screen shows at the aware instant `at`.

    Two that follow each other differ: they are taken from one half of the list and the other in
    turn. `language` is the cycle's; one without a list of its own gets the English one.
    """
    return _word(key, session_id, _slot(at), language)


def words_taken(key: bytes, session_id: str, at: datetime, language: str) -> tuple[str, str]:
    """The words that count at the aware instant `at`: the one that stands and the one before."""
    slot = _slot(at)
    return _word(key, session_id, slot, language), _word(key, session_id, slot - 1, language)


def next_word_at(at: datetime) -> datetime:
    """When the word that stands at the aware instant `at` is followed by the next: in UTC."""
    return _FIRST + (_slot(at) + 1) * _EACH


def _slot(at: datetime) -> int:
    return (at - _FIRST) // _EACH


def _word(key: bytes, session_id: str, slot: int, language: str) -> str:
    words = _HALVES.get(language, _HALVES["en"])[slot % 2]
    drawn = hmac.digest(key, f"{session_id}\0{slot}".encode(), hashlib.sha256)
    return words[int.from_bytes(drawn[:8], "big") % len(words)]
