"""The experiment's parameters."""

import json
import os
from collections.abc import Mapping
from typing import Any, Dict, Iterator, Optional

from . import _environment

_PREFIX = "BATON_PARAM_"


def _scalar(text: str) -> Any:
    """``"0.1"`` → 0.1, ``"true"`` → True; anything that is no JSON scalar stays text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, (dict, list)) else value


def _read() -> Dict[str, Any]:
    file = _environment.path("BATON_PARAMS_FILE")
    if file is None:
        return {
            name[len(_PREFIX):].lower(): _scalar(text)
            for name, text in sorted(os.environ.items())
            if name.startswith(_PREFIX) and name != _PREFIX
        }
    values = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("%s: expected a JSON object with the parameters" % file)
    return values


class Params(Mapping):  # Mapping[str, Any] cannot be written as a base class in Python 3.8
    """A read-only mapping of the parameters, which are attributes too.

    ``params["lr"]``, ``params.lr`` and ``params.get("lr", 0.1)`` are the same thing. An attribute's ``_`` also
    stands for ``-``: ``params.learning_rate`` finds ``learning-rate``. Values have the types they were written with.

    Read on first use from ``$BATON_PARAMS_FILE``; outside baton from ``$BATON_PARAM_LR`` and the like, with
    names in lower case, so that ``BATON_PARAM_LR=0.3 python3 train.py`` works anywhere.
    """

    def __init__(self, values: Optional[Dict[str, Any]] = None) -> None:
        self.__dict__["_values"] = values

    def _all(self) -> Dict[str, Any]:
        values = self.__dict__["_values"]
        if values is None:
            values = self.__dict__["_values"] = _read()
        return values

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy, pickle and the like, which want no parameter
            raise AttributeError(name)
        values = self._all()
        for key in (name, name.replace("_", "-")):
            if key in values:
                return values[key]
        known = ", ".join(sorted(values)) or "none"
        raise AttributeError("there is no parameter %r (known: %s)" % (name, known))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("parameters are read-only; set %r in the spec, or with --set params.%s=…" % (name, name))

    def __repr__(self) -> str:
        return "Params(%r)" % self._all()


params = Params()
