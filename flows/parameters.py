"""The parameters of the flows, typed so that Prefect refuses a mistyped one before a run starts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from flows import overrides, sources
from flows.orders import Stage


def _check_keys(changes: dict[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        overrides.check(key, value)
    return changes


# A server checks the schema, a worker the function; numbered sources (source.0.limit) are left to the latter.
Overrides = Annotated[
    dict[str, Any],
    AfterValidator(_check_keys),
    Field(
        json_schema_extra={
            "propertyNames": {
                "if": {"not": {"pattern": r"^source\.\d+\."}},
                "then": {"enum": overrides.known_keys()},
            }
        }
    ),
]
SourceName = Annotated[str, Field(json_schema_extra={"enum": list(sources.offered())})]

NO_CHANGES: dict[str, Any] = {}
NO_STAGES: list[Stage] = []
