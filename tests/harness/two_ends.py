"""Divides the test files of a run between two processes, which start from opposite ends."""

from typing import Any

from xdist.scheduler import LoadFileScheduling


class FromBothEnds(LoadFileScheduling):
    """
    Gives the first process the files at the beginning and the others those at the end.

    The page waits and draws, models compute: one process of each kind at a time fills two cores, two that draw stand
    in each other's way. Where they meet they share what is left.
    """

    def _assign_work_unit(self, node: Any) -> None:
        if node is not self.nodes[0]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
