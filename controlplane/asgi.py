"""The ASGI application that the web process serves; importing it begins the process's signs of life."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

application = get_asgi_application()

from apps.core import beats  # noqa: E402  needs Django to be set up

beats.start("web", role="web", locked=lambda: False)  # the web process holds no key that it could lack
