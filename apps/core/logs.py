"""Log lines as JSON, with the ids of request, run and job, and without anything that looks like a credential."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")

_CREDENTIAL = re.compile(
    r"(?i)(://[^:/@\s]+:)[^@\s]+@"
    r"|((?:password|passwd|secret|token|authorization|api[_-]?key)['\"]?\s*[=:]\s*['\"]?)[^\s,'\"]+"
)


def redact(text: str) -> str:
    """The text with the password of any address and the value of any key named like a secret replaced."""
    return _CREDENTIAL.sub(lambda match: f"{match[1]}***@" if match[1] else f"{match[2]}***", text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; an exception is given by type and place, for its text may hold values of rows."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "request": request_id.get(),
            "run": run_id.get(),
            "job": job_id.get(),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = _places(record)
        return json.dumps({key: value for key, value in line.items() if value}, ensure_ascii=False)


def _places(record: logging.LogRecord) -> list[str]:
    trace = record.exc_info[2] if record.exc_info else None
    places = []
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-12:]
