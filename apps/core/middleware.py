"""Gives every request an id that stands in its answer, its log lines and its audit events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from .ids import uuid7
from .logs import request_id

Handler = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


class RequestId:
    """Sets `request.id`; pages differ for htmx, so caches are told."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if iscoroutinefunction(self.get_response):
            return self.later(request)
        self._begin(request)
        return self._end(request, self.get_response(request))  # type: ignore[arg-type]

    async def later(self, request: HttpRequest) -> HttpResponse:
        self._begin(request)
        return self._end(request, await self.get_response(request))  # type: ignore[misc]

    def _begin(self, request: HttpRequest) -> None:
        request.id = str(uuid7())  # type: ignore[attr-defined]
        request_id.set(request.id)  # type: ignore[attr-defined]

    def _end(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        patch_vary_headers(response, ["HX-Request"])
        return response
