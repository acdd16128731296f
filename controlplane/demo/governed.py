"""What the demo's people propose: connections, classifications, the policy and the pipeline, as documents."""

from __future__ import annotations

from typing import Any

DOMAIN = "acme.example"
SOURCE, DESTINATION = "demo_crm", "demo_warehouse"
FILES = "partner_files"
CONNECTIONS = (SOURCE, DESTINATION, FILES)
PIPELINE = "customers-to-warehouse"
ORDERS_PIPELINE = "partner-orders"

PEOPLE: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("bob", ("steward", "reviewer"), ()),
    ("erin", ("steward", "reviewer"), ()),
    ("alice", ("engineer",), ()),
    ("dora", (), ("auditor",)),
)

CLASSIFIED: dict[str, dict[str, list[str]]] = {
    "customers": {
        "id": [],
        "name": ["pii.name"],
        "email": ["pii.contact.email"],
        "phone": ["pii.contact.phone"],
        "national_id": ["pii.national_id"],
        "iban": ["financial.iban"],
        "card": ["financial.card"],
        "birth_date": ["pii.birth_date"],
        "country": [],
        "note": ["pii.text"],
        "tags": [],
        "preferences": [],
        "created_at": [],
    },
    "payments": {
        "id": [],
        "customer_id": [],
        "amount": [],
        "currency": [],
        "payer_iban": ["financial.iban"],
        "status": [],
        "reference": ["pii.text"],
        "paid_at": [],
    },
}

POLICY: dict[str, Any] = {
    "slug": "personal-data",
    "name": "Personal data of customers",
    "text": {
        "format": 1,
        "rules": [
            {"name": "names are hidden", "tag": "pii.name", "zone": "*", "treatment": {"kind": "redact"}},
            {
                "name": "mail keeps its domain",
                "tag": "pii.contact.email",
                "zone": "analytics",
                "treatment": {"kind": "partial", "keep_domain": True},
            },
            {"name": "phones join", "tag": "pii.contact.phone", "zone": "*", "treatment": {"kind": "token"}},
            {"name": "accounts and cards join", "tag": "financial", "zone": "*", "treatment": {"kind": "token"}},
            {"name": "ids stay at home", "column": "*.national_id", "zone": "*", "treatment": {"kind": "drop"}},
            {
                "name": "birth by year",
                "tag": "pii.birth_date",
                "zone": "analytics",
                "treatment": {"kind": "date_truncate", "unit": "year"},
            },
            {"name": "free text is hidden", "tag": "pii.text", "zone": "*", "treatment": {"kind": "redact"}},
        ],
    },
}


def connection(
    name: str, settings: dict[str, Any], zone: str, credentials: dict[str, Any], kind: str = "postgresql"
) -> dict[str, Any]:
    definition = {"format": 1, "settings": settings, "zone": zone, "region": "eu", "credentials": credentials}
    title = name.replace("_", " ").capitalize().replace("crm", "CRM")
    return {"slug": name.replace("_", "-"), "name": title, "kind": kind, "definition": definition}


def classification(connection_id: str) -> dict[str, Any]:
    columns = [
        {"schema": "public", "table": table, "column": column, "tags": tags}
        for table, known in CLASSIFIED.items()
        for column, tags in known.items()
    ]
    return {"connection": connection_id, "columns": columns}


def orders_classification(connection_id: str) -> dict[str, Any]:
    known: dict[str, list[str]] = {
        "order_id": [], "customer_email": ["pii.contact.email"], "city": [], "amount": [], "ordered_on": [],
    }  # fmt: skip
    columns = [{"schema": ".", "table": "orders", "column": name, "tags": tags} for name, tags in known.items()]
    return {"connection": connection_id, "columns": columns}


def orders_pipeline(source: str, destination: str) -> dict[str, Any]:
    """A partner's file, replaced every day, and a gate that knows how many orders a day has."""
    stream = {
        "name": "orders",
        "source": {"schema": ".", "table": "orders"},
        "destination": {"schema": "public", "table": "partner_orders"},
    }
    definition = {
        "format": 1,
        "purpose": "analytics",
        "streams": [stream],
        "output_checks": [
            _check("enough-orders", "orders", "table_row_count_to_be_between", min_value=9_000, max_value=12_000),
            _check("order-unique", "orders", "column_values_to_be_unique", column="order_id"),
        ],
    }
    return {
        "slug": ORDERS_PIPELINE,
        "name": "Partner orders",
        "source": source,
        "destination": destination,
        "definition": definition,
    }


def pipeline(source: str, destination: str) -> dict[str, Any]:
    definition = {
        "format": 1,
        "purpose": "analytics",
        "streams": [_customers(), _payments()],
        "output_checks": _output_checks(),
        "schedule": {"cron": "0 3 * * *", "zone": "Europe/Berlin"},
    }
    return {
        "slug": PIPELINE,
        "name": "Customers to warehouse",
        "source": source,
        "destination": destination,
        "definition": definition,
    }


def retention(destination: str) -> dict[str, Any]:
    """Payments stay in the warehouse for a year and a half."""
    definition = {
        "format": 1,
        "connection": destination,
        "dataset": {"schema": "public", "table": "payments"},
        "tag": "",
        "age_column": "paid_at",
        "keep": {"amount": 18, "unit": "months"},
        "zone": "Europe/Berlin",
        "action": "delete",
        "schedule": {"cron": "0 4 * * *", "zone": "Europe/Berlin"},
    }
    return {"slug": "old-payments", "name": "Old payments", "definition": definition}


def _customers() -> dict[str, Any]:
    return {
        "name": "customers",
        "source": {"schema": "public", "table": "customers"},
        "destination": {"schema": "public", "table": "customers"},
        "row_checks": [
            _rule("email-valid", "matches", "email", pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$"),
            _rule("birth-possible", "between", "birth_date", min="1900-01-01", max="today"),
        ],
        "settle": [{"id": "one-row-per-customer", "kind": "unique", "columns": ["id"]}],
    }


def _payments() -> dict[str, Any]:
    return {
        "name": "payments",
        "source": {"schema": "public", "table": "payments"},
        "destination": {"schema": "public", "table": "payments"},
        "filters": [_rule("no-test-payments", "not_in_set", "status", values=["test"])],
        "row_checks": [_rule("amount-possible", "between", "amount", min=0, max=1_000_000)],
        "settle": [
            {
                "id": "customer-exists",
                "kind": "references",
                "columns": ["customer_id"],
                "target": "customers",
                "to": ["id"],
            }
        ],
    }


def _check(id: str, stream: str, expectation: str, severity: str = "ERROR", **kwargs: Any) -> dict[str, Any]:
    name = f"expect_{expectation}"
    return {"id": id, "stream": stream, "expectation": name, "kwargs": kwargs, "severity": severity}


def _output_checks() -> list[dict[str, Any]]:
    check = _check
    return [
        check("id-unique", "customers", "column_values_to_be_unique", column="id"),
        check("id-present", "customers", "column_values_to_not_be_null", column="id"),
        check("many-customers", "customers", "table_row_count_to_be_between", min_value=150_000, max_value=300_000),
        check("mail-masked", "customers", "column_values_to_match_regex", column="email", regex=r"^\*+@"),
        check("country-known", "customers", "column_values_to_be_in_set", column="country",
              value_set=["DE", "AT", "CH", "FR", "NL", "PL"]),
        check("phone-length", "customers", "column_value_lengths_to_be_between", column="phone",
              min_value=36, max_value=36),
        check("countries", "customers", "column_unique_value_count_to_be_between", "WARN", column="country",
              min_value=4, max_value=10),
        check("payment-unique", "payments", "column_values_to_be_unique", column="id"),
        check("amount-range", "payments", "column_values_to_be_between", column="amount", min_value=0, max_value=2500),
        check("mean-amount", "payments", "column_mean_to_be_between", "WARN", column="amount",
              min_value=500, max_value=2000),
        check("status-known", "payments", "column_values_to_be_in_set", column="status",
              value_set=["settled", "refunded"]),
    ]  # fmt: skip


def _rule(id: str, kind: str, column: str, **params: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "column": column, "params": params}
