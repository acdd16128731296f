"""The product's settings for tests: the database and data directory come from the fixtures."""

import os
import tempfile
from pathlib import Path

_data = Path(tempfile.mkdtemp(prefix="lockgate-test-"))
(_data / "secret").write_text("not-a-secret-only-for-tests")
os.environ.setdefault("LOCKGATE_DATA", str(_data))
os.environ.setdefault("LOCKGATE_ROLE", "owner")
os.environ.setdefault("LOCKGATE_SECRET_KEY_FILE", str(_data / "secret"))
os.environ.setdefault("LOCKGATE_DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/replaced_by_the_fixture")

from controlplane.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = "memory://"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
