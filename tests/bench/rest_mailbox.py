"""What a REST mailbox costs through the gateway, in ratios; ours is the server, Dovecot the peer.

Usage: python -m tests.bench.rest_mailbox

One run takes a minute. Prints a Markdown table; nothing is asserted.
"""

import time

from tests.bench.http_mailboxes import (
    DRAINED,
    HUGE,
    MANY,
    PASSWORD,
    Counting,
    drained,
    far,
    letter,
)
from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway
from tests.support.mailbox_server import MailboxServer

COLD = {"upstream": {"warm": {"seconds": 0}}}


class Mailbox(MailboxServer):
    password = PASSWORD


def in_front(url, settings=None):
    return RunningGateway(url, settings=settings, workers=1)


def warm_login():
    counts, seconds = [], []
    with Mailbox() as server, Counting(server.host, server.port) as counting:
        for number in range(MANY):
            server.mail.deliver(letter(number, 300))
        with in_front(f"rest+http://127.0.0.1:{counting.port}", COLD) as gateway:
            for _ in range(4):
                counting.requests = 0
                start = time.monotonic()
                with gateway.login(server.user, PASSWORD, timeout=180) as client:
                    assert client.stat()[0] == MANY
                    seconds.append(time.monotonic() - start)
                    counts.append(counting.requests)
                    client.quit()
                time.sleep(0.2)  # the lock is given back behind the client's back
    return counts, seconds


def far_drains():
    """Seconds one by one, and read ahead."""
    took = []
    with Mailbox() as server, far(server.port) as port:
        for number in range(DRAINED):
            server.mail.deliver(letter(number, 4096))
        for ahead in (False, True):
            settings = {"upstream": {"http": {"prefetch": ahead}}}
            with in_front(f"rest+http://127.0.0.1:{port}", settings) as gateway:
                took.append(drained(gateway, server.user)[0])
                time.sleep(0.3)
    return took


def huge(url, user):
    """CPU milliseconds per MB, and MB of memory more than before."""
    with in_front(url) as gateway:
        before = gateway.memory()
        drained(gateway, user)
        runs = [drained(gateway, user) for _ in range(8)]
        more = gateway.memory() - before
    used, octets = sum(used for _, used, _ in runs), sum(octets for *_, octets in runs)
    return used / (octets / 1e6) * 1000, more / 1e6


def main():
    counts, seconds = warm_login()
    alone, ahead = far_drains()
    message = letter(1, HUGE)
    with Mailbox() as server, Dovecot() as dovecot:
        server.mail.deliver(message)
        dovecot.add_user("huge", PASSWORD)
        dovecot.deliver("huge", message)
        rest, rest_memory = huge(f"rest+{server.url}", server.user)
        imap, imap_memory = huge(f"imap://{dovecot.host}:{dovecot.port}", "huge")
    print("| what | figure | target |\n| --- | --- | --- |")
    print(f"| login to {MANY} messages, first | {counts[0]} requests, {seconds[0]:.2f} s | |")
    later, fastest = max(counts[1:]), min(seconds[1:])
    print(f"| the same, unchanged (with the lock) | {later} requests, {fastest:.3f} s | 3 |")
    print(f"| {DRAINED} x 4 KiB at 50 ms, one by one | {alone:.2f} s | |")
    print(f"| the same, asked for ahead | {ahead:.2f} s, {ahead / alone:.3f} | 0.1 |")
    print(f"| CPU per MB of 100 MiB, IMAP | {imap:.2f} ms | |")
    print(f"| the same, REST | {rest:.2f} ms, {rest / imap:.2f} | 1.5 |")
    print(f"| memory after it, IMAP | {imap_memory:.1f} MB more | |")
    print(f"| the same, REST | {rest_memory:.1f} MB more | |")


if __name__ == "__main__":
    main()
