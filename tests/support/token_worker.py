"""One process that needs an account's access token, as a worker of the gateway does.

Usage: token_worker.py STORE ACCOUNT SECONDS; the store's key comes by ``STORE_KEY``. Prints
``ready``, waits for a line, and prints the token or the name of the failure.
"""

import os
import sys
from pathlib import Path

from pydantic import SecretStr
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred

from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.accounts.vault import Vault
from gateway.app.oauth import make_oauth
from gateway.errors import Failure
from gateway.telemetry import Emitter


async def work(path, account, seconds):
    store = Store(Path(path), Vault([SecretStr(os.environ["STORE_KEY"])]))
    emit = Emitter(lambda event, context: print(event.name(), file=sys.stderr, flush=True))
    runner = Runner(store.database, reactor)
    oauth = make_oauth(OAuthSettings(timeout=seconds), store, runner, reactor, emit)
    print("ready", flush=True)
    await threads.deferToThread(sys.stdin.readline)
    try:
        print((await oauth.keeper.token(account)).decode(), flush=True)
    except Failure as failure:
        print(type(failure).__name__, flush=True)
    await oauth.stop()
    runner.stop()
    store.close()


def main(path, account, seconds):
    done = Deferred.fromCoroutine(work(path, account, float(seconds)))
    done.addErrback(lambda reason: reason.printTraceback())
    done.addBoth(lambda _: reactor.stop())


if __name__ == "__main__":
    reactor.callWhenRunning(main, *sys.argv[1:])
    reactor.run()
