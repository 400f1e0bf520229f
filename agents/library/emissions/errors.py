"""Why a table or a file of factors cannot be used, each with what its owner can do about it."""

from __future__ import annotations

from agents.errors import PermanentFailure


class TableUnusable(PermanentFailure):
    """The table of suppliers cannot be read as a whole; a single bad row never raises this."""

    code = "emissions_table_unusable"
    http_status = 422


class FactorsUnusable(PermanentFailure):
    """The file of emission factors breaks its schema."""

    code = "emissions_factors_unusable"
    http_status = 422


class ResultsDisagree(PermanentFailure):
    """Results of chunks do not fit together: totals, rows or digests contradict each other."""

    code = "emissions_results_disagree"
