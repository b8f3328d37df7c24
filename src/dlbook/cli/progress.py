"""`dlbook progress`: what a student has solved. All of it is in `dlbook.progress`."""

from ..progress import options, run

__all__ = ["options", "run"]
