"""Files of this machine, below folders that whoever runs Lockgate allows: CSV, JSON lines, Parquet and Excel."""

from apps.dataplane.connectors.base import Connector, Credentials

from . import form, roots
from .catalog import discover, sample
from .destination import inspect, positions
from .publisher import Publisher
from .reader import Reader
from .settings import FileSettings
from .steps import test

CONNECTOR = Connector(
    kind="files",
    label="Files",
    noun="files",
    settings=FileSettings,
    credentials=Credentials,
    uses_credentials=False,
    reads=True,
    writes=True,
    test=test,
    discover=discover,
    inspect=inspect,
    sample=sample,
    reader=Reader,
    publisher=Publisher,
    end_backends=lambda settings, credentials, pids: 0,
    positions=positions,
    modes=("replace",),
    consistency="each file as it is when it is read; one that changes meanwhile stops the run",
    describe=form.fields,
    document=form.document,
    values=form.values,
)

__all__ = [
    "CONNECTOR",
    "FileSettings",
    "Publisher",
    "Reader",
    "discover",
    "inspect",
    "positions",
    "roots",
    "sample",
    "test",
]
