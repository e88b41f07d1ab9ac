"""A plain HTTP client for the fakes of the mail clouds, to see that they are strict."""

import json
import urllib.error
import urllib.request


def call(server, method, path, body=None, *, token="token", prefer=None, **headers):
    """Status and what was answered: an object if it is JSON, else octets."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["Authorization"] = f"Bearer {token}"
    if prefer:
        given["Prefer"] = prefer
    if body is not None:
        given.setdefault("Content-Type", "application/json")
    data = None if body is None else json.dumps(body).encode()
    url = path if path.startswith("http") else server.url + path
    request = urllib.request.Request(url, data, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, _value(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _value(error)


def _value(answer):
    octets = answer.read()
    if answer.headers.get_content_type() == "application/json":
        return json.loads(octets)
    return octets
