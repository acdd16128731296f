"""The data plane: moves rows under a frozen plan. Plain Python over Arrow; no web framework, ORM or queue."""

__version__ = "0.1.0"
