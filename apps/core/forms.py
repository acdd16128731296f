"""Glue between forms and the error tree."""

from __future__ import annotations

from django import forms

from apps.dataplane.errors import LockgateError


def bind_error(form: forms.BaseForm, error: LockgateError) -> None:
    """Show the error at its field, or above the form where the form has no such field."""
    sentence = f"{error.sentence} {error.remedy}".strip()
    form.add_error(error.field if error.field in form.fields else None, sentence)
