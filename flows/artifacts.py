"""What a flow leaves in Prefect's UI: a table of counts, the last grid, the way to the report."""

from __future__ import annotations

import base64
import dataclasses
import io
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_link_artifact, create_table_artifact

from flows import status
from flows.orders import Order

_GRID_SIDE = 384  # px; the picture is kept in Prefect's database, as text


def counts(order: Order) -> None:
    """How many pictures have which fate."""
    table = [dataclasses.asdict(count) for count in status.counts(order.data, order.recipe)]
    description = f"Pictures of {order.recipe.name} by stage, status and reason"
    create_table_artifact(table, key="counts", description=description)


def run(folder: Path, report: Path) -> None:
    """The last sample grid and the report of the run in `folder`."""
    grids = sorted((folder / "samples").glob("*.png"))
    if grids:
        description = (
            f"{folder.name}: what the generator makes of the same noise, step {int(grids[-1].stem):,}"
        )
        create_image_artifact(_data_url(grids[-1]), key="sample-grid", description=description)
    create_link_artifact(report.as_uri(), link_text=f"{folder.name}/{report.name}", key="report")


def _data_url(picture: Path) -> str:
    from PIL import Image

    with Image.open(picture) as grid:
        grid.thumbnail((_GRID_SIDE, _GRID_SIDE))
        small = io.BytesIO()
        grid.convert("RGB").save(small, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"
