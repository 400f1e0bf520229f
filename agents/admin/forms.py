"""The forms of an agent: what registers one, and what may be changed of one later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.api.serializers import REGISTRABLE, capability_of
from agents.masking import mask_in
from agents.models import Agent
from agents.services import checking
from agents.services.descriptions import Description
from agents.states import AgentState
from agents.values import Location, TransportName
from orchestrator_site.errors import PhasegateError

_DESCRIBED = ("name", "version", "description", "service_type", "settings", "tags", "metadata")
_RECKONED = ("weight", "priority", "max_concurrency")


class Words(forms.CharField):
    """Words with commas between."""

    def prepare_value(self, value: Any) -> Any:
        """As a person writes them."""
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override] # words, and no text
        """The words, each once."""
        if isinstance(value, list | tuple):
            return list(map(str, value))
        return list(dict.fromkeys(word for part in str(value or "").split(",") if (word := part.strip())))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether they are other words than before."""
        return sorted(self.to_python(initial or [])) != sorted(self.to_python(data))


class Capabilities(forms.CharField):
    """Capabilities, one a line, each with its version after a colon."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override] # names with versions, and no text
        """From name to version. Raises ``ValidationError`` for one that stands twice."""
        pairs = [capability_of(line.strip()) for line in str(value or "").splitlines() if line.strip()]
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise forms.ValidationError(_("An agent offers one version of a capability: name each once."))
        return dict(pairs)


class AgentChangeForm(forms.ModelForm[Agent]):
    """What an operator may change."""

    tags = Words(
        required=False,
        label=gettext_lazy("tags"),
        help_text=gettext_lazy("With commas between."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    class Meta:
        model = Agent
        fields = ("description", "tags", "weight", "priority", "max_concurrency", "cost_per_call", "metadata")

    def clean(self) -> dict[str, Any]:
        """Refuse here what the service would refuse."""
        data: dict[str, Any] = super().clean() or {}
        for name in ("metadata", "settings"):
            if name in data:
                data[name] = {} if data[name] is None else data[name]
                if not isinstance(data[name], dict):
                    self.add_error(name, _("Give a JSON object."))
        if not self.errors:
            self._check(data)
        return data

    def _check(self, data: dict[str, Any]) -> None:
        try:
            checking.tags(data["tags"])
            checking.numbers(
                weight=data["weight"],
                cost_per_call=float(data["cost_per_call"]),
                max_concurrency=data["max_concurrency"],
            )
        except PhasegateError as error:
            self.add_error(None, error.message)


class AgentRegisterForm(AgentChangeForm):
    """A new agent."""

    transport = forms.ChoiceField(choices=[(name, meaning) for name, meaning in REGISTRABLE.items()])
    capabilities = Capabilities(
        required=False,
        label=gettext_lazy("capabilities"),
        help_text=gettext_lazy("One a line, with its version: pricing.quote:1.2.0"),
    )

    class Meta(AgentChangeForm.Meta):
        fields = (  # type: ignore[assignment] # more of them than to change
            *("name", "version", "description", "service_type", "transport", "settings", "tags"),
            *("region", "zone", "latitude", "longitude", "weight", "priority", "max_concurrency", "cost_per_call"),
            "metadata",
        )

    def validate_unique(self) -> None:
        """A name may be registered again where its agent is gone, and is refused where it lives."""
        name = self.cleaned_data.get("name")
        if Agent.objects.filter(name=name).exclude(state=AgentState.GONE).exists():
            self.add_error("name", _("There is an agent of this name: change it on its page, or take another."))

    def _get_validation_exclusions(self) -> set[str]:
        """Whose name is unique is asked above; the constraint of the table would refuse who comes back."""
        return {"name", *super()._get_validation_exclusions()}  # type: ignore[misc] # Django's, without a type

    def description(self) -> dict[str, Any]:
        """As the service takes it."""
        data = self.cleaned_data
        described = {name: data[name] for name in (*_DESCRIBED, *_RECKONED, "capabilities")}
        return described | {
            "transport": data["transport"],
            "cost_per_call": float(data["cost_per_call"]),
            "location": Location(data["region"], data["zone"], data["latitude"], data["longitude"]),
        }

    def _check(self, data: dict[str, Any]) -> None:
        if mask_in(data["settings"]):
            self.add_error("settings", _("*** stands for what is not shown: give the value, or its reference."))
            return
        try:
            described = self.description()
            Description(**described | {"transport": TransportName(data["transport"])}).checked()
        except PhasegateError as error:
            self.add_error(None, error.message)


def changed_values(form: forms.ModelForm[Agent], names: Iterable[str]) -> dict[str, Any]:
    """What a form has changed of the row; not what a browser says that it had shown."""
    return {name: form.cleaned_data[name] for name in names if form.cleaned_data[name] != form.initial.get(name)}
