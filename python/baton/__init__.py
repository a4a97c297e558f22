"""What a program needs to live through a preemption: read parameters, save, report, and know when to stop.

    import baton

    lr = baton.params.get("lr", 0.1)
    for step in range(first_step, 1000):
        ...
        baton.report(step=step, loss=loss)
        if step % 100 == 0 or baton.should_stop():
            baton.save("state.pt", lambda file: torch.save(state, file))
            baton.commit()
        if baton.should_stop():
            break

Nothing here needs baton to be there. Run the same script by hand, and checkpoints go to ``./checkpoint``,
results and metrics to ``./results``, and ``commit()`` does nothing. Nothing but the standard library is
imported, and importing has no side effect.
"""

from pathlib import Path as _Path
from typing import Any as _Any, List as _List

from . import _environment
from ._commit import CommitError, commit
from ._files import atomic_write, save
from ._metrics import report
from ._params import Params, params
from ._stop import notice, should_stop

__all__ = [
    "CommitError",
    "Params",
    "atomic_write",
    "attempt",
    "checkpoint_dir",
    "commit",
    "job",
    "notice",
    "params",
    "report",
    "results_dir",
    "save",
    "should_stop",
]

checkpoint_dir: _Path
"""Where to save: whatever is in it comes back after a preemption. Made on first use."""
results_dir: _Path
"""Where the outcome goes: comes back too, and is delivered at the end. Made on first use."""
job: str
"""The job's id; ``"local"`` outside baton."""
attempt: int
"""Which try at the job this is, from 1; a resumed job has a higher one. 1 outside baton."""


def __getattr__(name: str) -> _Any:
    # Read when asked for (PEP 562): directories are made only for a program that uses them, and the
    # environment may still change after the import.
    reader = _environment.READERS.get(name)
    if reader is None:
        raise AttributeError("module 'baton' has no attribute %r" % name)
    return reader()


def __dir__() -> _List[str]:
    return sorted(__all__)
