"""Addresses as they are compared: who is the same, and who only looks so."""

import unicodedata

import idna
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.domain.addresses import LONGEST_KEY, address_key, mailbox_key
from app.schemas.types import Email

SAME = [
    ("Ana@Example.ORG", " ana@example.org\t"),
    ("ana@example.org", "ａｎａ＠ｅｘａｍｐｌｅ．ｏｒｇ"),
    ("ana@example.org", "ana@example。org"),
    ("ana@example.org", "ana@example｡org"),
    ("ana@faß.example", "Ana@xn--fa-hia.example"),
    ("ana@bücher.example", "ana@XN--BCHER-KVA.example"),
    ("ana@bücher.example", "ana@bu\u0308cher.example"),
    ("josé@example.org", "JOSE\u0301@example.org"),
    ("kate@example.org", "\u212aate@example.org"),  # the sign of Kelvin
    ("straße@example.org", "STRASSE@example.org"),
    ("fiona@example.org", "ﬁona@example.org"),
]
DIFFERENT = [
    ("mike@example.org", "mıke@example.org"),  # dotless
    ("mike@example.org", "mİke@example.org"),
    ("ana@example.org", "аna@example.org"),  # Cyrillic
    ("ana@example.org", "ana@exаmple.org"),
    ("ana@fass.example", "ana@faß.example"),  # two domains, by RFC 5891
    ("ana@example.org", "ana@example.org.example"),
    ("ana@example.org", "an\u200ba@example.org"),
    ("ana@example.org", "ana@xn--example-.org"),
    ("ana@b.org", "ana@xn--b-.org"),
    ("ana@example.org", "ana+x@example.org"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_address_however_it_is_written(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_only_looks_alike_is_another(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


def test_plain_addresses_have_the_key_that_they_had() -> None:
    for address in ("Ana@Example.ORG ", "a.b+c@x-y.example", "", "ana", "@", "a@b@c"):
        assert address_key(address) == address.strip().lower()


TEXT = st.text(max_size=80) | st.from_regex(r"\A[ -~]{0,40}\Z")


@given(TEXT)
@example("ﷺ" * 30 + "@example.org")
@example("\udcff@\0")
@example("a@" + "xn--" * 20)
@example("a@xn--\uff0e")
@example("ana@xn--" + "9" * 60)
def test_any_text_has_a_key_that_comes_to_rest_and_fits(text: str) -> None:
    key = address_key(text)
    assert len(key) <= LONGEST_KEY
    assert address_key(key) == key
    assert address_key(f" {text.upper()} " if text.isascii() else f" {text} ") == key


LOCAL = st.text(
    st.characters(categories=("Lu", "Ll", "Lo", "Mn", "Nd")) | st.sampled_from(".+-_'"),
    min_size=1,
    max_size=12,
)
LABEL = st.text(st.characters(categories=("Lu", "Ll", "Lo", "Nd")), min_size=1, max_size=10)


def _kept(address: str) -> str:
    """As it is kept; an address that is none is no example."""
    try:
        return TypeAdapter(Email).validate_python(address)
    except ValidationError:
        assume(False)
        raise


@given(LOCAL, LABEL)
@example("ana", "faß")
@example("ana", "bücher")
@example("ANA", "ς")
def test_the_domain_counts_as_it_is_asked_for_in_the_dns(local: str, label: str) -> None:
    """In Unicode or as A-labels, in any case: one key; and the key says what the DNS says."""
    kept = _kept(f"{local}@{label}.example")
    domain = kept.rpartition("@")[2]
    ascii_domain = idna.encode(domain, uts46=True).decode()
    user = kept.rpartition("@")[0]
    for spelt in (domain, ascii_domain, ascii_domain.upper()):
        assert address_key(f"{user}@{spelt}") == address_key(kept)
    assert idna.encode(address_key(kept).rpartition("@")[2], uts46=True).decode() == ascii_domain


@given(LOCAL, LABEL, LABEL)
def test_two_domains_never_have_one_key(local: str, one: str, other: str) -> None:
    first, second = _kept(f"{local}@{one}.example"), _kept(f"{local}@{other}.example")
    assume(first != second)
    assert address_key(first) != address_key(second)


@given(LOCAL)
def test_what_is_kept_has_no_letters_that_stand_for_others(local: str) -> None:
    """Full width, ligatures and the like: somebody could take the place of the plain address."""
    kept = _kept(f"{local}@example.org").rpartition("@")[0]
    assert unicodedata.normalize("NFKC", kept) == kept


@pytest.mark.parametrize("address", ["ａna@example.org", "ﬁona@example.org", "ana²@x.example"])
def test_such_letters_are_refused(address: str) -> None:
    validate_email(address, check_deliverability=False, test_environment=True)
    with pytest.raises(ValidationError, match="does not look like an e-mail address"):
        TypeAdapter(Email).validate_python(address)


def test_what_the_library_refuses_is_refused() -> None:
    for address in ("an\u200ba@example.org", "a\u202ena@example.org", "ana@exa\u00admple.org"):
        with pytest.raises(EmailNotValidError):
            validate_email(address, check_deliverability=False, test_environment=True)
        with pytest.raises(ValidationError):
            TypeAdapter(Email).validate_python(address)


def test_mails_are_counted_by_mailbox() -> None:
    assert mailbox_key("Ana+Course.2026+x@Example.org") == "ana@example.org"
    assert mailbox_key("+ana@example.org") == "+ana@example.org"
    assert mailbox_key("ana") == "ana"
