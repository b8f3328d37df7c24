"""`dlbook grade`: marks for a class. All of it is in `dlbook.grade`."""

from ..grade.command import options, run

__all__ = ["options", "run"]
