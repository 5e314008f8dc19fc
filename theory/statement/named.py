"""Things known by name: part of the statement of a problem. Quick to import: no numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["Named"]

T = TypeVar("T")


class Named(Mapping[str, T], Generic[T]):
    """Values under their names, each built when it is first asked for, and once.

    The names are at hand for a command line that starts without numpy and scipy; what a value is made of is imported
    by the function that builds it.

    Parameters
    ----------
    builders : dict of str to callable
        Each returns the value of its name.

    Examples
    --------
    >>> squares = Named({"two": lambda: 4})
    >>> list(squares), squares["two"]
    (['two'], 4)
    """

    def __init__(self, builders: dict[str, Callable[[], T]]) -> None:
        self._builders = builders
        self._built: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._built:
            value = self._builders[name]()
            self._built.setdefault(name, value)  # of two threads the first: some are told by identity
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._builders)

    def __len__(self) -> int:
        return len(self._builders)

    def __contains__(self, name: object) -> bool:
        return name in self._builders
