"""What is known of a run's course: metrics.parquet, a row per logging interval, and TensorBoard's events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.files import publish
from models.trackers import Trackers

_NUMBERS = (
    "loss_d loss_g score_real score_fake accuracy_real accuracy_fake kid fid lr_g lr_d augment_p".split()
)
_LATER = ("loss_projected", "precision", "recall")  # at the end, for people count columns
SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        pa.field("pictures_seen", pa.int64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in _NUMBERS),
        pa.field("event", pa.string()),
        pa.field("evaluation_seconds", pa.float64()),
        *(pa.field(name, pa.float64()) for name in _LATER),
    ]
)


class Metrics:
    """The rows of metrics.parquet up to `step`; what was logged after it belongs to a lost future."""

    def __init__(self, path: Path, step: int, trackers: Trackers) -> None:
        self._path, self._trackers = path, trackers
        self.table = pq.read_table(path) if path.exists() else SCHEMA.empty_table()
        self._go_to(step)

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: the run goes back there."""
        self._events.close()
        self._go_to(step)

    def _go_to(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.table = self.table.filter(pc.less_equal(self.table["step"], step))
        self._events = SummaryWriter(str(self._path.parent), purge_step=step + 1)

    def add(self, row: dict[str, Any]) -> None:
        """Append a row (columns left out are null) and publish the whole."""
        full = {name: row.get(name) for name in SCHEMA.names}
        self.table = pa.concat_tables([self.table, pa.Table.from_pylist([full], SCHEMA)]).combine_chunks()
        publish(self._path, lambda part: pq.write_table(self.table, part, compression="zstd"))
        for name in (*_NUMBERS, *_LATER):
            if row.get(name) is not None:
                self._events.add_scalar(name, row[name], row["step"])
        if row.get("event") is None:
            figures = {name: row.get(name) for name in ("pictures_seen", *_NUMBERS, *_LATER)}
            self._trackers.log(figures, row["step"])

    def add_figures(self, row: dict[str, Any]) -> None:
        """Put figures into the row of their step, which is a new one unless that step was just logged."""
        last = self.table.slice(max(0, len(self.table) - 1)).to_pylist()
        if last and last[0]["step"] == row["step"] and last[0]["event"] is None:
            self.table = self.table.slice(0, len(self.table) - 1)
            row = {**last[0], **row}
        self.add(row)

    def add_event(self, row: dict[str, Any]) -> None:
        """Append a row that says what happened, unless it is told already."""
        if row["event"] not in self.table["event"].to_pylist():
            self.add(row)
        self._events.add_text("event", row["event"], row["step"])

    def add_picture(self, name: str, picture_HWC: NDArray[np.uint8], step: int) -> None:
        self._events.add_image(name, picture_HWC, step, dataformats="HWC")

    def last(self, column: str) -> float | None:
        """The latest value of a column, None before there is one."""
        known = self.table[column].drop_null()
        value: float | None = known[-1].as_py() if len(known) else None
        return value

    def last_means(self) -> dict[str, Any]:
        """The latest row that holds losses; empty before there is one."""
        rows = self.table.filter(self.table["loss_d"].is_valid())
        row: dict[str, Any] = rows.slice(len(rows) - 1).to_pylist()[0] if len(rows) else {}
        return row

    def close(self) -> None:
        self._events.close()
        self._trackers.close()
