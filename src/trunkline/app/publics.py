"""Everything that is served without credentials, behind one door."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.api.public import Public, PublicAnswer, PublicRequest


class Publics:
    """Asks each of ``doors`` in turn; implements ``Public``."""

    def __init__(self, doors: Sequence[Public]) -> None:
        self._doors = tuple(doors)

    def claims(self, raw_path: bytes) -> bool:
        """Whether the path is one of theirs."""
        return any(door.claims(raw_path) for door in self._doors)

    async def answer(self, request: PublicRequest) -> PublicAnswer | None:
        """The answer of the first door that claims the path and has one."""
        raw_path = request.path.encode()
        for door in self._doors:
            if door.claims(raw_path) and (answer := await door.answer(request)) is not None:
                return answer
        return None
