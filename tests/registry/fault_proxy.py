"""A reverse proxy on loopback that stands between mlctl and a registry, and does harm.

    with FaultProxy(upstream=("127.0.0.1", 5000), fault="cut", every=4, rng=random.Random(7)) as proxy:
        … http://127.0.0.1:{proxy.port} …

Of each `every` requests that can, one meets the fault (the dice say which): cut (the request's body is forwarded in
part, then both connections close), truncate (the answer ends too early), corrupt (one byte of an answered blob is
another), delay, stall (no answer until the client gives up), 429 (with Retry-After), 500, 503. `expire` is not per
request: every token that the proxy gives out is good for a few requests only. Requests are counted, and the bytes of
their bodies.
"""
import base64
import http.client
import http.server
import json
import socket
import threading
import time
import urllib.parse

BUFFER = 64 << 10
DELAY_S = 0.3
STALL_S = 15  # longer than the client's patience
TOKEN_REQUESTS = 8
USER, PASSWORD = "robot", "correct horse"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization"}
FAULTS = ("cut", "truncate", "corrupt", "delay", "stall", "429", "500", "503", "expire")


class FaultProxy:
    def __init__(self, upstream, fault=None, every=4, rng=None, only=None):
        """`only`: a function (method, path) -> bool; other requests go through unharmed."""
        self.upstream, self.fault, self.every, self.rng = upstream, fault, every, rng
        self.only = only or (lambda method, path: True)
        self.requests = 0
        self.faults = 0
        self.able = 0  # requests that could have met the fault
        self.chosen = 0  # which of the present `every` does
        self.uploaded = 0  # bytes of request bodies that were forwarded
        self.downloaded = 0  # bytes of answers
        self.log = []  # "METHOD path -> status or fault"
        self.tokens = {}  # token -> requests that it is still good for
        self.lock = threading.Lock()
        self.closing = threading.Event()
        proxy = self

        class Handler(_Handler):
            pass

        Handler.proxy = proxy
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def draw(self, method, path):
        """The fault that this request meets, or None."""
        with self.lock:
            self.requests += 1
            if self.fault in (None, "expire") or not self.only(method, path):
                return None
            if self.fault == "corrupt" and (method != "GET" or "/blobs/" not in path):
                return None
            turn, self.able = self.able % self.every, self.able + 1
            if turn == 0:
                self.chosen = self.rng.randrange(self.every)
            if turn != self.chosen:
                return None
            self.faults += 1
            return self.fault

    def random(self, limit):
        with self.lock:
            return self.rng.randrange(max(limit, 1))

    def note(self, line):
        with self.lock:
            self.log.append(line)

    def authorized(self, header):
        """Whether a bearer token is good for one more request."""
        with self.lock:
            token = (header or "").removeprefix("Bearer ")
            left = self.tokens.get(token, 0)
            if left > 0:
                self.tokens[token] = left - 1
            elif token in self.tokens:
                self.faults += 1
            return left > 0

    def new_token(self):
        with self.lock:
            token = "token-%d-%d" % (len(self.tokens), self.rng.randrange(1 << 30))
            self.tokens[token] = TOKEN_REQUESTS
            return token


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy = None

    def log_message(self, *_):
        pass

    def handle_any(self):
        try:
            self.serve_one()
        except (OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def serve_one(self):
        proxy, what = self.proxy, "%s %s" % (self.command, self.path)
        if proxy.fault == "expire" and not self.let_in():
            return
        fault = proxy.draw(self.command, self.path.split("?")[0])
        if fault is not None:
            proxy.note("%s -> %s" % (what, fault))
        if fault in ("429", "500", "503"):
            return self.answer(int(fault), b'{"errors":[{"code":"TOOMANYREQUESTS","message":"not now"}]}',
                               {"Retry-After": "1"} if fault == "429" else {})
        if fault == "stall":
            proxy.closing.wait(STALL_S)
            self.close_connection = True
            return
        if fault == "delay":
            time.sleep(DELAY_S)
        self.forward(fault, what)

    def let_in(self):
        path = urllib.parse.urlsplit(self.path)
        if path.path == "/token":
            basic = "Basic " + base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
            if self.headers.get("Authorization") != basic:
                self.answer(401, b"{}", {})
            else:
                self.answer(200, json.dumps({"token": self.proxy.new_token(), "expires_in": 300}).encode(), {})
            return False
        if self.proxy.authorized(self.headers.get("Authorization")):
            return True
        realm = "http://127.0.0.1:%d/token" % self.proxy.port
        self.answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                    {"WWW-Authenticate": 'Bearer realm="%s",service="test",scope="repository:any:pull,push"' % realm})
        return False

    def answer(self, status, body, headers):
        """The request's body is not read: a server that refuses need not."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        unread = int(self.headers.get("Content-Length") or 0) > 0 or "Transfer-Encoding" in self.headers
        if unread:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if unread:
            self.drain()

    def drain(self):
        """Lets the client read the refusal before the connection is reset."""
        self.wfile.flush()
        self.connection.settimeout(1)
        try:
            for _ in range(1024):
                if not self.connection.recv(BUFFER):
                    return
        except OSError:
            pass

    def body(self):
        """The request's body, piece by piece."""
        if (self.headers.get("Transfer-Encoding") or "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
                left = size
                while left > 0:
                    piece = self.rfile.read(min(left, BUFFER))
                    left -= len(piece)
                    yield piece
                self.rfile.readline(100)
                if size == 0:
                    return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            piece = self.rfile.read1(min(left, BUFFER))
            if not piece:
                raise ConnectionError("the client went away")
            left -= len(piece)
            yield piece

    def forward(self, fault, what):
        upstream = http.client.HTTPConnection(*self.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                # The registry behind asks nobody for a name.
                if name.lower() not in HOP_BY_HOP and not (self.proxy.fault == "expire" and name == "Authorization"):
                    upstream.putheader(name, value)
            length = self.headers.get("Content-Length")
            if length is None and "Transfer-Encoding" in self.headers:
                upstream.putheader("Transfer-Encoding", "chunked")
            upstream.endheaders()
            limit = self.proxy.random(int(length or 1 << 20)) if fault == "cut" else None
            if not self.send_body(upstream, chunked=length is None and "Transfer-Encoding" in self.headers, limit=limit):
                self.reset()
                return
            answer = upstream.getresponse()
            self.proxy.note("%s -> %d" % (what, answer.status))
            self.pass_on(answer, fault)
        finally:
            upstream.close()

    def send_body(self, upstream, chunked, limit):
        """False: cut after `limit` bytes (None: not at all)."""
        sent = 0
        for piece in self.body():
            if limit is not None and sent + len(piece) > limit:
                upstream.send(piece[: limit - sent])
                return False
            sent += len(piece)
            with self.proxy.lock:
                self.proxy.uploaded += len(piece)
            upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            upstream.send(b"0\r\n\r\n")
        return limit is None

    def reset(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def pass_on(self, answer, fault):
        self.send_response(answer.status)
        length = answer.getheader("Content-Length")
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        whole = int(length or 0)
        stop = self.proxy.random(whole) if fault == "truncate" else None
        wrong = self.proxy.random(whole) if fault == "corrupt" else None
        sent = 0
        while piece := answer.read(BUFFER):
            if wrong is not None and sent <= wrong < sent + len(piece):
                piece = piece[: wrong - sent] + bytes([piece[wrong - sent] ^ 1]) + piece[wrong - sent + 1:]
            if stop is not None and sent + len(piece) > stop:
                self.wfile.write(piece[: stop - sent])
                self.reset()
                return
            self.wfile.write(piece)
            sent += len(piece)
            with self.proxy.lock:
                self.proxy.downloaded += len(piece)
        if stop is not None:
            self.reset()
