"""The proof that somebody has copies of the key files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class Copied(forms.Form):
    """One field for each key file of which no copy is known: the beginning of the copy's SHA-256."""

    def __init__(self, *args: Any, holders: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for holder in holders:
            self.fields[holder] = forms.RegexField(
                r"^\s*[0-9A-Fa-f]{8}\s*$", label=f"{holder}.kek", required=False, max_length=20,
                error_messages={"invalid": _("These must be eight characters of 0 to 9 and a to f.")},
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
            )  # fmt: skip

    def given(self) -> dict[str, str]:
        """Call after `is_valid()`."""
        return {holder: typed for holder, typed in self.cleaned_data.items() if typed}
