"""The fault matrix as one command: every scenario, so many rounds, one table.

    python -m tests.faults.matrix [--rounds N] [--jobs N] [--only TEXT]... [--seed S] [--json FILE] [--quick] [--list]

With ``--jobs`` so many sites are broken side by side, each with servers of its own: most of a round is waiting. It
exits with 1 on any violation. ``--serve`` is for the tests: addresses of scenarios come in by lines, results go out.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.arena import Arena
    from tests.faults.rounds import Scenario


IDLE = "did not happen"
TRIES = 4


@dataclass
class Result:
    """What the rounds of one scenario came to; ``again`` counts those in which the fault did not come about, and that
    were played again."""

    scenario: str
    moment: str
    rounds: int = 0
    fired: int = 0
    seconds: list[float] = field(default_factory=list)
    again: int = 0
    violations: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    note: str = ""
    logs: str = ""

    def of_share(self, share: float) -> float | None:
        """The recovery that so large a share of the rounds stayed within."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def prepare(folder: Path) -> None:
    """Have Django look at the arena's own servers; before anything of the product is imported."""
    from tests.faults import quick

    for name in list(os.environ):
        if name in ("DATABASE_URL", "BROKER_URL", "RESULT_URL", "CACHE_URL") or name.startswith("PHASEGATE_"):
            del os.environ[name]
    os.environ.update(quick.QUICK, PHASEGATE_VAR_DIR=str(folder), DJANGO_SETTINGS_MODULE="orchestrator_site.settings")
    import django

    django.setup()


@contextlib.contextmanager
def arena() -> Iterator[Arena]:
    """A whole site of our own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="phasegate-faults-"))
    prepare(folder)
    from tests.faults.arena import Arena

    try:
        made = Arena(folder)
        try:
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(arena: Arena, scenario: Scenario, result: Result, seed: int) -> None:
    """One round: steady, broken, recovered, steady again; everything that does not hold is noted in the result."""
    from tests.faults.arena import Unsteady
    from tests.faults.rounds import Broken, Round

    round_ = Round(arena, scenario, seed)
    result.rounds += 1
    result.seeds.append(seed)
    found: list[str] = []
    try:
        arena.wanted = arena.wanted | {"web"} if scenario.web else arena.wanted - {"web"}
        arena.heal()
        arena.steady()
        try:
            scenario.inject(round_)
            _wait_for_the_end(round_)
        except (Unsteady, Broken) as error:
            found += error.found if isinstance(error, Broken) else [f"I1 {error}"]
        ended = time.monotonic()
        round_.count_armed()
        if not round_.fired:
            found.append(f"the fault {IDLE}: the round proves nothing")
        elif not found and round_.broken_at is not None:
            result.seconds.append(max(0.0, ended - round_.broken_at))
        found += _what_does_not_hold(round_)
        arena.heal()
        arena.steady()
        found += arena.leaks()
    except Unsteady as error:
        found.append(str(error))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        found.append(f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}")
    result.fired += round_.fired
    result.violations += [f"seed {seed}: {each}" for each in found]
    if found:
        result.logs = arena.site.log()


def _wait_for_the_end(round_: Any) -> None:
    scenario = round_.scenario
    until = time.monotonic() + scenario.within
    while not all(round_.arena.look(project).is_over for project in round_.projects):
        round_.look_after(until, f"not over {scenario.within:g} s after it broke: {_standing(round_)}")


def _standing(round_: Any) -> str:
    from projects.models import Step

    steps = Step.objects.filter(project__in=round_.projects).exclude(state__in=("completed", "skipped"))
    return ", ".join(
        f"{step.key} {step.state} attempt {step.attempt} sent {step.published_at} lease {step.lease_until}"
        for step in steps[:8]
    )


def _what_does_not_hold(round_: Any) -> list[str]:
    from tests.faults.arena import patiently
    from tests.faults.invariants import violations

    found = []
    for project in round_.projects:
        found += patiently(lambda project=project: violations(project, round_.arena.effects))
        state = round_.arena.look(project).state
        if round_.scenario.ends and state != round_.scenario.ends:
            found.append(f"I16 the project is {state} and was to be {round_.scenario.ends}")
    return found + (list(round_.scenario.expect(round_)) if round_.fired else [])


def seeds_of(seed: int, address: str, rounds: int) -> list[int]:
    """The seeds of a scenario's rounds, the same whichever scenarios run beside it."""
    rng = random.Random(f"{seed} {address}")
    return [rng.getrandbits(32) for _ in range(rounds)]


def play(arena: Arena, scenario: Scenario, seeds: Sequence[int]) -> Result:
    """A scenario's rounds."""
    result = Result(scenario.name, scenario.moment.replace("_", " "))
    if scenario.skipped:
        result.note = f"skipped: {scenario.skipped}"
        return result
    for seed in seeds:
        _play_round(arena, scenario, result, seed)
    if scenario.xfail:
        result.note = f"known: {scenario.xfail}"
    return result


def _play_round(arena: Arena, scenario: Scenario, result: Result, seed: int) -> None:
    """A round, and the same again where its fault did not come about: on a busy machine steps are not batched, and what
    is timed comes too late. That is said only if it stays so."""
    for place in range(TRIES):
        before = len(result.violations)
        run(arena, scenario, result, seed + place)
        found = result.violations[before:]
        if not found or not all(IDLE in each for each in found) or place == TRIES - 1:
            return
        del result.violations[before:]
        result.again += 1


def table(results: Sequence[Result]) -> str:
    """The table that is printed and published."""
    lines = [
        "| fault | moment | rounds | fired | recovered p50 | p95 | max | violations |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [row(result) for result in results]
    return "\n".join(lines)


def row(result: Result) -> str:
    """One line of it."""
    figures = [f"{value:.1f} s" if value is not None else "" for value in map(result.of_share, (0.5, 0.95, 1.0))]
    last = result.note if result.note.startswith("skipped") else str(len(result.violations))
    if result.note.startswith("known") and result.violations:
        last += f" ({result.note})"
    cells = [result.scenario, result.moment, str(result.rounds), str(result.fired), *figures, last]
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each scenario (1)")
    parser.add_argument("--jobs", type=int, default=1, help="sites that are broken side by side (1)")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="scenarios whose name holds it")
    parser.add_argument("--quick", action="store_true", help="only those that run with every test run")
    parser.add_argument("--seed", type=int, help="what all random choices follow from; printed")
    parser.add_argument("--round-seed", type=int, help="one round with the seed that a violation named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    seed = given.seed if given.seed is not None else random.SystemRandom().getrandbits(32)
    if given.jobs > 1 and not (given.serve or given.list):
        return _report(_side_by_side(given, seed), given, seed)
    with arena() as made:
        from tests.faults.scenarios import SCENARIOS

        if given.serve:
            return _serve(made)
        chosen = [s for s in SCENARIOS if _chosen(s, given.only, quick=given.quick)]
        if given.list:
            _say(*(f"{scenario.address}{' *' if scenario.quick else ''}" for scenario in chosen))
            return 0
        return _report((play(made, each, _seeds(given, seed, each.address)) for each in chosen), given, seed)


def _report(results: Iterable[Result], given: argparse.Namespace, seed: int) -> int:
    """Print each result as it comes, and the sum in the end; the exit status."""
    _say(f"seed {seed}", *table([]).splitlines())
    come: list[Result] = []
    for result in results:
        come.append(result)
        _say(row(result), *(f"    {violation}" for violation in result.violations))
        if result.violations and not result.note.startswith("known"):
            _keep(result)
        if given.json:
            given.json.write_text(json.dumps([dataclasses.asdict(each) for each in come], indent=1))
    bad = sum(len(result.violations) for result in come if not result.note.startswith("known"))
    rounds = sum(result.rounds for result in come)
    fired = sum(result.fired for result in come)
    again = sum(result.again for result in come)
    _say("", f"{len(come)} scenarios, {rounds} rounds, {again} of them idle and played again, {fired} faults")
    _say(f"{bad} violations; seed {seed}")
    return 1 if bad else 0


def _side_by_side(given: argparse.Namespace, seed: int) -> Iterator[Result]:
    """The same by several processes, each with a site of its own; results come as they are had."""
    listed = subprocess.run([*_ITSELF, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    addresses = [line.removesuffix(" *") for line in listed.splitlines() if line.endswith(" *") or not given.quick]
    wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
    for address in addresses:
        if not given.only or any(text.lower() in address.lower() for text in given.only):
            wanted.put(address)
    come: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
    for _ in range(given.jobs):
        threading.Thread(target=_have_played, args=(wanted, come, given, seed), daemon=True).start()
    for _ in range(given.jobs):
        while (result := come.get()) is not None:
            yield result


def _have_played(
    wanted: queue.SimpleQueue[str], come: queue.SimpleQueue[Result | None], given: argparse.Namespace, seed: int
) -> None:
    """Have one process play what nobody plays yet, until nothing is left."""
    try:
        with subprocess.Popen(
            [*_ITSELF, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as served:
            assert served.stdin is not None
            assert served.stdout is not None
            served.stdout.readline()
            while True:
                address = wanted.get_nowait()
                asked = {"scenario": address, "seeds": _seeds(given, seed, address)}
                served.stdin.write(json.dumps(asked) + "\n")
                served.stdin.flush()
                line = served.stdout.readline()
                if not line:
                    come.put(Result(address, "", violations=["its process died"]))
                    return
                come.put(Result(**json.loads(line)))
    except queue.Empty:
        pass
    finally:
        come.put(None)


_ITSELF = (sys.executable, "-m", "tests.faults.matrix")


def _seeds(given: argparse.Namespace, seed: int, address: str) -> list[int]:
    return seeds_of(seed, address, given.rounds) if given.round_seed is None else [given.round_seed]


def _chosen(scenario: Scenario, only: Sequence[str], *, quick: bool) -> bool:
    return (scenario.quick or not quick) and (
        not only or any(text.lower() in scenario.address.lower() for text in only)
    )


def _keep(result: Result) -> None:
    """What the processes said, for whoever looks into a violation."""
    log = Path(tempfile.gettempdir()) / f"phasegate-faults-{os.getpid()}.log"
    with log.open("a") as file:
        file.write(f"=== {result.scenario}, {result.moment}\n" + "\n".join(result.violations) + f"\n{result.logs}\n")
    _say(f"    logs: {log}")


def _serve(made: Arena) -> int:
    """Play scenarios named on lines of standard input; each result is a line of JSON."""
    from tests.faults.scenarios import SCENARIOS

    by_address = {scenario.address: scenario for scenario in SCENARIOS}
    _say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        result = play(made, by_address[asked["scenario"]], asked["seeds"])
        _say(json.dumps(dataclasses.asdict(result)))
    return 0


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
