"""Plainly invented data for the style guide, so that every piece is seen in every state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms, template

register = template.Library()
NOW = datetime(2026, 11, 22, 7, 31, 4, 118_000, tzinfo=UTC)

BEFORE = """policy: contacts-pii
applies_to: crm.contacts
rules:
  - column: email
    treatment: token
    reveal_to: [support-lead]
  - column: phone
    treatment: token
retention:
  keep: 365 days
  then: delete
owners:
  - data-platform
  - privacy
review:
  roles: [steward, reviewer]
  count: 2
notes: none
"""
AFTER = BEFORE.replace(
    "    treatment: token\nretention",
    "    treatment: partial(keep_last=4)\n    reveal_to: [support-lead]\nretention",
)
STATES = (
    "SUCCEEDED", "RUNNING", "FAILED", "AWAITING_REVIEW", "QUEUED", "REFUSED", "PAUSED", "DRIFTED", "CANCELLED",
    "NEW_ONE",
)  # fmt: skip
PAIRS = (("Connection", "crm-replica"), ("Region", "eu-central"), ("Zone", "restricted"), ("Last discovery", None))


class ExampleForm(forms.Form):
    """One field of every kind."""

    name = forms.CharField(label="Name", help_text="How people will find it.", initial="crm-replica")
    host = forms.CharField(label="Host")
    port = forms.IntegerField(label="Port", initial=5432, required=False)
    kind = forms.ChoiceField(label="Kind", choices=[("postgresql", "PostgreSQL"), ("files", "Files")])
    purpose = forms.ChoiceField(
        label="Purpose",
        choices=[("read", "Read only"), ("write", "Publish")],
        widget=forms.RadioSelect,
        help_text="Read and write have separate credentials.",
    )
    tls = forms.BooleanField(label="Require TLS", help_text="Refuse a server without a certificate.", required=False)
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 3}), required=False)

    def clean(self) -> dict[str, Any]:
        self.add_error(None, "The server at db.example:5432 answered, but refused the password.")
        return self.cleaned_data


@register.simple_tag
def examples() -> dict[str, Any]:
    """Everything core/styleguide.html shows."""
    return {
        "now": NOW,
        "earlier": NOW - timedelta(hours=2),
        "before": BEFORE,
        "after": AFTER,
        "points": [97.5, 98.2, 98.9, 98.6, 95.1, 98.8, 99.2, 98.9, 99, 99.1, 98.5, 98.4],
        "states": STATES,
        "pairs": PAIRS,
        "steps": _steps(),
        "wizard": [
            {"label": "Kind", "state": "done", "url": "#"},
            {"label": "Address", "state": "done", "url": "#"},
            {"label": "Test", "state": "current"},
            {"label": "Tables", "state": "todo"},
        ],
        "tabs": [
            {"label": "Summary", "url": "#", "active": True},
            {"label": "Checks", "url": "#checks", "badge": 2},
            {"label": "Quarantine", "url": "#quarantine"},
            {"label": "Plan", "url": "#plan"},
        ],
        "log": _log(),
        "runs": _runs(),
        "page": SimpleNamespace(older="b2xkZXI", newer="bmV3ZXI"),
        "choices": [("failed", "Failed"), ("running", "Running"), ("passed", "Passed")],
        "form": ExampleForm(),
        "wrong": ExampleForm({"name": "", "host": "", "port": "many", "kind": "tape", "note": "x"}),
        "graph": _graph(),
        "series": _series(),
        "sql": "SELECT card, count(*)\nFROM crm.customers\nGROUP BY card\nHAVING count(*) > 1;",
        "hidden": {"fence": 4},
    }


def _steps() -> list[dict[str, Any]]:
    return [
        {"label": "Extract from crm.contacts", "state": "done", "note": "52,310 rows · 8 s"},
        {"label": "Treat and seal", "state": "warned", "note": "3 columns · 2 s", "detail": "1 column without values"},
        {"label": "Quality gate", "state": "running", "note": "14 of 20"},
        {"label": "Publish", "state": "waiting", "note": "waits for the gate"},
        {"label": "Authenticate", "state": "failed", "note": "0.2 s", "detail": "The password was refused."},
        {"label": "Settle", "state": "skipped", "note": "no set rules"},
    ]


def _log() -> list[SimpleNamespace]:
    texts = (
        ("info", "extract", "connected to crm-replica:5432 (TLS 1.3)"),
        ("info", "extract", "52,310 rows, 8 columns"),
        ("info", "treat", "email: token · phone: partial · iban: redact"),
        ("info", "stage", "7 parts, plan 9c2e41, key domain crm/contact v4"),
        ("warn", "check", "country in set: 3 rows to quarantine, values not shown"),
        ("error", "publish", "warehouse:5432 does not answer; nothing was written"),
    )
    return [
        SimpleNamespace(at=NOW + timedelta(seconds=i * 1.3), level=level, source=source, text=text)
        for i, (level, source, text) in enumerate(texts)
    ]


def _runs() -> list[dict[str, Any]]:
    rows = (
        ("customer_360", "schedule · hourly", "RUNNING", 2041, 192, 1_204_118),
        ("billing_invoices_to_lake", "event · file arrived", "FAILED", 2040, 107, 418_020),
        ("crm_contacts_sync", "schedule · 15 min", "SUCCEEDED", 2039, 38, 52_310),
        ("web_events_incremental", "schedule · hourly", "DRIFTED", 2038, 245, 3_800_211),
        ("payments_tokenise", "manual · a.singh", "AWAITING_REVIEW", 2036, None, None),
    )
    keys = ("name", "start", "state", "number", "seconds", "rows")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _graph() -> dict[str, Any]:
    nodes = (
        ("crm", "crm.contacts", "PostgreSQL · 8 columns", ""),
        ("bill", "billing.invoices", "S3 parquet · 14 columns", ""),
        ("web", "web.events", "HTTP API · 6 columns", ""),
        ("sc", "stg_contacts", "email token, phone partial", "hot"),
        ("si", "stg_invoices", "IBAN redacted", ""),
        ("se", "stg_events", "ip truncated", ""),
        ("c360", "customer_360", "join on customer_key", "hot"),
        ("churn", "mart_churn", "read by BI", "hot"),
        ("ml", "ml_features", "read by Feast", "hot"),
    )
    return {
        "nodes": [{"id": i, "label": label, "sub": sub, "tone": tone, "url": f"#{i}"} for i, label, sub, tone in nodes],
        "edges": [
            ("crm", "sc", "hot"), ("bill", "si"), ("web", "se"), ("sc", "c360"), ("si", "c360"), ("se", "c360"),
            ("c360", "churn"), ("c360", "ml"),
        ],
    }  # fmt: skip


def _series() -> dict[str, Any]:
    start = int(NOW.timestamp()) - 29 * 86400
    values = [97.6, 98.4, 99.0, 99.4, 99.0, 99.2, 99.3, 99.3, 98.4, 98.1, 97.9, 97.6, 96.7, 96.6, 96.6]
    values += [96.8, 96.4, 97.0, 97.4, 98.0, 97.8, 94.4, 99.0, 99.5, 99.0, 99.2, 99.2, 99.1, 98.2, 97.9]
    return {
        "label": "Checks passed in the last 30 days",
        "unit": "%",
        "x": [start + day * 86400 for day in range(30)],
        "series": [{"label": "Checks passed", "values": values}],
        "target": 97,
        "min": 90,
        "max": 100,
    }
