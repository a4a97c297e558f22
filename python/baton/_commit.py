"""Asking the agent for a commit."""

import json
import socket
from typing import Optional

from . import _environment


class CommitError(RuntimeError):
    """No commit was made; the last one is still good, and the program may go on."""


def commit() -> Optional[str]:
    """Captures checkpoint, results and metrics now, together, and returns when they are durable.

    Returns the commit's id; None outside baton, where there is nothing to do. Do not write to the checkpoint or
    the results while it runs. Raises CommitError when it failed, with the reason (a full disk, a store that is out
    of reach): nothing is lost by that but the safety up to here, so catch it if going on is better than ending.
    """
    place = _environment.path("BATON_SOCKET")
    if place is None:
        return None
    try:
        answer = json.loads(_ask(str(place), b'{"op":"commit"}\n'))
    except OSError as error:
        raise CommitError("the agent cannot be reached at %s: %s" % (place, error)) from error
    except ValueError as error:
        raise CommitError("the agent went away before the commit was durable") from error
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        reason = answer.get("error") if isinstance(answer, dict) else None
        raise CommitError(str(reason or "the agent gave an answer that means nothing: %r" % (answer,)))
    return str(answer.get("commit"))


def _ask(place: str, request: bytes) -> str:
    """Sends one line and gives the line that comes back; what came until then if the other side hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(place)
        connection.sendall(request)
        answer = b""
        while not answer.endswith(b"\n"):
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    return answer.decode("utf-8")
