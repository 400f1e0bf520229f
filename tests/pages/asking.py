"""Projects that ask people something, for the tests of pages."""

from __future__ import annotations

from typing import Any

from projects.models import Approval, Project
from tests.builders import agent_that, drive, open_approval, project_of

EVIL = "<b>Approved</b>\u202eyenom\u200b <script>alert(1)</script>"
FORM = """
                form:
                  type: object
                  required: [headline, budget]
                  properties:
                    headline: {type: string, title: Headline, maxLength: 40}
                    budget: {type: integer, minimum: 0, maximum: 900}
                    channel: {type: string, enum: [web, print]}
                    tags: {type: array, items: {type: string}}
                    press: {type: boolean}
                content: {headline: Calm, budget: 500, channel: web, tags: [a, b], press: true}
"""


def asking(*groups: str, approval: str = "", form: bool = False, gate: str = "", **options: Any) -> Project:
    """A project that waits for an approval by the groups; ``approval`` and ``gate`` are lines of YAML."""
    agent_that(lambda context: {"text": EVIL, "score": 0.4}, "author")
    agent_that(lambda context: context.params.get("say"), "echo")
    who = f"[{', '.join(groups)}]"
    quorum, edited = options.pop("quorum", 1), FORM if form else ""
    extra = "".join(f"\n                {line}" for line in approval.splitlines())
    return drive(
        project_of(
            f"""
        phases:
          - key: draft
            title: Drafting
            steps:
              - {{key: write, title: Write it, agent: author}}
            gate:
              {gate or "max_iterations: 1"}
              quality: [{{name: score, check: "results.write.score > 0.5", otherwise: review}}]
              approval:
                title: Approve the draft
                description: May this go out?
                approvers: {{groups: {who}, quorum: {quorum}}}
                evidence: {{Draft: "${{results.write.text}}", Score: "${{results.write.score}}"}}{extra}{edited}
          - key: publish
            title: Publishing
            steps:
              - {{key: out, agent: echo, params: {{say: "${{approvals.draft}}"}}}}
        """,
            **options,
        )
    )


def asked(project: Project) -> Approval:
    """What the project asks."""
    return open_approval(project)


def answer_to(approval: Approval, verdict: str = "approve", **fields: str) -> dict[str, str]:
    """What a browser sends that has the approval's page before it, form included."""
    from django.contrib.auth.models import AnonymousUser

    from projects.deciding.page import page_of

    page = page_of(approval, AnonymousUser())
    sent = {"verdict": verdict, "comment": "", "seen": page.digest, "seen_content": page.content_digest}
    for bound in page.form:
        value = bound.value()
        if value is True:
            sent[bound.html_name] = "on"
        elif value not in (None, False):
            sent[bound.html_name] = str(value)
    return sent | fields
