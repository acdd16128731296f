"""Two at one moment, each with a connection of their own under the web process's real role."""

from __future__ import annotations

from django.test import Client

from apps.accounts import services
from apps.accounts.models import Membership, Organisation, User
from apps.audit.models import Event
from apps.dataplane.errors import Refused
from tests.copies import Copy, copy
from tests.support import PASSWORD, World

__all__ = ["copy"]


def founding(name: str) -> object:
    return services.found(
        organisation="Acme", name=name, email=f"{name}@acme.example", password=PASSWORD, time_zone="UTC"
    )


def test_of_two_founders_one_founds(copy: Copy) -> None:
    results = copy.together(("web", lambda: founding("mara")), ("web", lambda: founding("nils")))
    assert sorted(type(result).__name__ for result in results) == ["Actor", "Refused"]
    with copy.as_role("owner"):
        assert (Organisation.objects.count(), User.objects.filter(is_service=False).count()) == (1, 1)
        assert Event.objects.filter(action="organisation.founded").count() == 1


def test_two_administrators_cannot_remove_each_other(copy: Copy) -> None:
    with copy.as_role("owner"):
        world = World.found()
        second = world.add("nora", [], ["administrator"])
        actors = world.actor("admin"), world.actor("nora")
        first = world.users["admin"]
    results = copy.together(
        ("web", lambda: services.deactivate(actor=actors[0], person_id=second.id)),
        ("web", lambda: services.deactivate(actor=actors[1], person_id=first.id)),
    )
    assert sorted(type(result) for result in results if result) == [Refused]
    with copy.as_role("owner"):
        assert Membership.objects.filter(role="administrator", revoked_at=None, user__is_active=True).count() == 1
        assert Event.objects.filter(action="person.deactivated").count() == 1


def test_one_key_sent_twice_at_once_acts_once(copy: Copy) -> None:
    with copy.as_role("owner"):
        world = World.found()
        token = services.create_token(actor=world.actor("admin"), name="n", scopes=["write"], days=1)
        out = f"/api/v1/accounts/people/{world.users['alice'].id}/deactivate"
    headers = {"Authorization": f"Bearer {token.secret}", "Idempotency-Key": "one"}

    def ask() -> tuple[int, bool]:
        answer = Client().post(out, headers=headers, content_type="application/json")
        return answer.status_code, "Idempotent-Replayed" in answer.headers

    assert sorted(copy.together(("web", ask), ("web", ask))) == [(204, False), (204, True)]
    with copy.as_role("owner"):
        assert Event.objects.filter(action="person.deactivated").count() == 1
