"""How TensorFlow adds: fast, and with one thread, since two add in another order than one."""

from __future__ import annotations

import os

__all__ = ["use_one_thread"]

ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""What TensorFlow reads when it starts."""


def use_one_thread() -> None:
    """Set :data:`ENVIRONMENT` for this process and those that it starts, before TensorFlow is imported."""
    os.environ |= ENVIRONMENT
