"""Each text of a mail says only what its kind of mail has: a name that is none stops the mail."""

from collections.abc import Iterator
from dataclasses import fields

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from app.mail.rendering import SUBJECTS
from app.mail.values import (
    AccountMail,
    AddressMail,
    CertificateMail,
    EnrolmentMail,
    InvitationMail,
    PartMail,
    ReminderMail,
    SignInMail,
    TeamMail,
)
from app.paths import TEMPLATES

OF = {
    EnrolmentMail: {
        "enrolment-confirmed",
        "enrolment-pending",
        "enrolment-waitlisted",
        "enrolment-link",
    },
    SignInMail: {"sign-in", "data-link"},
    AddressMail: {"new-address", "address-changed"},
    AccountMail: {"account-changed"},
    TeamMail: {"team-invitation"},
    InvitationMail: {"invitation", "invitation-update", "invitation-cancel"},
    PartMail: {"part-request", "part-reminder"},
    ReminderMail: {"reminder", "follow-up"},
    CertificateMail: {"certificate"},
}
_ENV = Environment(loader=FileSystemLoader(TEMPLATES), extensions=["jinja2.ext.i18n"])


def _parts(name: str, overridden: frozenset[str] = frozenset()) -> Iterator[nodes.Node]:
    """Each node of a template and of those that it is made of, but for blocks that it has anew."""
    assert _ENV.loader is not None
    tree = _ENV.parse(_ENV.loader.get_source(_ENV, name)[0])
    own = {block.name for block in tree.find_all(nodes.Block)}
    yield from _below(tree, overridden)
    for other in tree.find_all((nodes.Extends, nodes.Include)):
        assert isinstance(other, nodes.Extends | nodes.Include)
        assert isinstance(other.template, nodes.Const)
        goes_on = overridden | own if isinstance(other, nodes.Extends) else frozenset()
        yield from _parts(other.template.value, frozenset(goes_on))


def _below(node: nodes.Node, overridden: frozenset[str]) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        if not (isinstance(child, nodes.Block) and child.name in overridden):
            yield child
            yield from _below(child, overridden)


def _said(name: str) -> set[str]:
    """What it reads of `mail`."""
    return {
        node.attr
        for node in _parts(name)
        if isinstance(node, nodes.Getattr)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "mail"
    }


@pytest.mark.parametrize("suffix", ["txt", "html"])
@pytest.mark.parametrize("kind", OF, ids=lambda kind: kind.__name__)
def test_a_text_says_what_there_is(kind: type, suffix: str) -> None:
    has = {field.name for field in fields(kind)}
    unknown = {name: _said(f"mail/{name}.{suffix}") - has for name in OF[kind]}
    assert unknown == {name: set() for name in OF[kind]}


def test_every_text_is_looked_at() -> None:
    assert set().union(*OF.values()) == set(SUBJECTS)
