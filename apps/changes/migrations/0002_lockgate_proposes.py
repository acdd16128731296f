"""The account in whose name the product itself proposes changes: nobody can sign in with it, and it never approves."""

from uuid import UUID

from django.db import migrations

LOCKGATE = UUID("00000000-0000-7000-8000-00000000c0de")


def add(apps, schema_editor):
    apps.get_model("accounts", "User")(
        id=LOCKGATE,
        email="lockgate@lockgate.invalid",
        name="lockgate",
        password="!",  # noqa: S106  which no password hashes to
        is_active=False,
        is_service=True,
    ).save(force_insert=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_narrow_for_good"),
        ("changes", "0001_initial"),
    ]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
