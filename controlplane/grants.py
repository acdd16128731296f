"""What each database role may do with each table: the one list; what is not in it is not allowed.

Governed tables (connections, classifications, policies, pipelines, memberships) are written by the applier alone.
Nobody may update or delete an audit event; only the notary numbers one. The web process reads the public half of
keys only.
"""

from __future__ import annotations

Grants = dict[str, str]

READ, ADD, KEEP = "SELECT", "SELECT INSERT", "SELECT INSERT UPDATE"
PUBLIC_KEYS = "SELECT(id, created_at, holder, purpose, domain, version, state, public)"
CHANGES = (
    "SELECT INSERT UPDATE(title, reason, sentence, risk, risk_reasons, approvals_needed, proposal, binding, "
    "binding_hash, exhibits, state, outcome, decided_at)"
)
PEOPLE = "SELECT(id, created_at, email, name, time_zone, is_active, is_service, activated_at, deactivated_at)"

_COMMON: Grants = {
    "django_migrations": READ,
    "django_content_type": READ,
    "core_processbeat": KEEP,
    "core_restoration": READ,
    "audit_event": ADD,
    "audit_eventdetail": ADD,
}
_GOVERNED = (
    "sources_connection",
    "sources_connectionversion",
    "sources_classification",
    "policies_policy",
    "policies_policyversion",
    "pipelines_pipeline",
    "pipelines_pipelineversion",
    "retention_retentionrule",
    "retention_retentionruleversion",
    "accounts_team",
    "accounts_membership",
)
_READS_DOMAIN: Grants = {
    "accounts_user": PEOPLE,
    "accounts_organisation": READ,
    "accounts_team": READ,
    "accounts_membership": READ,
    "keys_key": PUBLIC_KEYS,
    "sources_*": READ,
    "policies_*": READ,
    "pipelines_*": READ,
    "runs_*": READ,
    "quality_checkresult": READ,
    "lineage_edge": READ,
    "grants_legalhold": READ,
    "retention_*": READ,
}
_TELLS: Grants = {
    "core_job": KEEP,
    "incidents_incident": KEEP,
    "incidents_incidententry": ADD,
    "alerts_notice": ADD,
    "alerts_delivery": ADD,
}
_RUNS: Grants = {
    "runs_run": "SELECT UPDATE",
    "runs_step": "SELECT UPDATE",
    "runs_logline": ADD,
    "quality_checkresult": KEEP,
    "core_proposalwanted": ADD,
}

GRANTS: dict[str, Grants] = {
    "web": {
        **_COMMON,
        **_READS_DOMAIN,
        "django_session": "SELECT INSERT UPDATE DELETE",
        "axes_*": "SELECT INSERT UPDATE DELETE",
        "accounts_user": KEEP,
        "accounts_organisation": "SELECT INSERT",
        "accounts_membership": "SELECT UPDATE(revoked_at, revoked_by)",
        "accounts_apitoken": KEEP,
        "core_job": ADD,
        "core_answered": KEEP,
        "audit_sequenced": READ,
        "audit_export": ADD,
        "audit_walk": ADD,
        "accounts_device": KEEP,
        "keys_keyfile": "SELECT UPDATE(copied_begins, copied_at, copied_by)",
        "alerts_notice": KEEP,
        "alerts_delivery": ADD,
        "sources_connectiontest": ADD,
        "sources_discovery": ADD,
        "pipelines_pipeline": "SELECT UPDATE(paused_at, paused_reason, paused_by, next_due_at)",
        "runs_run": "SELECT INSERT UPDATE(state, sentence, remedy, ended_at)",
        "runs_step": ADD,
        "runs_logline": ADD,
        "runs_recall": ADD,
        "incidents_incident": "SELECT UPDATE",
        "incidents_incidententry": ADD,
        "grants_legalhold": ADD,
        "retention_retentionrule": "SELECT UPDATE(paused_at, next_due_at)",
        "retention_enforcement": ADD,
        "changes_change": CHANGES,
        # A verdict may be revised; which part somebody took may not.
        "changes_participant": "SELECT INSERT UPDATE(verdict, binding_hash, comment, at)",
        "changes_comment": ADD,
        "core_proposalwanted": ADD,
    },
    "worker": {
        **_COMMON,
        **_READS_DOMAIN,
        **_TELLS,
        **_RUNS,
        "keys_key": KEEP,
        "keys_keyfile": KEEP,
        "sources_dataset": KEEP,
        "sources_column": KEEP,
        "sources_discovery": "SELECT UPDATE",
        "sources_connectiontest": "SELECT UPDATE",
        "sources_profile": "SELECT UPDATE",
        "sources_difference": KEEP,
        "runs_part": ADD,
        "runs_quarantine": KEEP,
    },
    "gate": {**_COMMON, **_READS_DOMAIN, **_TELLS, **_RUNS},
    "publisher": {
        **_COMMON,
        **_READS_DOMAIN,
        **_TELLS,
        **_RUNS,
        "keys_key": KEEP,
        "keys_keyfile": KEEP,
        "sources_connectiontest": "SELECT UPDATE",
        "runs_fingerprint": KEEP,
        "runs_manifest": ADD,
        "runs_recall": "SELECT UPDATE",
        "runs_taint": ADD,
        "runs_recallmanifest": ADD,
        "retention_enforcement": "SELECT UPDATE",
        "lineage_edge": KEEP,
    },
    "general": {
        **_COMMON,
        "core_job": KEEP,
        "audit_sequenced": READ,
        "audit_export": "SELECT UPDATE",
        "audit_walk": "SELECT UPDATE",
        "accounts_user": READ,
        "accounts_organisation": READ,
        "alerts_delivery": "SELECT UPDATE",
        "keys_key": KEEP,
        "keys_keyfile": KEEP,
    },
    "scheduler": {
        **_COMMON,
        **_READS_DOMAIN,
        **_TELLS,
        "pipelines_pipeline": "SELECT UPDATE(next_due_at)",
        "retention_retentionrule": "SELECT UPDATE(next_due_at)",
        "retention_enforcement": KEEP,
        "runs_run": KEEP,
        "runs_recall": "SELECT UPDATE",
        "runs_step": KEEP,
        "runs_logline": ADD,
        "changes_change": "SELECT INSERT UPDATE(state, outcome, decided_at)",
        "changes_participant": ADD,
        "core_proposalwanted": "SELECT UPDATE",
        "sources_connectiontest": "SELECT UPDATE",
        "sources_discovery": KEEP,
        "sources_profile": "SELECT UPDATE",
    },
    "applier": {
        **_COMMON,
        **_READS_DOMAIN,
        **dict.fromkeys(_GOVERNED, KEEP),
        "retention_enforcement": ADD,
        "grants_legalhold": "SELECT UPDATE(released_at, release_change)",
        "sources_discovery": ADD,
        "sources_profile": "SELECT UPDATE(body)",
        "sources_difference": "SELECT UPDATE(settled_at, settled_by, settled_how)",
        "accounts_user": KEEP,
        "accounts_organisation": "SELECT INSERT UPDATE",
        "core_job": ADD,
        "alerts_notice": ADD,
        "alerts_delivery": ADD,
        "changes_change": "SELECT UPDATE(state, outcome, applied_at)",
        "changes_participant": READ,
    },
    "notary": {
        **_COMMON,
        "audit_sequenced": ADD,
        "keys_key": KEEP,
        "keys_keyfile": KEEP,
        "runs_manifest": READ,
        "runs_manifestsignature": ADD,
        "runs_recallmanifest": READ,
        "runs_recallsignature": ADD,
    },
}
