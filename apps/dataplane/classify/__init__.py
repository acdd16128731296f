"""What a column seems to hold: suggestions for a steward, from its name and a sample, never telling a value."""

from .shapes import shape, shapes
from .suggesting import Suggestion, suggest
from .tags import NONE, TAGS

__all__ = ["NONE", "TAGS", "Suggestion", "shape", "shapes", "suggest"]
