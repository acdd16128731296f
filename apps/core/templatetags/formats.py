"""Numbers, sizes, durations and moments as people read them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext, ngettext

NOTHING = "—"
Number = int | float | Decimal
_STEPS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def number(value: Number | None) -> str:
    """1204118 → 1,204,118; decimals as given."""
    return NOTHING if value is None else f"{value:,}"


def compact(value: Number | None) -> str:
    """1234567 → 1.2 M; exact below ten thousand."""
    if value is None:
        return NOTHING
    if abs(float(value)) < 10_000:
        return number(value)
    size, unit = next(step for step in _STEPS if abs(float(value)) >= step[0])
    scaled = float(value) / size
    return f"{scaled:.0f} {unit}" if abs(scaled) >= 100 else f"{scaled:.1f} {unit}"


def file_size(value: Number | None) -> str:
    """Bytes in powers of 1024: 14890000 → 14.2 MiB."""
    if value is None:
        return NOTHING
    size, unit = float(value), 0
    while abs(size) >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def percent(ratio: Number | None) -> str:
    """0.984 → 98.4%; never rounds up to 100% what is less."""
    if ratio is None:
        return NOTHING
    value = float(ratio) * 100
    shown = 99.9 if 99.9 < value < 100 else round(value, 1)
    return f"{shown:.0f}%" if shown == int(shown) else f"{shown:.1f}%"


def duration(value: timedelta | Number | None) -> str:
    """Seconds → 0.4 s below ten, 03:12 below an hour, 1 h 04 min above, 2 d 3 h beyond a day."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    whole = int(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60:02d}:{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def relative(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, or ahead, in one unit."""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    if abs(seconds) < 45:
        return gettext("just now")
    span = _span(abs(seconds))
    return gettext("%(span)s ago") % {"span": span} if seconds > 0 else gettext("in %(span)s") % {"span": span}


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 60:
        return gettext("%(count)d min") % {"count": minutes}
    hours = round(seconds / 3600)
    if hours < 24:
        return gettext("%(count)d h") % {"count": hours}
    days = round(seconds / 86400)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def moment(value: datetime | date, style: str) -> str:
    """A moment in the active zone; style full, date, clock or relative."""
    if not isinstance(value, datetime):
        return value.isoformat()
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    if style == "relative":
        return relative(value)
    if style == "date":
        return local.strftime("%Y-%m-%d")
    if style == "clock":
        return local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"
    return local.strftime("%Y-%m-%d %H:%M:%S" if style == "seconds" else "%Y-%m-%d %H:%M")
