"""The agent of ``docs/how-to/write-an-agent.md``, as it is written there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator_site.conf import BASE_DIR
from projects.models import Attempt, Step
from projects.services.contexts import idempotency_key
from tests.builders import drive, project_of, result, step

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(BASE_DIR) / "docs/how-to/write-an-agent.md"
ASKS = (
    "phases: [{{key: p, steps: [{{key: a, agent: quotes, params: {}, retry: {{max_attempts: 3, base: 0, cap: 0}}}}]}}]"
)


class Supplier:
    """What the example asks."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Any], str]] = []
        supplier = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                supplier.asked.append((wanted, self.headers["Idempotency-Key"]))
                self.send_response(404 if wanted["part"] == "none" else 200)
                body = json.dumps({"price": 7 * wanted["pieces"]}).encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    made = Supplier()
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    code = code.replace("https://supplier.example", f"http://127.0.0.1:{made.server.server_port}")
    exec(compile(code, str(PAGE), "exec"), {"__name__": "yourpackage.agents"})  # noqa: S102 our own page
    yield made
    made.server.shutdown()
    made.server.server_close()


def outcomes() -> list[str]:
    return list(Attempt.objects.order_by("number").values_list("outcome", flat=True))


def test_it_asks_with_the_key_of_the_step(supplier: Supplier) -> None:
    project = drive(project_of(ASKS.format("{part: bolt, pieces: 3}")))

    assert result(project, "a") == {"price": 21}
    assert supplier.asked == [({"part": "bolt", "pieces": 3}, idempotency_key(step(project, "a").pk))]


def test_what_cannot_be_had_is_asked_for_once(supplier: Supplier) -> None:
    project = drive(project_of(ASKS.format("{part: none}")))

    assert (project.state, outcomes()) == ("failed", ["failed"])
    assert "no part 'none'" in (Step.objects.get().error or {})["message"]


def test_parameters_that_do_not_fit_are_not_asked_for_at_all(supplier: Supplier) -> None:
    project = drive(project_of(ASKS.format("{pieces: 3}")))

    assert (project.state, outcomes(), supplier.asked) == ("failed", ["failed"], [])
    assert "part: Field required" in (Step.objects.get().error or {})["message"]
