"""Files that are there as a whole or not at all."""

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Iterator, Union

from . import _environment

PathLike = Union[str, "os.PathLike[str]"]


@contextmanager
def atomic_write(path: PathLike, mode: str = "wb", encoding: str = "utf-8") -> Iterator[IO[Any]]:
    """Opens a file to be written anew; it takes its name only when the block ends without an error.

        with baton.atomic_write(baton.results_dir / "summary.json", "w") as file:
            json.dump(summary, file)

    Until then an old file of that name stays as it was; whoever dies in between leaves it so. `mode` is ``"wb"`` or
    ``"w"``. Missing directories are made. Two processes that write the same file do not mix; the later one wins.
    """
    if mode not in ("w", "wb"):
        raise ValueError("atomic_write() writes files anew: mode is 'w' or 'wb', not %r" % mode)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The thread's number is unique while it lives, and the same in every attempt: nothing piles up after kills.
    unfinished = target.parent / (".%s.%d.tmp" % (target.name, threading.get_native_id()))
    try:
        with open(str(unfinished), mode, encoding=None if "b" in mode else encoding) as file:
            yield file
            file.flush()
            _sync(file.fileno())
        os.replace(str(unfinished), str(target))
    except BaseException:
        _remove(unfinished)
        raise
    _sync_directory(target.parent)


def save(name: PathLike, writer: Union[bytes, Callable[[IO[bytes]], Any]]) -> Path:
    """Saves one file of the checkpoint, as a whole or not at all; returns its path.

    `name` is relative to the checkpoint directory. `writer` is the content itself, or gets a binary file to write to:

        baton.save("state.pt", lambda file: torch.save(state, file))

    What must fit together belongs in one file, or in one commit().
    """
    directory = _environment.checkpoint_dir()
    target = directory / name
    if os.path.commonpath([os.path.abspath(directory), os.path.abspath(target)]) != os.path.abspath(directory):
        raise ValueError(f"{name} is not in the checkpoint directory, and what is elsewhere is lost with the machine; atomic_write() writes anywhere")
    with atomic_write(target) as file:
        if callable(writer):
            writer(file)
        else:
            file.write(writer)
    return target


def _sync(descriptor: int) -> None:
    # Inside baton this disk goes away with the machine; the commit is what makes things last.
    if _environment.path("BATON_SOCKET") is None:
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no directories
    descriptor = os.open(str(directory), os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass  # not even made, perhaps; the error on its way out says more
