"""Train in too little memory, then as the error says. Not a test itself: test_doctor.py runs it.

usage: starved_run.py NAME DATA MEGABYTES

The limit is on the data that this process may hold beyond what it has after a small run, so that the
allocator's own refusal is met.
"""

import resource
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch._dynamo  # what training loads late

from models.config import TrainConfig
from models.errors import ConfigError
from models.session import Session  # noqa: F401  (loaded before the limit is set)
from models.trainer import train

CONFIG = TrainConfig(steps=2, batch_size=1024, base_channels=32, device="cpu", precision="float32")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(replace(CONFIG, batch_size=2), sys.argv[1], Path(sys.argv[2]))
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    most = used + int(sys.argv[3]) * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        train(CONFIG, sys.argv[1], Path(sys.argv[2]))
    except ConfigError as error:
        print(error)
        fitting = int(str(error).rpartition("=")[2])
        done = train(replace(CONFIG, batch_size=fitting), sys.argv[1], Path(sys.argv[2]))
        print(done.pictures_seen)
