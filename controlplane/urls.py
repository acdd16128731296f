"""Every address: the pages of each app, the API beneath /api/v1/<app>/, its schema and its documentation.

An app's `urls.py` has `app_name` and `urlpatterns`; its API stands in `api_urlpatterns`, named `<app>-api:<name>`.
"""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import TemplateView

from . import apidocs

APPS = (
    "console",
    "accounts",
    "audit",
    "keys",
    "alerts",
    "sources",
    "policies",
    "quality",
    "pipelines",
    "lineage",
    "incidents",
    "watch",
    "runs",
    "retention",
    "changes",
)


def _of(app: str) -> list[URLPattern | URLResolver]:
    try:
        urls = import_module(f"apps.{app}.urls")
    except ModuleNotFoundError as error:
        if error.name != f"apps.{app}.urls":
            raise
        return []  # An app without pages.
    api = getattr(urls, "api_urlpatterns", [])
    found: list[URLPattern | URLResolver] = [path("", include((urls.urlpatterns, app)))]
    return [path(f"api/v1/{app}/", include((api, f"{app}-api"))), *found] if api else found


urlpatterns = [
    *(pattern for app in APPS for pattern in _of(app)),
    path("api/v1/schema", apidocs.Schema.as_view(), name="api-schema"),
    path("api/docs/", apidocs.page, name="api-docs"),
]
if settings.DEBUG:
    styleguide = login_not_required(TemplateView.as_view(template_name="core/styleguide.html"))
    urlpatterns += [path("styleguide", styleguide, name="styleguide")]

if settings.LOCKGATE.demo:
    urlpatterns = [path("demo/", include("controlplane.demo.urls")), *urlpatterns]

handler400 = "controlplane.pages.bad_request"
handler403 = "controlplane.pages.forbidden"
handler404 = "controlplane.pages.not_found"
handler500 = "controlplane.pages.broken"
