"""Every library on the way reads the same place in the addresses of the embedded servers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dj_database_url
import psycopg
import pytest
import redis as client
from celery import Celery
from kombu import Connection

from orchestrator_site.embedded.addresses import addresses, redis_socket, socket_folder
from orchestrator_site.embedded.servers import running

PLAIN = Path("/srv/Phasegate/var")
ODD = [
    Path("/srv/a folder/var"),
    Path("/srv/" + "deep/" * 30 + "var"),
    Path("/srv/50%/var"),
    Path("/srv/a@b:c/var"),
    Path("/srv/größe/var"),
]


def test_sockets_stand_in_var() -> None:
    assert socket_folder(PLAIN) == PLAIN / "run"


@pytest.mark.parametrize("var", ODD)
def test_where_var_is_deep_or_oddly_named_the_sockets_stand_in_a_short_folder_of_its_own(var: Path) -> None:
    folder = socket_folder(var)
    assert len(str(folder / ".s.PGSQL.5432.lock")) < 100
    assert folder == socket_folder(var)
    assert folder != socket_folder(var / "other")


@pytest.mark.parametrize("var", [PLAIN, *ODD])
def test_every_library_reads_the_same_socket(var: Path) -> None:
    found = addresses(var)
    socket = str(redis_socket(var))
    database = dj_database_url.parse(found.database_url)
    assert (database["NAME"], database["USER"]) == ("phasegate", "postgres")
    assert database["OPTIONS"] == {"host": str(socket_folder(var))}
    results = Celery(backend=found.result_url).backend.connparams
    assert (results["path"], int(results["db"])) == (socket, 1)
    cache = client.ConnectionPool.from_url(found.cache_url).connection_kwargs
    assert (cache["path"], cache["db"]) == (socket, 2)


@pytest.mark.parametrize("name", ["var", "a folder, 50% & größe/var"])
def test_every_library_reaches_the_servers(empty_var: Path, made_var: Path, name: str) -> None:
    place = empty_var.parent / name
    place.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", made_var, place], check=True)
    found = addresses(place)
    with running(place):
        with psycopg.connect(found.database_url) as database:
            assert database.execute("SELECT current_database()").fetchone() == ("phasegate",)
        with Connection(found.broker_url) as broker:
            assert broker.default_channel.client.client_info()["db"] == 0
        with Celery(backend=found.result_url).backend.client as results:
            assert results.client_info()["db"] == 1
        with client.Redis.from_url(found.cache_url) as cache:
            assert cache.client_info()["db"] == 2
    assert not socket_folder(place).exists(), "which are found again to be stopped"
