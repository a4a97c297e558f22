"""Metrics: one JSON object a line, appended."""

import json
import math
import os
from typing import Any, Dict, Optional

from . import _environment


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, (bool, int, float, str)) and hasattr(value, "item"):
        try:
            value = value.item()  # a NumPy scalar, or a tensor with one element
        except (TypeError, ValueError, RuntimeError):
            raise TypeError("metric %r has more than one element; report a single number" % name) from None
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError("metric %r is a %s; report a number, a truth value or a text" % (name, type(value).__name__))


def report(step: Optional[int] = None, **metrics: Any) -> None:
    """Appends one line of metrics: ``report(step=3, loss=0.2)`` → ``{"step": 3, "loss": 0.2}``.

    Values may be numbers, truth values, texts, None, and anything with an ``item()`` that gives one of these (NumPy
    scalars, tensors with one element). JSON knows no NaN and no infinity: they are written as the texts ``"NaN"``,
    ``"Infinity"`` and ``"-Infinity"`` (as in the JSON mapping of Protocol Buffers), so a loss that blows up stays visible.

    After a resume the metrics stand where the checkpoint stands: just go on reporting, and nothing is there twice.
    Lines of several threads and processes do not mix. Raises TypeError for other values, OSError when the disk is full.
    """
    line: Dict[str, Any] = {}
    if step is not None:
        line["step"] = _value("step", step)
    for name, value in metrics.items():
        line[name] = _value(name, value)
    if not line:
        return
    data = (json.dumps(line, allow_nan=False) + "\n").encode("utf-8")
    # One write on an append-only descriptor: the kernel puts it at the end as a whole.
    descriptor = os.open(str(_environment.metrics_file()), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        while data:
            data = data[os.write(descriptor, data):]  # a second round only when the disk is nearly full
    finally:
        os.close(descriptor)
