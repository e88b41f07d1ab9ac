"""In front of an identity provider: counts requests for tokens, and can hold answers back."""

import http.server
import threading
import urllib.error
import urllib.request

PATIENCE = 20.0


class TokenProxy:
    """A context manager; its ``url`` is an issuer like the one behind it.

    Attributes:
        asked: How many requests for tokens have been passed on.
        hold: Set it to have answers to those held back, until ``let_go``.
        answered: Set when the provider has answered one.
        refuse: Not None: every request for tokens gets this status and body instead.
    """

    host = "127.0.0.1"

    def __init__(self, target):
        self._target = target
        self._server = http.server.ThreadingHTTPServer((self.host, 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._let_go = threading.Event()
        self._lock = threading.Lock()
        self.asked = 0
        self.hold = threading.Event()
        self.answered = threading.Event()
        self.refuse = None

    @property
    def url(self):
        return f"http://{self.host}:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def let_go(self):
        self.hold.clear()
        self._let_go.set()

    def passed_on(self, path, body, headers):
        """Status and body of the answer."""
        is_for_tokens = path == "/token"
        if is_for_tokens and self.refuse is not None:
            return self.refuse
        wanted = {"Content-Type", "Authorization", "Accept"}
        kept = {name: value for name, value in headers.items() if name in wanted}
        status, answer = _ask(urllib.request.Request(self._target + path, body, kept))
        if is_for_tokens:
            with self._lock:
                self.asked += 1
            self.answered.set()
            if self.hold.is_set():
                self._let_go.wait(60)
        return status, answer.replace(self._target.encode(), self.url.encode())


def _ask(request):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def _handler_of(proxy):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._pass(None)

        def do_POST(self):
            self._pass(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass(self, body):
            status, answer = proxy.passed_on(self.path, body, self.headers)
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # whoever asked is dead, as a test wants it

        def log_message(self, *_):
            pass

    return Handler
