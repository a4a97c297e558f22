"""Knowing that the machine will be taken away."""

import json
import os
import signal
import threading
from types import FrameType
from typing import Any, Dict, Optional

from . import _environment


class _State:
    signalled = False  # SIGTERM came
    listening = False  # our handler was put in place, or the program has its own


_forking = threading.local()  # mask: what the thread that forks had blocked before


def _on_sigterm(_number: int, _frame: Optional[FrameType]) -> None:
    _State.signalled = True


# A forked worker would otherwise shrug off the SIGTERM that ends it (Process.terminate()). The signal is blocked
# around the fork, so that none is lost between the fork and the return to the default.
def _before_fork() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _after_fork_in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _after_fork_in_child() -> None:
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _listen() -> None:
    """Keeps SIGTERM, which comes with a notice, from killing a program that has promised to look for itself."""
    if _State.listening or threading.current_thread() is not threading.main_thread():
        return  # Python sets signal handlers in the main thread only
    _State.listening = True
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # a handler of the program's own stays
        signal.signal(signal.SIGTERM, _on_sigterm)
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(
                before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
            )


def should_stop() -> bool:
    """True as soon as this machine will be taken away, or the job is to end: save, and leave.

    Costs about a microsecond; call it as often as you like, in the main thread at least once and early: the first call
    also keeps SIGTERM from ending the program at once, unless the program handles that signal itself.
    Outside baton it becomes true on SIGTERM alone, which makes it work under Slurm and friends.
    """
    _listen()
    file = _environment.path("BATON_PREEMPT_FILE")
    return _State.signalled or (file is not None and file.exists())


def notice() -> Optional[Dict[str, Any]]:
    """What is known of the notice, or None when there is none.

    Keys, each of which may be missing: ``source`` and ``reason`` (texts), ``deadline_in_ms`` (milliseconds that were left when
    the notice came), ``deadline`` (the same as a time of day, UTC). Commands and time-outs that end the job count as notices, too.
    """
    if not should_stop():
        return None
    file = _environment.path("BATON_PREEMPT_FILE")
    try:
        told = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        told = {}  # a file made by hand with touch(1), or a signal without a file
    return told if isinstance(told, dict) else {}
