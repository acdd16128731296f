"""Django's settings, all derived from `config.read()`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF

from . import config as _config
from .jobs import DEMO_JOBS, JOBS, QUEUE_OF_ROLE

LOCKGATE = _config.read()
LOCKGATE_JOBS = {**JOBS, **(DEMO_JOBS if LOCKGATE.demo else {})}
# What a demo adds to the frame and to the overview; nothing anywhere else.
LOCKGATE_DEMO = (
    {"frame": "controlplane.demo.panel.frame", "home": "controlplane.demo.panel.home"} if LOCKGATE.demo else {}
)
LOCKGATE_QUEUE = QUEUE_OF_ROLE.get(LOCKGATE.role, "")
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = LOCKGATE.secret_key or "only-for-commands-that-serve-nobody"
DEBUG = LOCKGATE.debug
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", urlsplit(LOCKGATE.url).hostname or "localhost"]
CSRF_TRUSTED_ORIGINS = [LOCKGATE.url]
ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "knox",
    "axes",
    "csp",
    "django_htmx",
    "apps.core",
    "apps.audit",
    "apps.accounts",
    "apps.keys",
    "apps.grants",
    "apps.alerts",
    "apps.sources",
    "apps.policies",
    "apps.quality",
    "apps.pipelines",
    "apps.lineage",
    "apps.incidents",
    "apps.watch",
    "apps.runs",
    "apps.retention",
    "apps.changes",
    "apps.console",
    "controlplane",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.core.middleware.RequestId",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.accounts.middleware.CurrentActor",
    "controlplane.middleware.Failures",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.console.context.shell",
            ],
            "builtins": ["apps.core.templatetags.ui"],
        },
    }
]
if DEBUG:
    TEMPLATES[0]["OPTIONS"].pop("loaders")  # type: ignore[attr-defined]
    TEMPLATES[0]["APP_DIRS"] = True

DATABASES = {"default": _config.database(LOCKGATE.database_url)} if LOCKGATE.database_url else {}
if DATABASES and LOCKGATE.role == "web":
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}  # type: ignore[index]
    # After a crash of the database every pooled connection would give somebody an error page first.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "console:home"

SESSION_COOKIE_NAME = "lockgate_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "lockgate_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "controlplane.pages.forged"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LOCKGATE.url.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 31_536_000 if LOCKGATE.url.startswith("https://") else 0
X_FRAME_OPTIONS = "DENY"
# A form of 200 checks has more fields than Django's thousand; the size of a request stays bounded.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Who signed in is in the audit log; a second record of it would only grow.
AXES_DISABLE_ACCESS_LOG = True
AXES_LOCKOUT_CALLABLE = "apps.accounts.views.locked_out"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# auth.W004: e-mail addresses are unique whatever their case, by the constraint one_person_per_email.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.authentication.TokenActor",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.openapi.Described",
    "EXCEPTION_HANDLER": "controlplane.problems.handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lockgate API",
    "DESCRIPTION": "Everything the pages do, for programs. Errors are RFC 9457 problem documents.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105  the name of a model
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False, "TOKEN_LIMIT_PER_USER": None}

CELERY_BROKER_URL = LOCKGATE.broker_url or "memory://"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A message is acknowledged when it arrives: the job's row is the truth, and an acknowledgement that fails because the
# broker has died meanwhile would fill the prefetch of one for ever.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "general"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Without a socket timeout a broker that hangs, instead of being dead, holds up whoever commits a job for ever.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 900,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "max_retries": 0,
        "socket_timeout": 5,
    }
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False

# An approved mail server first, then the one named here, then files in the data directory.
EMAIL_BACKEND = "apps.alerts.mailing.Backend"
EMAIL_FILE_PATH = LOCKGATE.data / "mail"
if LOCKGATE.mail_url:
    _mail = urlsplit(LOCKGATE.mail_url)
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or 25
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = LOCKGATE.mail_from

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "apps.core.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOCKGATE.log_level},
    "loggers": {"celery": {"level": "WARNING"}, "django.request": {"level": "ERROR"}, "axes": {"level": "ERROR"}},
}
