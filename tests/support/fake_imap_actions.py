"""What can be laid at a stage of the fake IMAP server; see fake_imap.py for the list."""

from dataclasses import dataclass


class End(Exception):
    """The session is over."""


@dataclass
class Reply:
    """What will be sent: the data, and the tagged line."""

    tag: bytes
    data: bytes = b""
    status: bytes = b"OK done"
    sent_raw: bytes | None = None

    def octets(self):
        if self.sent_raw is not None:
            return self.sent_raw
        return self.data + self.tag + b" " + self.status + b"\r\n"


# Actions: called with (session, reply, carry_out); carry_out() fills the reply.


def octets_of(text):
    return text.encode() if isinstance(text, str) else text


def lines_of(lines):
    return b"".join(octets_of(line) + b"\r\n" for line in lines)


def answer(text):
    def act(session, reply, carry_out):
        reply.status = octets_of(text)

    return act


def after(text):
    def act(session, reply, carry_out):
        carry_out()
        reply.status = octets_of(text)

    return act


def say(*lines):
    def act(session, reply, carry_out):
        carry_out()
        reply.data = lines_of(lines) + reply.data

    return act


def say_after(*lines):
    def act(session, reply, carry_out):
        carry_out()
        reply.data += lines_of(lines)

    return act


def raw(octets):
    def act(session, reply, carry_out):
        reply.sent_raw = octets_of(octets)

    return act


def change(function):
    def act(session, reply, carry_out):
        carry_out()
        reply.sent_raw = function(reply.octets())

    return act


def cut(count, end=None):
    def act(session, reply, carry_out):
        carry_out()
        session.send(reply.octets()[:count])
        (end or close)(session, reply, carry_out)

    return act


def hang(session, reply, carry_out):
    while not session.server.stopping.wait(0.02) and not session.gone():
        pass
    raise End


def close(session, reply, carry_out):
    raise End


def reset(session, reply, carry_out):
    session.reset()
    raise End


def slow(count, delay):
    def act(session, reply, carry_out):
        carry_out()
        octets = reply.octets()
        for start in range(0, len(octets), count):
            session.send(octets[start : start + count])
            if session.server.stopping.wait(delay):
                raise End
        reply.sent_raw = b""

    return act


def do(function):
    def act(session, reply, carry_out):
        function(session.server)
        carry_out()

    return act


def then(*actions):
    def act(session, reply, carry_out):
        first, *rest = actions
        onward = carry_out if not rest else lambda: then(*rest)(session, reply, carry_out)
        first(session, reply, onward)

    return act
