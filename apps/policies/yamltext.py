"""Reads and writes the text of a policy as YAML: plain values only, bounded, no aliases, no surprises of YAML 1.1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from django.utils.translation import gettext as _

from apps.dataplane import treatments
from apps.dataplane.errors import Invalid
from apps.dataplane.policy import ANY, DEFAULT_DOMAIN, FORMAT, Rule, parse

LARGEST = 200 * 1024
DEEPEST = 12


class _Loader(yaml.SafeLoader):
    """Only true, false, null and whole numbers are more than text; aliases, tags and repeated keys are refused."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem=_("aliases are not allowed"), problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem=_("anchors are not allowed"), problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=_("this is nested too deeply"), problem_mark=event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if str(key.value) in seen:
                problem = _("%(name)s stands here twice") % {"name": key.value}
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=True)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:null|~|)\Z"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"(?:0|-?[1-9][0-9]{0,14})\Z"), list("-0123456789"))


class _Dumper(yaml.SafeDumper):
    """Lists stand indented beneath their name; what `_Loader` would not read as text is quoted."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Inline(dict):  # type: ignore[type-arg]
    """A mapping on one line."""


_Dumper.add_representer(
    _Inline, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)


def read(text: str) -> dict[str, Any]:
    """The document in a YAML (or JSON) text. Raises Invalid with the line at fault, for the form field `text`."""
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise Invalid(
            _("This text is larger than %(size)s KB.") % {"size": LARGEST // 1024},
            remedy=_("Split it into several policies."),
            field="text",
        )
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader that allows less
    except yaml.MarkedYAMLError as error:
        raise Invalid(_problem(error), remedy=_("Mend the text there."), field="text") from None
    except (yaml.YAMLError, ValueError):
        raise Invalid(_("This text holds a character that YAML does not allow."), field="text") from None
    if not isinstance(document, dict):
        raise Invalid(_("A policy is an object with `format` and `rules`."), field="text")
    return document


def _problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    named = {"line": mark.line + 1 if mark else 1, "problem": error.problem or _("it cannot be read")}
    return _("Line %(line)s: %(problem)s.") % named


def write(document: Mapping[str, Any]) -> str:
    """The text of a policy document, without what goes without saying."""
    return write_rules(parse(document))


def write_rules(rules: tuple[Rule, ...]) -> str:
    shown = {"format": FORMAT, "rules": [_entry(rule) for rule in rules]}
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def write_draft(document: Mapping[str, Any]) -> str:
    """The text of a document that need not be a policy yet."""
    rules = [{**entry, "treatment": _Inline(entry["treatment"])} for entry in document["rules"]]
    shown = {"format": FORMAT, "rules": rules}
    return yaml.dump(shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _entry(rule: Rule) -> dict[str, Any]:
    chosen = {"tag": rule.tag} if rule.tag else {"column": rule.column}
    spec = rule.treatment
    version = {"version": spec.version} if spec.version != 1 else {}
    domain = {"domain": rule.domain} if rule.domain != DEFAULT_DOMAIN or treatments.needs_key(spec) else {}
    treatment = _Inline({"kind": spec.kind, **spec.params, **version})
    purpose = {"purpose": rule.purpose} if rule.purpose != ANY else {}
    note = {"note": rule.note} if rule.note else {}
    return {"name": rule.name, **chosen, "zone": rule.zone, **purpose, "treatment": treatment, **domain, **note}
