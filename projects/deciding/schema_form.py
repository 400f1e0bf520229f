"""A form made of a JSON Schema, with the present content in it.

Text, numbers, whole numbers, yes/no, choices, lists of text and lists of choices have a field of their own;
anything else is edited as JSON, so that nothing of the schema is ever left out. What the person did not
change is no edit. The service checks the whole content against the schema again: a field only helps to say it
well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.deciding.fields import field_for
from projects.deciding.properties import Property, Schema, properties, same

PREFIX = "content"


class ContentForm(forms.Form):
    """What an approver may edit. ``edits`` gives what was changed, in the types of the schema."""

    def __init__(self, schema: Schema | None, content: Mapping[str, Any], data: Any = None) -> None:
        self.content = content
        self.properties = properties(schema)
        super().__init__(data, prefix=PREFIX, label_suffix="")
        for each in self.properties:
            self.fields[each.name] = field_for(each, content)
        for name, field in self.fields.items():
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{PREFIX}-{name}_helptext"

    def clean(self) -> dict[str, Any]:
        """An emptied field means null where that is allowed, and nothing where nothing was."""
        super().clean()
        for each in self.properties:
            if each.name in self.cleaned_data and self.cleaned_data[each.name] in (None, "", []):
                self._clean_blank(each)
        return self.cleaned_data

    def edits(self) -> dict[str, Any]:
        """What the person changed. Only of a valid form."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in self.content or not same(self.content[name], value)
        }

    def _clean_blank(self, each: Property) -> None:
        if each.nullable:
            self.cleaned_data[each.name] = None
        elif self.content.get(each.name) is None:
            del self.cleaned_data[each.name]
        elif each.is_choice or each.type not in ("string", "array"):
            self.add_error(each.name, _("Give a value: this cannot be emptied."))
