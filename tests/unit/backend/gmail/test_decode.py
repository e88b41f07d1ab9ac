import base64
import json

import pytest

from gateway.backend.gmail.decode import RawMessage
from gateway.backend.http.decode import Undecodable

MESSAGE = b"Subject: x\n\n.\r\n..\nlast \xff\xfe\r\nend"


def answer(octets, **more):
    raw = base64.urlsafe_b64encode(octets).decode()
    return json.dumps({"id": "1", "snippet": '"raw": "', "raw": raw, **more}, indent=2).encode()


def decoded(pieces):
    decoder = RawMessage()
    return b"".join(decoder.feed(piece) for piece in pieces) + decoder.finish()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_however_it_is_cut(size):
    whole = answer(MESSAGE, historyId="5")
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert decoded(pieces) == MESSAGE.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_what_is_cut_off_is_no_message():
    whole = answer(MESSAGE)
    for end in range(len(whole)):
        with pytest.raises(Undecodable):
            decoded([whole[:end]])
