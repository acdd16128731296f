"""Pages about people."""

from .entry import locked_out

__all__ = ["locked_out"]
