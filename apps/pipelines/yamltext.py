"""A definition as YAML text, and back: nothing in it may do more than describe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from django.utils.translation import gettext as _

from apps.dataplane.errors import Invalid

LONGEST_YAML = 200_000


def as_yaml(held: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(held))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)


def from_yaml(text: str) -> dict[str, Any]:
    """The document in a YAML text. Raises Invalid, naming the line, for what is none."""
    if len(text) > LONGEST_YAML:
        raise Invalid(_("The text is longer than 200,000 characters."), field="definition")
    try:
        _refuse_aliases(text)
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        sentence = _("This is no YAML: line %(line)s, column %(column)s.") if mark else _("This is no YAML.")
        place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
        raise Invalid(sentence % place, field="definition") from error
    except (ValueError, RecursionError) as error:
        raise Invalid(_("A value in this YAML cannot be read."), field="definition") from error
    if not isinstance(found, dict):
        raise Invalid(_("A definition is a mapping that begins with `format: 1`."), field="definition")
    return found


def _refuse_aliases(text: str) -> None:
    """An alias can make a short text enormous, and a definition needs none."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Invalid(_("Aliases (*name) are not allowed in a definition."), field="definition")
