"""No module imports itself by way of others, not even inside a function."""

from __future__ import annotations

import graphlib

import grimp


def test_there_is_no_import_circle() -> None:
    graph = grimp.build_graph(
        "orchestrator_site", "projects", "agents", "sagas", exclude_type_checking_imports=True, cache_dir=None
    )
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    try:
        list(graphlib.TopologicalSorter(imports).static_order())
    except graphlib.CycleError as error:
        raise AssertionError(" → ".join(reversed(error.args[1]))) from None
