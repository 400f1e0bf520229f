from __future__ import annotations
import re, functools
from typing import Any, Mapping
import cel
from projects.blueprints.errors import ExpressionFailed

class Expression:
    def __init__(self, source: str) -> None:
        self.source = source
        self.program = cel.compile(source)
    def evaluate(self, context: Mapping[str, Any]) -> Any:
        plain = dict(context)
        keys = re.findall(r"results\.(\w+)", self.source)
        if keys:
            plain["results"] = {k: context["results"][k] for k in keys if k in context["results"]}
        else:
            plain.pop("results", None)
        try:
            return self.program.execute(plain)
        except Exception as e:
            raise ExpressionFailed(f"{self.source}: {e}") from None
    def check(self, context: Mapping[str, Any]) -> bool:
        v = self.evaluate(context)
        if not isinstance(v, bool):
            raise ExpressionFailed(f"{self.source} gave {v!r}, not true or false")
        return v

@functools.lru_cache(2000)
def compile_expression(source: str, roots: Any = None) -> Expression:
    return Expression(source)

def render(t: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(t, dict):
        return {k: render(v, context) for k, v in t.items()}
    if isinstance(t, (list, tuple)):
        return [render(v, context) for v in t]
    if isinstance(t, str) and "${" in t:
        m = re.fullmatch(r"\$\{([^}]*)\}", t)
        if m:
            return compile_expression(m[1]).evaluate(context)
        return re.sub(r"\$\{([^}]*)\}", lambda m: str(compile_expression(m[1]).evaluate(context)), t)
    return t
