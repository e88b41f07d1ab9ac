"""A long line: relays TCP and holds every octet back for a while, at full bandwidth.

Usage: relay.py LISTEN TARGET DELAY, with ports on 127.0.0.1 and the one-way delay in seconds.

TCP's own handshake is part of a long line: the kernel at this end answers at once, so the
relay waits the three journeys of a handshake before it opens the other side.
"""

import asyncio
import contextlib
import socket
import sys

CHUNK = 1 << 18


async def journey(reader, writer, delay):
    """Carry one direction; order is kept, and the end arrives last."""
    loop = asyncio.get_running_loop()
    under_way = asyncio.Queue()
    arriving = asyncio.ensure_future(_arrive(under_way, writer))
    data = b"-"
    while data:
        try:
            data = await reader.read(CHUNK)
        except OSError:
            data = b""
        under_way.put_nowait((loop.time() + delay, data))
    await arriving


async def _arrive(under_way, writer):
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while True:
            due, data = await under_way.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


async def connected(near_reader, near_writer, target, delay):
    _no_delay(near_writer)
    await asyncio.sleep(3 * delay)
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target, limit=CHUNK)
    except OSError:
        near_writer.transport.abort()
        return
    _no_delay(far_writer)
    await asyncio.gather(
        journey(near_reader, far_writer, delay), journey(far_reader, near_writer, delay)
    )
    for writer in (near_writer, far_writer):
        writer.close()


def _no_delay(writer):
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def main(listen, target, delay):
    server = await asyncio.start_server(
        lambda reader, writer: connected(reader, writer, target, delay),
        "127.0.0.1",
        listen,
        limit=CHUNK,
        backlog=1000,
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
