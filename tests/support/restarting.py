"""A world in which another process takes the place of one that is killed."""

from typing_extensions import override

from tests.support.world import World


class Restarting(World):
    """Started again at once, as often as it is killed."""

    @override
    def operate(self) -> None:
        super().operate()
        while self.operator.killed:
            self.start_operator()
            super().operate()
