"""A small installation for tests: PostgreSQL, broker and two waiting processes under the product's supervisor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from controlplane.embedded import broker, datadir, keyfiles, leftovers, postgres, supervisor, up
from controlplane.embedded.children import Spec
from controlplane.embedded.datadir import CannotStart
from controlplane.embedded.supervisor import Stopped, Supervisor
from controlplane.embedded.terminal import Terminal, fail

WAITS = "import time\nwhile True: time.sleep(1)"
# A pool's leader with one member, as a prefork worker is.
LEADS = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).wait()"


def main(root: Path) -> int:
    data = datadir.prepare(root)
    try:
        with datadir.held(data, url="http://127.0.0.1:1"):
            return serve(Supervisor(data, Terminal(data.logs / "supervisor.log")))
    except CannotStart as error:
        return fail(error.sentence)


def serve(keeper: Supervisor) -> int:
    data = keeper.data
    with keeper.signals():
        try:
            leftovers.end(data, postgres.clusters(data), keeper.terminal.say)
            os.environ[leftovers.MARK] = leftovers.new_mark(data)
            up._database(keeper, keyfiles.load(data, up.PASSWORDS))
            chosen = broker.choose(data, given="", fallback_url="postgresql://")
            keeper.start(
                [Spec("broker", chosen.command, supervisor.STOP_BROKER, up.plain_environment(), data.broker)],
                needed=True,
            )
            keeper.wait(chosen.answers, seconds=30, what="the broker did not answer")
            keeper.start([waiting("one", WAITS), waiting("pool", LEADS)])
            keeper.terminal.say("ready")
            keeper.serve()
        except Stopped:
            return 0
        except CannotStart as error:
            return fail(error.sentence)
        finally:
            keeper.stop()
    return 0


def waiting(name: str, program: str) -> Spec:
    return Spec(name, (sys.executable, "-c", program), supervisor.STOP_CONTROL, up.plain_environment())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
