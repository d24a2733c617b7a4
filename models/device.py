"""Where and in what precision a run computes."""

from __future__ import annotations

import ctypes
import sys

import torch

from models.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device a recipe names; `auto` takes the fastest there is."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(one for one, available in there.items() if available)
    elif not there[name]:
        raise ConfigError("train.device", name, "this machine has none that torch can use; use auto")
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")  # TF32
    if name == "cpu":
        _keep_freed_memory()
    return torch.device(name)


def _keep_freed_memory() -> None:
    """Let the C library keep what is freed: each step asks for as much again, and new pages are dear."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # glibc's, by the numbers of its malloc.h
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 64 << 20)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """bfloat16 where `auto` finds it in the hardware (elsewhere it is emulated and slower), else float32."""
    if name == "bf16" or (name == "auto" and _has_bf16(device)):
        return torch.bfloat16
    return torch.float32


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(can.get("amx_bf16") or can.get("avx512_bf16"))
