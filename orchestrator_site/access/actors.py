from dataclasses import dataclass
@dataclass(frozen=True)
class Actor:
    user_id: int | None
    name: str
    roles: frozenset = frozenset()
    via: str = "command"
    def may(self, verb: str) -> bool:
        return True
def system_actor() -> Actor:
    return Actor(None, "system")
def actor_of(user, via="test") -> Actor:
    return Actor(user.pk, f"user:{user.username}", via=via)
