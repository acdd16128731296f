"""Every page of the product with rows behind its address, and who looks at it. Add a line for each new page.

`{name}` in an address is a row that tests/web/browser/seed.py made, or that `visit` made on the way.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Visit:
    """Somebody opens a page; nobody has signed in when `who` is empty."""

    view: str
    path: str
    who: str = "alice"
    status: int = 200

    def __str__(self) -> str:
        return f"{self.who or 'nobody'} {self.path}"


VISITS = (
    Visit("console:home", "/"),
    Visit("console:home", "/", "charlie"),
    Visit("console:home", "/", "dora"),
    Visit("console:home", "/", "admin"),
    Visit("console:search", "/search/"),
    Visit("console:search", "/search/?q=customers"),
    Visit("console:search", "/search/?q=nothing-like-this", "charlie"),
    Visit("accounts:login", "/login/", ""),
    Visit("accounts:forgot", "/password/forgot/", ""),
    Visit("accounts:reset", "/password/reset/AAAA/open/", "", 404),
    Visit("accounts:invitation", "/invite/AAAA/open/", "", 404),
    Visit("accounts:profile", "/profile/"),
    Visit("accounts:tokens", "/tokens/"),
    Visit("accounts:people", "/people/", "admin"),
    Visit("accounts:invite", "/people/invite/", "admin"),
    Visit("accounts:person", "/people/{bob}/", "admin"),
    Visit("accounts:roles", "/people/{bob}/roles/", "admin"),
    Visit("accounts:team_roles", "/people/{bob}/roles/crm/", "admin"),
    Visit("alerts:notices", "/notices/"),
    Visit("alerts:notices", "/notices/", "charlie"),
    Visit("alerts:outbox", "/outbox/"),
    Visit("alerts:channels", "/channels/"),
    Visit("alerts:channels", "/channels/", "admin"),
    Visit("alerts:new", "/channels/new/webhook", "admin"),
    Visit("alerts:new", "/channels/new/smtp", "admin"),
    Visit("alerts:edit", "/channels/pager/edit", "admin"),
    Visit("alerts:test", "/channels/tests/{channel_test}/", "admin"),
    Visit("alerts:new_route", "/routes/new"),
    Visit("alerts:edit_route", "/routes/to-the-pager/edit", "admin"),
    Visit("alerts:deliveries", "/deliveries/", "admin"),
    Visit("watch:system", "/system/", "admin"),
    Visit("watch:system", "/system/", "dora"),
    Visit("sources:sources", "/sources/"),
    Visit("sources:new", "/sources/new"),
    Visit("sources:connection", "/sources/crm/demo-crm/"),
    Visit("sources:connection", "/sources/crm/demo-crm/", "dora"),
    Visit("sources:setup", "/sources/crm/demo-crm/setup"),
    Visit("sources:setup", "/sources/crm/demo-warehouse/setup", "dora"),
    Visit("sources:edit", "/sources/crm/demo-crm/edit"),
    Visit("sources:datasets", "/sources/datasets/"),
    Visit("sources:datasets", "/sources/datasets/?q=nothing-like-this"),
    Visit("sources:dataset", "/sources/datasets/{dataset}/"),
    Visit("sources:dataset", "/sources/datasets/{dataset}/", "dora"),
    Visit("sources:new", "/sources/new?kind=postgresql"),
    Visit("sources:new", "/sources/new?kind=postgresql&by=url"),
    Visit("sources:profile", "/sources/datasets/{dataset}/profile"),
    Visit("sources:columns", "/sources/columns/"),
    Visit("sources:columns", "/sources/columns/?q=nothing-like-this"),
    Visit("sources:columns", "/sources/columns/?state=decided&sort=-confidence", "dora"),
    Visit("sources:column_upload", "/sources/columns/sheet"),
    Visit("sources:drift", "/sources/drift/"),
    Visit("sources:drift", "/sources/drift/?state=settled", "dora"),
    Visit("sources:test", "/sources/tests/{test}/"),
    Visit("policies:policies", "/policies/"),
    Visit("policies:new", "/policies/new", "erin"),
    Visit("policies:policy", "/policies/crm/personal-data/"),
    Visit("policies:edit", "/policies/crm/personal-data/edit", "erin"),
    Visit("policies:packs", "/policies/packs"),
    Visit("policies:simulation", "/policies/simulation"),
    Visit("policies:versions", "/policies/crm/personal-data/versions"),
    Visit("policies:why", "/policies/why/{column}/analytics"),
    Visit("retention:rules", "/retention/"),
    Visit("retention:new", "/retention/new", "erin"),
    Visit("retention:rule", "/retention/crm/old-payments/", "erin"),
    Visit("retention:edit", "/retention/crm/old-payments/edit", "erin"),
    Visit("retention:enforcement", "/retention/runs/1/", "erin"),
    Visit("retention:holds", "/retention/holds/"),
    Visit("retention:holds", "/retention/holds/?state=released", "erin"),
    Visit("retention:place_hold", "/retention/holds/place/{dataset}", "erin"),
    Visit("pipelines:pipelines", "/pipelines/"),
    Visit("pipelines:pipelines", "/pipelines/?q=nothing-like-this"),
    Visit("pipelines:new", "/pipelines/new"),
    Visit("pipelines:new", "/pipelines/new?as=yaml"),
    Visit("pipelines:pipeline", "/pipelines/crm/customers-to-warehouse/"),
    Visit("pipelines:edit", "/pipelines/crm/customers-to-warehouse/edit"),
    Visit("pipelines:edit", "/pipelines/crm/customers-to-warehouse/edit?as=yaml"),
    Visit("pipelines:version", "/pipelines/crm/customers-to-warehouse/versions/1"),
    Visit("runs:runs", "/runs/"),
    Visit("runs:run", "/runs/{published}/"),
    Visit("runs:run", "/runs/{blocked}/"),
    Visit("runs:checks", "/runs/{published}/checks"),
    Visit("runs:checks", "/runs/{blocked}/checks"),
    Visit("runs:quarantine", "/runs/{published}/quarantine"),
    Visit("runs:plan", "/runs/{published}/plan"),
    Visit("runs:manifest", "/runs/{published}/manifest"),
    Visit("runs:manifest", "/runs/{blocked}/manifest"),
    Visit("runs:log", "/runs/{published}/log"),
    Visit("runs:compare", "/runs/{published}/compare"),
    Visit("runs:recall", "/runs/{published}/recall"),
    Visit("runs:new", "/runs/new/crm/customers-to-warehouse"),
    Visit("changes:changes", "/changes/", "bob"),
    Visit("changes:changes", "/changes/"),
    Visit("changes:change", "/changes/{open_change}/", "bob"),
    Visit("changes:change", "/changes/{open_change}/", "erin"),
    Visit("changes:change", "/changes/{rejected_change}/", "dora"),
    Visit("changes:change", "/changes/1/", "admin"),
    Visit("changes:edit", "/changes/{open_change}/edit", "erin"),
    Visit("incidents:incidents", "/incidents/"),
    Visit("incidents:incident", "/incidents/1/"),
    Visit("audit:events", "/audit/", "dora"),
    Visit("audit:events", "/audit/?q=nothing-like-this", "dora"),
    Visit("api-docs", "/api/docs/"),
    Visit("errors/403.html", "/people/", "charlie", 403),
    Visit("errors/404.html", "/nothing/here/", "alice", 404),
)

# No pages of their own: acts, fragments of a page, files, a stream of events.
NO_PAGES = frozenset({
    "console:suggestions", "accounts:logout", "accounts:password", "accounts:revoke_token", "accounts:invite_again",
    "accounts:deactivate",
    "accounts:revoke_role", "alerts:read", "alerts:read_all",
    "alerts:propose", "alerts:retest", "alerts:switch_off", "alerts:switch_off_route", "alerts:replay",
    "sources:propose", "sources:classify",
    "sources:discovery", "sources:retest", "sources:profile_again", "sources:column_sheet", "sources:column_take",
    "sources:discover", "policies:validate",
    "pipelines:check", "pipelines:start", "pipelines:pause", "pipelines:resume", "runs:events", "runs:manifest_file",
    "runs:log_file", "runs:cancel", "runs:again",
    "runs:repeat", "runs:recall_file", "runs:sheet", "changes:decide", "changes:comment", "changes:withdraw",
    "changes:roll_back", "audit:verify", "incidents:acknowledge", "incidents:resolve", "incidents:assign",
    "incidents:snooze", "incidents:reopen", "incidents:comment", "incidents:many", "api-schema",
})  # fmt: skip

# Pages that only an installation that is being founded has: founding.py looks at them.
FOUNDING = frozenset({"accounts:setup", "accounts:setup_progress"})
