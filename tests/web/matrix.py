"""Who gets what: every address × role × verb. Add a line for each new address; an address without one fails the tests.

What a cell says:
  ok   answered: a page, an act, a redirect to one of our pages; or 400, 409, 422: allowed, but not possible like this
  in   led to sign in: 302 to /login/, and 401 beneath /api/
  no   403, and the attempt is an event of the audit log
  --   404: does not exist for this person
A verb that is not listed is answered 405 to everybody who is let in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.accounts.models import Device, Membership
from apps.alerts.models import ChannelTest, Delivery, Notice
from apps.audit import services as audit
from apps.audit.models import Export, Walk
from apps.changes.services import propose
from apps.core.actor import system
from apps.core.clock import now
from apps.core.ids import uuid7
from apps.grants.models import LegalHold
from apps.incidents.models import Incident
from apps.sources.models import ConnectionTest, Discovery, Profile
from tests.alerts.support import WEBHOOK, alert_route, webhook_channel
from tests.policies.support import DEFINITION, Crm, rule
from tests.retention.support import kept
from tests.runs.support import Shop
from tests.support import World

ROLES = ("anonymous", "stranger", "viewer", "engineer", "steward", "reviewer", "auditor", "administrator")

# address                     verb   anonymous stranger viewer engineer steward reviewer auditor administrator
TABLE = """
console:home                  GET    in        ok       ok     ok       ok      ok       ok      ok
console:search                GET    in        ok       ok     ok       ok      ok       ok      ok
console:suggestions           GET    in        ok       ok     ok       ok      ok       ok      ok
console-api:search            GET    in        ok       ok     ok       ok      ok       ok      ok

accounts:login                GET    ok        ok       ok     ok       ok      ok       ok      ok
accounts:login                POST   ok        ok       ok     ok       ok      ok       ok      ok
accounts:logout               POST   in        ok       ok     ok       ok      ok       ok      ok
accounts:setup                GET    ok        ok       ok     ok       ok      ok       ok      ok
accounts:setup                POST   ok        ok       ok     ok       ok      ok       ok      ok
accounts:setup_progress       GET    in        ok       ok     ok       ok      ok       ok      ok
accounts:invitation           GET    --        --       --     --       --      --       --      --
accounts:invitation           POST   --        --       --     --       --      --       --      --
accounts:forgot               GET    ok        ok       ok     ok       ok      ok       ok      ok
accounts:forgot               POST   ok        ok       ok     ok       ok      ok       ok      ok
accounts:reset                GET    --        --       --     --       --      --       --      --
accounts:reset                POST   --        --       --     --       --      --       --      --
accounts:profile              GET    in        ok       ok     ok       ok      ok       ok      ok
accounts:profile              POST   in        ok       ok     ok       ok      ok       ok      ok
accounts:password             POST   in        ok       ok     ok       ok      ok       ok      ok
accounts:tokens               GET    in        ok       ok     ok       ok      ok       ok      ok
accounts:tokens               POST   in        ok       ok     ok       ok      ok       ok      ok
accounts:revoke_token         POST   in        --       --     --       --      --       --      --
accounts:people               GET    in        no       no     no       no      no       ok      ok
accounts:invite               GET    in        no       no     no       no      no       no      ok
accounts:invite               POST   in        no       no     no       no      no       no      ok
accounts:person               GET    in        no       no     no       no      no       ok      ok
accounts:roles                GET    in        no       no     no       no      no       no      ok
accounts:roles                POST   in        no       no     no       no      no       no      ok
accounts:team_roles           GET    in        no       no     no       no      no       no      ok
accounts:team_roles           POST   in        no       no     no       no      no       no      ok
accounts:invite_again         POST   in        no       no     no       no      no       no      ok
accounts:deactivate           POST   in        no       no     no       no      no       no      ok
accounts:revoke_role          POST   in        no       no     no       no      no       no      ok
accounts:end_others           POST   in        ok       ok     ok       ok      ok       ok      ok
accounts:end_session          POST   in        --       --     --       --      --       --      ok
accounts:end_sessions         POST   in        no       no     no       no      no       no      ok
accounts:invitations          GET    in        no       no     no       no      no       ok      ok
accounts:revoke_invitation    POST   in        no       no     no       no      no       no      ok
accounts:revoke_token_of      POST   in        no       no     no       no      no       no      --
accounts-api:my_sessions      GET    in        ok       ok     ok       ok      ok       ok      ok
accounts-api:end_my_sessions  POST   in        ok       ok     ok       ok      ok       ok      ok
accounts-api:my_tokens        GET    in        ok       ok     ok       ok      ok       ok      ok
accounts-api:revoke_my_token  POST   in        --       --     --       --      --       --      --
accounts-api:end_session      POST   in        --       --     --       --      --       --      ok
accounts-api:end_sessions     POST   in        no       no     no       no      no       no      ok
accounts-api:invitations      GET    in        no       no     no       no      no       ok      ok
accounts-api:send_invitation  POST   in        no       no     no       no      no       no      ok
accounts-api:revoke_invitation POST  in        no       no     no       no      no       no      ok
accounts-api:tokens           GET    in        no       no     no       no      no       ok      ok
accounts-api:revoke_token     POST   in        no       no     no       no      no       no      --
console:access_review         GET    in        no       no     no       no      no       ok      ok
console:access_pairs          GET    in        no       no     no       no      no       ok      ok
console:access_tokens         GET    in        no       no     no       no      no       ok      ok
console:exceptions            GET    in        no       no     no       no      no       ok      ok
console:exceptions_alone      GET    in        no       no     no       no      no       ok      ok
console:exceptions_grants     GET    in        no       no     no       no      no       ok      ok
console:review_file           GET    in        no       no     no       no      no       ok      ok
console-api:access_review     GET    in        no       no     no       no      no       ok      ok
console-api:access_pairs      GET    in        no       no     no       no      no       ok      ok
console-api:exceptions        GET    in        no       no     no       no      no       ok      ok
console-api:exceptions_alone  GET    in        no       no     no       no      no       ok      ok
console-api:exceptions_grants GET    in        no       no     no       no      no       ok      ok
accounts-api:me               GET    in        ok       ok     ok       ok      ok       ok      ok
accounts-api:teams            GET    in        ok       ok     ok       ok      ok       ok      ok
accounts-api:people           GET    in        no       no     no       no      no       ok      ok
accounts-api:deactivate       POST   in        no       no     no       no      no       no      ok
accounts-api:revoke_role      POST   in        no       no     no       no      no       no      ok

alerts:notices                GET    in        ok       ok     ok       ok      ok       ok      ok
alerts:read_all               POST   in        ok       ok     ok       ok      ok       ok      ok
alerts:read                   GET    in        --       --     ok       --      --       --      --
alerts:outbox                 GET    in        ok       ok     ok       ok      ok       ok      ok
alerts:channels               GET    in        no       ok     ok       ok      ok       ok      ok
alerts:new                    GET    in        no       no     no       no      no       no      ok
alerts:new                    POST   in        no       no     no       no      no       no      ok
alerts:edit                   GET    in        no       no     no       no      no       no      ok
alerts:edit                   POST   in        no       no     no       no      no       no      ok
alerts:test                   GET    in        no       no     no       no      no       no      ok
alerts:propose                POST   in        no       no     no       no      no       no      ok
alerts:retest                 POST   in        no       no     no       no      no       no      ok
alerts:switch_off             POST   in        no       no     no       no      no       no      ok
alerts:new_route              GET    in        no       no     ok       ok      no       no      ok
alerts:new_route              POST   in        no       no     ok       ok      no       no      ok
alerts:edit_route             GET    in        no       no     ok       ok      no       no      ok
alerts:edit_route             POST   in        no       no     ok       ok      no       no      ok
alerts:switch_off_route       POST   in        no       no     ok       ok      no       no      ok
alerts:deliveries             GET    in        no       no     no       no      no       ok      ok
alerts:replay                 POST   in        no       no     no       no      no       no      ok
watch:system                  GET    in        no       no     no       no      no       ok      ok
watch-api:health              GET    in        no       no     no       no      no       ok      ok
alerts-api:outbox             GET    in        ok       ok     ok       ok      ok       ok      ok
alerts-api:channels           GET    in        no       ok     ok       ok      ok       ok      ok
alerts-api:channels           POST   in        no       no     no       no      no       no      ok
alerts-api:test               POST   in        no       no     no       no      no       no      ok
alerts-api:test_result        GET    in        no       no     no       no      no       no      ok
alerts-api:switch_off         POST   in        no       no     no       no      no       no      ok
alerts-api:routes             GET    in        no       ok     ok       ok      ok       ok      ok
alerts-api:routes             POST   in        no       no     ok       ok      no       no      ok
alerts-api:switch_off_route   POST   in        no       no     ok       ok      no       no      ok
alerts-api:deliveries         GET    in        no       no     no       no      no       ok      ok
alerts-api:replay             POST   in        no       no     no       no      no       no      ok
alerts-api:notices            GET    in        ok       ok     ok       ok      ok       ok      ok
alerts-api:read               POST   in        ok       ok     ok       ok      ok       ok      ok

sources:sources               GET    in        no       ok     ok       ok      ok       ok      no
sources:new                   GET    in        no       no     ok       no      no       no      no
sources:new                   POST   in        no       no     ok       no      no       no      no
sources:datasets              GET    in        no       ok     ok       ok      ok       ok      no
sources:dataset               GET    in        --       ok     ok       ok      ok       ok      --
sources:classify              POST   in        --       no     ok       ok      no       no      --
sources:profile               GET    in        --       ok     ok       ok      ok       ok      --
sources:profile_again         POST   in        --       no     ok       ok      no       no      --
sources:columns               GET    in        no       ok     ok       ok      ok       ok      no
sources:columns               POST   in        no       no     ok       ok      no       no      no
sources:column_sheet          GET    in        no       ok     ok       ok      ok       ok      no
sources:column_upload         GET    in        no       no     ok       ok      no       no      no
sources:column_upload         POST   in        no       no     ok       ok      no       no      no
sources:column_take           POST   in        no       no     ok       ok      no       no      no
sources:drift                 GET    in        no       ok     ok       ok      ok       ok      no
sources:drift                 POST   in        no       no     ok       ok      no       no      no
sources:discovery             GET    in        --       ok     ok       ok      ok       ok      --
sources:test                  GET    in        --       ok     ok       ok      ok       ok      --
sources:propose               POST   in        --       no     ok       no      no       no      --
sources:connection            GET    in        --       ok     ok       ok      ok       ok      --
sources:setup                 GET    in        --       ok     ok       ok      ok       ok      --
sources:setup                 POST   in        --       no     ok       ok      no       no      --
sources:edit                  GET    in        --       no     ok       no      no       no      --
sources:edit                  POST   in        --       no     ok       no      no       no      --
sources:retest                POST   in        --       no     ok       ok      no       no      --
sources:discover              POST   in        --       no     ok       ok      no       no      --
sources-api:connections       GET    in        no       ok     ok       ok      ok       ok      no
sources-api:connections       POST   in        no       no     ok       no      no       no      no
sources-api:connection        GET    in        --       ok     ok       ok      ok       ok      --
sources-api:test              POST   in        --       no     ok       ok      no       no      --
sources-api:discover          POST   in        --       no     ok       ok      no       no      --
sources-api:test_result       GET    in        --       ok     ok       ok      ok       ok      --
sources-api:discovery         GET    in        --       ok     ok       ok      ok       ok      --
sources-api:datasets          GET    in        no       ok     ok       ok      ok       ok      no
sources-api:kinds             GET    in        no       ok     ok       ok      ok       ok      no
sources-api:coverage          GET    in        --       ok     ok       ok      ok       ok      --
sources-api:profile           GET    in        --       ok     ok       ok      ok       ok      --
sources-api:profile           POST   in        --       no     ok       ok      no       no      --
sources-api:columns           GET    in        no       ok     ok       ok      ok       ok      no
sources-api:classify          POST   in        no       no     ok       ok      no       no      no
sources-api:sheet             GET    in        no       ok     ok       ok      ok       ok      no
sources-api:sheet             POST   in        no       no     ok       ok      no       no      no
sources-api:drift             GET    in        no       ok     ok       ok      ok       ok      no
sources-api:settle            POST   in        no       no     ok       ok      no       no      no
sources-api:dataset           GET    in        --       ok     ok       ok      ok       ok      --

policies:policies             GET    in        no       ok     ok       ok      ok       ok      no
policies:new                  GET    in        no       no     no       ok      no       no      no
policies:new                  POST   in        no       no     no       ok      no       no      no
policies:validate             POST   in        no       no     no       ok      no       no      no
policies:packs                GET    in        no       ok     ok       ok      ok       ok      no
policies:packs                POST   in        no       no     no       ok      no       no      no
policies:simulation           GET    in        no       ok     ok       ok      ok       ok      no
policies:simulation           POST   in        no       ok     ok       ok      ok       ok      no
policies:why                  GET    in        --       ok     ok       ok      ok       ok      --
policies:policy               GET    in        --       ok     ok       ok      ok       ok      --
policies:edit                 GET    in        --       no     no       ok      no       no      --
policies:edit                 POST   in        --       no     no       ok      no       no      --
policies:versions             GET    in        --       ok     ok       ok      ok       ok      --
policies-api:policies         GET    in        no       ok     ok       ok      ok       ok      no
policies-api:policies         POST   in        no       no     no       ok      no       no      no
policies-api:policy           GET    in        --       ok     ok       ok      ok       ok      --
policies-api:version          GET    in        --       ok     ok       ok      ok       ok      --
policies-api:validate         POST   in        no       no     no       ok      no       no      no
policies-api:packs            GET    in        no       ok     ok       ok      ok       ok      no
policies-api:packs            POST   in        no       no     no       ok      no       no      no
policies-api:simulate         POST   in        no       ok     ok       ok      ok       ok      no
policies-api:why              GET    in        --       ok     ok       ok      ok       ok      --

pipelines:check               POST   in        no        no     ok       no      no       no      no
pipelines:edit                GET    in        --        no     ok       no      no       no      --
pipelines:edit                POST   in        --        no     ok       no      no       no      --
pipelines:new                 GET    in        no        no     ok       no      no       no      no
pipelines:new                 POST   in        no        no     ok       no      no       no      no
pipelines:pause               POST   in        --        no     ok       ok      no       no      --
pipelines:pipeline            GET    in        --        ok     ok       ok      ok       ok      --
pipelines:pipelines           GET    in        no        ok     ok       ok      ok       ok      no
pipelines:result              GET    in        --       ok     ok       ok      ok       ok      --
pipelines:results             GET    in        --       ok     ok       ok      ok       ok      --
pipelines:resume              POST   in        --        no     ok       ok      no       no      --
pipelines:start               POST   in        --        no     ok       no      no       no      --
pipelines:suite               GET    in        --       ok     ok       ok      ok       ok      --
pipelines:suite               POST   in        --       no     ok       no      no       no      --
pipelines:suite_export        GET    in        --       ok     ok       ok      ok       ok      --
pipelines:suite_judge         POST   in        --       no     ok       no      no       no      --
pipelines:tables              POST   in        no       no     ok       no      no       no      no
pipelines:times               GET    in        no       no     ok       no      no       no      no
pipelines:version             GET    in        --        ok     ok       ok      ok       ok      --
pipelines-api:pause           POST   in        --        no     ok       ok      no       no      --
pipelines-api:pipeline        GET    in        --        ok     ok       ok      ok       ok      --
pipelines-api:pipelines       GET    in        no        ok     ok       ok      ok       ok      no
pipelines-api:plan            GET    in        --        ok     ok       ok      ok       ok      --
pipelines-api:resume          POST   in        --        no     ok       ok      no       no      --
pipelines-api:results         GET    in        --       ok     ok       ok      ok       ok      --
pipelines-api:suggestions     GET    in        --       ok     ok       ok      ok       ok      --
pipelines-api:suite           GET    in        --       ok     ok       ok      ok       ok      --
pipelines-api:suite_export    GET    in        --       ok     ok       ok      ok       ok      --
pipelines-api:suite_import    POST   in        --       no     ok       no      no       no      --
pipelines-api:judge           POST   in        --       no     ok       no      no       no      no
pipelines-api:expectations    GET    in        no       ok     ok       ok      ok       ok      no
pipelines-api:times           GET    in        no       ok     ok       ok      ok       ok      no
pipelines-api:start           POST   in        --        no     ok       no      no       no      --

runs:again                    POST   in        --        no     ok       no      no       no      --
runs:cancel                   POST   in        --        no     ok       ok      no       no      --
runs:checks                   GET    in        --        ok     ok       ok      ok       ok      --
runs:events                   GET    in        --        ok     ok       ok      ok       ok      --
runs:compare                  GET    in        --        ok     ok       ok      ok       ok      --
runs:log                      GET    in        --        ok     ok       ok      ok       ok      --
runs:log_file                 GET    in        --        ok     ok       ok      ok       ok      --
runs:new                      GET    in        --        no     ok       no      no       no      --
runs:new                      POST   in        --        no     ok       no      no       no      --
runs:manifest                 GET    in        --        ok     ok       ok      ok       ok      --
runs:manifest_file            GET    in        --        ok     ok       ok      ok       ok      --
runs:plan                     GET    in        --        ok     ok       ok      ok       ok      --
runs:quarantine               GET    in        --        ok     ok       ok      ok       ok      --
runs:recall                   GET    in        --        no     ok       ok      no       no      --
runs:recall                   POST   in        --        no     ok       ok      no       no      --
runs:recall_file              GET    in        --        --     --       --      --       --      --
runs:repeat                   POST   in        --        no     ok       no      no       no      --
runs:run                      GET    in        --        ok     ok       ok      ok       ok      --
runs:runs                     GET    in        no        ok     ok       ok      ok       ok      no
runs:sheet                    GET    in        no        ok     ok       ok      ok       ok      no
runs-api:cancel               POST   in        --        no     ok       ok      no       no      --
runs-api:checks               GET    in        --        ok     ok       ok      ok       ok      --
runs-api:compare              GET    in        --        --     --       --      --       --      --
runs-api:log                  GET    in        --        ok     ok       ok      ok       ok      --
runs-api:manifest             GET    in        --        ok     ok       ok      ok       ok      --
runs-api:plan                 GET    in        --        ok     ok       ok      ok       ok      --
runs-api:recall               GET    in        --        ok     ok       ok      ok       ok      --
runs-api:recall               POST   in        --        no     ok       ok      no       no      --
runs-api:repeat               POST   in        --        no     ok       no      no       no      --
runs-api:retry                POST   in        --        no     ok       no      no       no      --
runs-api:run                  GET    in        --        ok     ok       ok      ok       ok      --
runs-api:runs                 GET    in        no        ok     ok       ok      ok       ok      no
runs-api:runs                 POST   in        --        no     ok       no      no       no      --

changes:change                GET    in        --        ok     ok       ok      ok       ok      --
changes:changes               GET    in        no        ok     ok       ok      ok       ok      ok
changes:comment               POST   in        --        no     ok       ok      ok       no      --
changes:decide                POST   in        --        no     no       no      ok       no      --
changes:edit                  GET    in        --        no     no       ok      no       no      --
changes:edit                  POST   in        --        no     no       ok      no       no      --
changes:roll_back             POST   in        --        no     no       ok      no       no      --
changes:withdraw              POST   in        --        no     no       no      no       no      --
changes-api:approve           POST   in        --        no     no       no      ok       no      --
changes-api:change            GET    in        --        ok     ok       ok      ok       ok      --
changes-api:changes           GET    in        no        ok     ok       ok      ok       ok      ok
changes-api:changes           POST   in        no        no     ok       ok      no       no      ok
changes-api:comment           POST   in        --        no     ok       ok      ok       no      --
changes-api:edit              POST   in        --        no     no       ok      no       no      --
changes-api:reject            POST   in        --        no     no       no      ok       no      --
changes-api:request_changes   POST   in        --        no     no       no      ok       no      --
changes-api:roll_back         POST   in        --        no     no       ok      no       no      --
changes-api:withdraw          POST   in        --        no     no       no      no       no      --

incidents:acknowledge         POST   in        --        no     ok       ok      ok       no      --
incidents:assign              POST   in        --        no     ok       ok      ok       no      --
incidents:comment             POST   in        --        no     ok       ok      ok       no      --
incidents:reopen              POST   in        --        no     ok       ok      ok       no      --
incidents:snooze              POST   in        --        no     ok       ok      ok       no      --
incidents:many                POST   in        no        no     ok       ok      ok       no      ok
incidents:incident            GET    in        --        ok     ok       ok      ok       ok      --
retention:rules               GET    in        no       ok     ok       ok      ok       ok      no
retention:new                 GET    in        no       no     no       ok      no       no      no
retention:new                 POST   in        no       no     no       ok      no       no      no
retention:rule                GET    in        --       ok     ok       ok      ok       ok      --
retention:edit                GET    in        --       no     no       ok      no       no      --
retention:edit                POST   in        --       no     no       ok      no       no      --
retention:dry_run             POST   in        --       no     ok       ok      no       no      --
retention:enforce             POST   in        --       no     no       ok      no       no      --
retention:pause               POST   in        --       no     ok       ok      no       no      --
retention:resume              POST   in        --       no     ok       ok      no       no      --
retention:enforcement         GET    in        --       ok     ok       ok      ok       ok      --
retention:propose_deletion    POST   in        --       no     no       ok      no       no      --
retention:holds               GET    in        no       ok     ok       ok      ok       ok      no
retention:place_hold          GET    in        --       no     no       ok      ok       no      --
retention:place_hold          POST   in        --       no     no       ok      ok       no      --
retention:release_hold        POST   in        --       no     no       ok      no       no      --
retention-api:rules           GET    in        no       ok     ok       ok      ok       ok      no
retention-api:rules           POST   in        no       no     no       ok      no       no      no
retention-api:rule            GET    in        --       ok     ok       ok      ok       ok      --
retention-api:dry_run         POST   in        --       no     ok       ok      no       no      --
retention-api:enforce         POST   in        --       no     no       ok      no       no      --
retention-api:pause           POST   in        --       no     ok       ok      no       no      --
retention-api:resume          POST   in        --       no     ok       ok      no       no      --
retention-api:enforcement     GET    in        --       ok     ok       ok      ok       ok      --
retention-api:propose_deletion POST  in        --       no     no       ok      no       no      --
retention-api:holds           GET    in        no       ok     ok       ok      ok       ok      no
retention-api:holds           POST   in        no       no     no       ok      ok       no      no
retention-api:release_hold    POST   in        --       no     no       ok      no       no      --

incidents:incidents           GET    in        no        ok     ok       ok      ok       ok      ok
incidents:resolve             POST   in        --        no     ok       ok      ok       no      --
incidents-api:acknowledge     POST   in        --        no     ok       ok      ok       no      --
incidents-api:assign          POST   in        --        no     ok       ok      ok       no      --
incidents-api:comment         POST   in        --        no     ok       ok      ok       no      --
incidents-api:reopen          POST   in        --        no     ok       ok      ok       no      --
incidents-api:snooze          POST   in        --        no     ok       ok      ok       no      --
incidents-api:many            POST   in        no        no     ok       ok      ok       no      ok
incidents-api:incident        GET    in        --        ok     ok       ok      ok       ok      --
incidents-api:incidents       GET    in        no        ok     ok       ok      ok       ok      ok
incidents-api:resolve         POST   in        --        no     ok       ok      ok       no      --

audit:events                  GET    in        no        no     no       no      no       ok      no
audit:verify                  POST   in        no        no     no       no      no       ok      no
audit:walk                    GET    in        no        no     no       no      no       ok      no
audit:event                   GET    in        no        no     no       no      no       ok      no
audit:exports                 GET    in        no        no     no       no      no       ok      no
audit:exports                 POST   in        no        no     no       no      no       ok      no
audit:export                  GET    in        no        no     no       no      no       ok      no
audit:export_file             POST   in        no        no     no       no      no       ok      no
audit-api:event               GET    in        no        no     no       no      no       ok      no
audit-api:walk                GET    in        no        no     no       no      no       ok      no
audit-api:exports             GET    in        no        no     no       no      no       ok      no
audit-api:exports             POST   in        no        no     no       no      no       ok      no
audit-api:export              GET    in        no        no     no       no      no       ok      no
audit-api:export_file         POST   in        no        no     no       no      no       ok      no
audit-api:events              GET    in        no        no     no       no      no       ok      no
audit-api:verify              POST   in        no        no     no       no      no       ok      no

keys:keys                     GET    in        no        no     no       no      no       ok      ok
keys:keys                     POST   in        no        no     no       no      no       no      ok
keys-api:keys                 GET    in        no        no     no       no      no       ok      ok
keys-api:copied               POST   in        no        no     no       no      no       no      ok

api-schema                    GET    in        ok       ok     ok       ok      ok       ok      ok
api-docs                      GET    in        ok       ok     ok       ok      ok       ok      ok
"""

# The parts of an address that have to be filled in, by view or by the view's app (`runs:*`).
ARGUMENTS: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts:invitation": lambda world: {"uid": "AAAA", "token": "open"},
    "accounts:reset": lambda world: {"uid": "AAAA", "token": "open"},
    "accounts:revoke_token": lambda world: {"token_id": world.team.id},
    "accounts:end_session": lambda world: {"device_id": _session_of_erin(world)},
    "accounts-api:end_session": lambda world: {"device_id": _session_of_erin(world)},
    "accounts:end_sessions": lambda world: {"person_id": world.users["erin"].id},
    "accounts-api:end_sessions": lambda world: {"person_id": world.users["erin"].id},
    "accounts:revoke_invitation": lambda world: {"person_id": world.users["erin"].id},
    "accounts-api:revoke_invitation": lambda world: {"person_id": world.users["erin"].id},
    "accounts-api:send_invitation": lambda world: {"person_id": world.users["erin"].id},
    "accounts:revoke_token_of": lambda world: {"token_id": world.team.id},
    "accounts-api:revoke_token": lambda world: {"token_id": world.team.id},
    "accounts-api:revoke_my_token": lambda world: {"token_id": world.team.id},
    "console:review_file": lambda world: {"table": "access"},
    "accounts:person": lambda world: {"person_id": world.users["erin"].id},
    "accounts:roles": lambda world: {"person_id": world.users["erin"].id},
    "accounts:team_roles": lambda world: {"person_id": world.users["erin"].id, "team": "crm"},
    "accounts:invite_again": lambda world: {"person_id": world.users["erin"].id},
    "accounts:deactivate": lambda world: {"person_id": world.users["erin"].id},
    "accounts:revoke_role": lambda world: {"person_id": world.users["erin"].id, "membership_id": _role_of_erin(world)},
    "accounts-api:deactivate": lambda world: {"person_id": world.users["erin"].id},
    "accounts-api:revoke_role": lambda world: {"membership_id": _role_of_erin(world)},
    "audit:*": lambda world: _audit(),
    "audit-api:*": lambda world: _audit(),
    "sources:dataset": lambda world: {"dataset_id": _crm(world).columns["leads.phone"].dataset_id},
    "sources:classify": lambda world: {"dataset_id": _crm(world).columns["leads.phone"].dataset_id},
    "sources:profile": lambda world: {"dataset_id": _crm(world).columns["leads.phone"].dataset_id},
    "sources:profile_again": lambda world: {"dataset_id": _crm(world).columns["leads.phone"].dataset_id},
    "sources:discovery": lambda world: {"discovery_id": _discovery(world)},
    "sources:test": lambda world: {"batch": _test(world)},
    "sources:propose": lambda world: {"batch": _test(world)},
    "sources:connection": lambda world: _connection(world),
    "sources:setup": lambda world: _connection(world),
    "sources:edit": lambda world: _connection(world),
    "sources:retest": lambda world: _connection(world),
    "sources:discover": lambda world: _connection(world),
    "sources-api:connection": lambda world: {"connection_id": _crm(world).connection.id},
    "sources-api:test": lambda world: {"connection_id": _crm(world).connection.id},
    "sources-api:discover": lambda world: {"connection_id": _crm(world).connection.id},
    "sources-api:test_result": lambda world: {"batch": _test(world)},
    "sources-api:discovery": lambda world: {"discovery_id": _discovery(world)},
    "sources-api:coverage": lambda world: {"connection_id": _crm(world).connection.id},
    "sources-api:profile": lambda world: _profiled(world),
    "sources-api:dataset": lambda world: {"dataset_id": _crm(world).columns["leads.phone"].dataset_id},
    "policies:policy": lambda world: _policy(world),
    "policies:edit": lambda world: _policy(world),
    "policies:versions": lambda world: _policy(world),
    "policies:why": lambda world: {"column_id": _crm(world).columns["leads.phone"].id, "zone": "analytics"},
    "policies-api:policy": lambda world: _policy(world),
    "policies-api:version": lambda world: {**_policy(world), "number": 1},
    "policies-api:why": lambda world: {"column_id": _crm(world).columns["leads.phone"].id, "zone": "analytics"},
    "pipelines:*": lambda world: _pipeline(world),
    "pipelines:result": lambda world: _checked(world),
    "pipelines:suite_export": lambda world: {**_pipeline(world), "stream": "customers"},
    "pipelines-api:*": lambda world: {**_pipeline(world), "stream": "customers"},
    "runs:*": lambda world: {"number": Shop.opened(world).published().number},
    "runs:new": lambda world: _pipeline(world),
    "runs-api:*": lambda world: {"number": Shop.opened(world).published().number},
    "changes:*": lambda world: {"number": _change(world)},
    "changes-api:*": lambda world: {"number": _change(world)},
    "incidents:*": lambda world: {"number": _incident(world)},
    "incidents-api:*": lambda world: {"number": _incident(world)},
    "retention:*": lambda world: _retention(world),
    "retention-api:*": lambda world: _retention(world),
    "alerts:new": lambda world: {"kind": "webhook"},
    "alerts:test": lambda world: {"test_id": _channel_test(world)},
    "alerts:propose": lambda world: {"test_id": _channel_test(world)},
    "alerts:edit": lambda world: {"slug": _channel(world)},
    "alerts:retest": lambda world: {"slug": _channel(world)},
    "alerts:switch_off": lambda world: {"slug": _channel(world)},
    "alerts:edit_route": lambda world: {"slug": _route(world)},
    "alerts:switch_off_route": lambda world: {"slug": _route(world)},
    "alerts:replay": lambda world: {"delivery_id": _dead_letter(world)},
    "alerts-api:test": lambda world: {"slug": _channel(world)},
    "alerts-api:test_result": lambda world: {"test_id": _channel_test(world)},
    "alerts-api:switch_off": lambda world: {"slug": _channel(world)},
    "alerts-api:switch_off_route": lambda world: {"slug": _route(world)},
    "alerts-api:replay": lambda world: {"delivery_id": _dead_letter(world)},
    "alerts:read": lambda world: {"notice_id": _notice(world)},
    "alerts-api:read": lambda world: {"notice_id": _notice(world)},
}

# What is posted, by view; nothing for the others.
BODIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "pipelines:check": lambda world: {"team": "crm"},
    "pipelines:tables": lambda world: {"team": "crm"},
    "pipelines-api:judge": lambda world: {"team": "crm", "proposal": {}},
    "incidents:resolve": lambda world: {"kind": "fixed", "resolution": "Mended."},
    "incidents-api:resolve": lambda world: {"kind": "fixed", "resolution": "Mended."},
    "incidents:comment": lambda world: {"text": "Seen."},
    "incidents-api:comment": lambda world: {"text": "Seen."},
    "incidents-api:assign": lambda world: {"person": None},
    "incidents-api:snooze": lambda world: {"until": "2000-01-01T00:00:00Z"},
    "keys-api:copied": lambda world: {"begins": {"extract": "00000000"}},
    "audit-api:exports": lambda world: {"format": "csv"},
    "runs-api:runs": lambda world: {"pipeline": str(Shop.opened(world).another("monthly").id)},
}


def _session_of_erin(world: World) -> object:
    return Device.objects.create(user=world.users["erin"], session_key="none", browser="Firefox on Linux").id


def _audit() -> dict[str, Any]:
    with transaction.atomic():
        event = audit.append(actor=system("test"), action="test.done", subject="test/1", summary="tested")
    asked = {"asked_by": "test", "filters": {"search": {}, "zone": "UTC"}, "until": event.id}
    export = Export.objects.create(format="csv", filter_text="every event", **asked)
    return {"event_id": event.id, "export_id": export.id, "walk_id": Walk.objects.create(asked_by="test").id}


def _role_of_erin(world: World) -> object:
    return Membership.objects.filter(user=world.users["erin"]).values_list("id", flat=True).first()


def _notice(world: World) -> object:
    return Notice.objects.create(user=world.users["alice"], sentence="Look here.", url="/profile/").id


def _channel(world: World) -> str:
    return webhook_channel().slug


def _channel_test(world: World) -> object:
    channel = webhook_channel()
    proposal = {"slug": channel.slug, "name": channel.name, "kind": "webhook", "definition": WEBHOOK}
    asked = {"requested_by": world.users["admin"], "proposal": proposal}
    return ChannelTest.objects.create(channel=channel, **asked).id


def _route(world: World) -> str:
    return alert_route(world.team).slug


def _dead_letter(world: World) -> object:
    made = Delivery.objects.create(user=world.users["bob"], subject_ref="x/1", subject="x", body="x", state="DEAD")
    return made.id


def _crm(world: World) -> Crm:
    return Crm.classified(world)


def _connection(world: World) -> dict[str, Any]:
    return {"team": "crm", "slug": _crm(world).connection.slug}


def _policy(world: World) -> dict[str, Any]:
    return {"team": "crm", "slug": _crm(world).activate(rule("phone", "pii.contact.phone", "token")).slug}


def _discovery(world: World) -> object:
    return Discovery.objects.create(connection=_crm(world).connection).id


def _profiled(world: World) -> dict[str, Any]:
    dataset = _crm(world).columns["leads.phone"].dataset
    body = {"rows": 0, "sampled": False, "at": "2026-01-01T00:00:00+00:00", "columns": []}
    Profile.objects.create(dataset=dataset, state=Profile.DONE, body=body)
    return {"dataset_id": dataset.id}


def _test(world: World) -> object:
    proposal = {"slug": "new", "name": "New", "kind": "postgresql", "definition": DEFINITION}
    made = ConnectionTest.objects.create(team=world.team, batch=uuid7(), purpose="read", proposal=proposal)
    return made.batch


def _pipeline(world: World) -> dict[str, Any]:
    Shop.opened(world)
    return {"team": "crm", "slug": "customer-360", "number": 1}


def _checked(world: World) -> dict[str, Any]:
    Shop.opened(world).published()
    return {"team": "crm", "slug": "customer-360", "stream": "customers", "check_id": "email-there"}


def _change(world: World) -> int:
    """Proposed by erin, so that none of those who ask is its author."""
    Shop.opened(world)
    text = {"format": 1, "rules": [{"name": "mails", "tag": "pii.contact.email", "treatment": {"kind": "drop"}}]}
    proposal = {"slug": "stricter", "name": "Stricter", "text": text}
    change = propose(
        actor=world.actor("erin"), kind="policy", team_id=world.team.id, proposal=proposal, reason="Because."
    )
    change.refresh_from_db()
    return change.number


def _retention(world: World) -> dict[str, Any]:
    crm = _crm(world)
    rule, dry_run = kept(crm.connection)
    dataset = crm.columns["leads.phone"].dataset
    hold = LegalHold.objects.create(
        team=world.team,
        connection_id=crm.connection.id,
        schema=dataset.schema,
        table=dataset.table,
        title="Case 7",
        reason="Because.",
        placed_by="test",
        placed_by_name="Test",
    )
    return {
        "team": "crm",
        "slug": rule.slug,
        "number": dry_run.number,
        "dataset_id": dataset.id,
        "hold_id": hold.id,
    }


def _incident(world: World) -> int:
    incident = Incident.objects.create(
        team=world.team,
        subject=f"pipeline/{Shop.opened(world).pipeline.id}",
        problem="run/failed",
        title="It failed",
        sentence="The run failed.",
        level="ERROR",
        last_ref="",
        last_at=now(),
    )
    incident.refresh_from_db()
    return incident.number


@dataclass(frozen=True)
class Row:
    """One address and verb with what each role gets."""

    view: str
    verb: str
    cells: dict[str, str]


def rows() -> list[Row]:
    """The table, parsed; raises ValueError for a line that is not complete."""
    found = []
    for line in TABLE.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        view, verb, *cells = line.split()
        if len(cells) != len(ROLES) or set(cells) - {"ok", "in", "no", "--"}:
            raise ValueError(f"This line of the matrix is not complete: {line}")
        found.append(Row(view, verb, dict(zip(ROLES, cells, strict=True))))
    return found


def arguments(view: str, names: Sequence[str], world: World) -> dict[str, Any]:
    """What fills these parts of a view's address in; KeyError where nobody has said."""
    if not names:
        return {}
    made = (ARGUMENTS.get(view) or ARGUMENTS[f"{view.partition(':')[0]}:*"])(world)
    return {name: made[name] for name in names}
