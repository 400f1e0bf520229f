"""Whether a step may start under its budgets and its limit of concurrency, and what a raise makes of a budget.

Amounts are decimals to six places: tokens, the agents' currency, seconds or launches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)
MOST = Decimal(10**12)
"""The largest amount that is kept: nobody has so much, and the columns hold a hundred times of it."""
_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Account:
    """A budget as it stands, and what the step wants of it.

    ``reserved`` is the sum over attempts that run. ``asked``: people are being asked to raise it. ``refused_at`` is the
    soft limit that they last refused to raise, with their ``refusal`` in words.
    """

    id: int
    measure: str
    whose: str
    soft: Decimal | None
    hard: Decimal | None
    spent: Decimal
    reserved: Decimal
    wanted: Decimal
    raise_by: Decimal | None = None
    asked: bool = False
    refused_at: Decimal | None = None
    refusal: str = ""

    @property
    def title(self) -> str:
        """``cost of the project``."""
        return f"{self.measure} of {self.whose}"

    @property
    def asks(self) -> bool:
        """Whether its soft limit is one: where the hard limit is no higher, there is nothing to ask for."""
        return self.soft is not None and (self.hard is None or self.soft < self.hard)

    def passes(self, limit: Decimal | None, *, alone: bool = False) -> bool:
        """Whether the step would pass a limit; ``alone`` if nothing else were running.

        A step that says nothing of what it wants may start while anything at all is left.
        """
        if limit is None:
            return False
        before = self.spent if alone else self.spent + self.reserved
        return before >= limit if self.wanted == ZERO else before + self.wanted > limit

    @property
    def stays_refused(self) -> bool:
        """Whether people have refused what the step needs, and nobody has raised the limit since."""
        return self.refused_at is not None and self.soft is not None and self.soft <= self.refused_at


@dataclass(frozen=True, slots=True)
class Room:
    """It may start, with these amounts reserved by the id of the budget."""

    amounts: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """It waits until people have raised these budgets; those that nobody was asked about yet are ``new``."""

    accounts: tuple[Account, ...]

    @property
    def new(self) -> tuple[Account, ...]:
        """Those to ask about."""
        return tuple(account for account in self.accounts if not account.asked)


@dataclass(frozen=True, slots=True)
class Wait:
    """It waits until attempts that run have ended: their reservations leave too little of this budget."""

    account: Account


@dataclass(frozen=True, slots=True)
class Queue:
    """It waits for others of its concurrency key."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """It cannot start: it fails with this code, for this reason."""

    code: str
    reason: str


Verdict = Room | Ask | Wait | Queue | Refuse


@dataclass(frozen=True, slots=True)
class Line:
    """The steps of a concurrency key: how many run, and how many have been promised the next places."""

    key: str
    limit: int
    running: int
    promised: int = 0

    @property
    def places(self) -> int:
        """How many more may start."""
        return max(0, self.limit - self.running - self.promised)


def decide(accounts: Sequence[Account], line: Line | None = None) -> Verdict:
    """Whether a step may start.

    1. Above a hard limit even if all that runs used nothing: it never can. Refused by people: it may not.
    2. Above a soft limit: people are asked. What is reserved counts as spent here: people are slower than steps.
    3. Above a hard limit with what is reserved: what runs may use less than that, so it waits.
    4. Its key has no place free: it stands in line.
    """
    for account in accounts:
        if account.passes(account.hard, alone=True):
            return Refuse("budget_exhausted", exhausted(account))
    over = tuple(account for account in accounts if account.asks and account.passes(account.soft))
    for account in over:
        if account.stays_refused:
            return Refuse("budget_refused", refused(account))
    if over:
        return Ask(over)
    for account in accounts:
        if account.passes(account.hard):
            return Wait(account)
    if line is not None and line.places == 0:
        return Queue(line.key, line.limit)
    return Room(tuple((account.id, account.wanted) for account in accounts))


def exhausted(account: Account) -> str:
    """Why a step fails at a hard limit, and what a person can do."""
    return (
        f"The {account.title} is used up: {amount(account.spent)} of at most {amount(account.hard or ZERO)} are spent"
        f"{_wants(account)}. An operator may raise the limit, and try the step again."
    )


def refused(account: Account) -> str:
    """Why a step fails after people said no."""
    said = f": {account.refusal}" if account.refusal else ""
    return (
        f"A raise of the {account.title} above {amount(account.soft or ZERO)} was refused{said}. "
        "An operator may raise the limit, and try the step again."
    )


def _wants(account: Account) -> str:
    return f", and the step wants {amount(account.wanted)}" if account.wanted else ""


def proposal(account: Account) -> Decimal:
    """By how much to propose to raise the soft limit: what the blueprint says, else as much again as it is.

    At least as much as the step needs, so that a plain yes lets it go on.
    """
    soft = account.soft or ZERO
    usual = account.raise_by or soft
    needed = account.spent + account.reserved + account.wanted - soft
    found = max(usual, needed)
    if found > ZERO:
        return min(found, MOST)
    return account.hard - soft if account.hard is not None and account.hard > soft else Decimal(1)


def raised(
    soft: Decimal | None, hard: Decimal | None, by: Decimal, *, past_hard: bool
) -> tuple[Decimal | None, Decimal | None]:
    """The limits after a raise of the soft one; the hard one is raised by as much where it would lie below.

    That takes a person's word (``past_hard``): a deadline's yes, or one given beforehand, ends at the hard limit.
    """
    if soft is None:
        return soft, hard
    higher = min(soft + by, MOST)
    if hard is None or higher <= hard:
        return higher, hard
    return (higher, max(higher, min(hard + by, MOST))) if past_hard else (hard, hard)


def in_line(limits: Iterable[int], *, running: int, promised: int) -> tuple[int, ...]:
    """Who of those who wait may be promised a place now, by their place from 0; each has its own limit of the key."""
    going: list[int] = []
    for place, limit in enumerate(limits):
        if running + promised + len(going) < limit:
            going.append(place)
    return tuple(going)


def exact(value: float | int | str | Decimal) -> Decimal:
    """A measured or written amount as it is kept: not negative, six places, at most ``MOST``.

    What is no number at all (an agent may say anything) counts as nothing.
    """
    found = Decimal(str(value))
    if found.is_nan() or found <= ZERO:
        return ZERO
    return min(found, MOST).quantize(_PLACES)


def amount(value: Decimal) -> str:
    """An amount for people: ``12.5``, without zeros at its end."""
    return f"{value.normalize():,f}"
