"""A model server that misbehaves on purpose. Usage: fake_server.py PORT MODE [LOG NAME]

It answers the Open Inference Protocol: one input x [-1, 2], one output y [-1, 1] = the row's sum, scaled to 0…1.
MODE: good, slow, never-ready, silent-exit, gigabytes, dies-under-load, nan, null, wrong-shape, truncated,
error-in-200, status-500, cut-off, biased, no-metadata, metadata-500, two-inputs.
LOG gets a line of NAME and what happened: "start", "metadata", "infer ROWS".
"""
import http.server
import json
import os
import sys
import threading
import time

PORT, MODE = int(sys.argv[1]), sys.argv[2]
LOG, NAME = sys.argv[3:5] if len(sys.argv) > 3 else (None, None)
DIES_AFTER = 40
asked = 0


def note(what):
    if LOG:
        with open(LOG, "a") as log:
            log.write(f"{NAME} {what}\n")


def score(row):
    return 1 / (1 + 2.718281828 ** -sum(row)) if MODE != "biased" else 0.5


def answer(body):
    x = body["inputs"][0]
    rows = x["shape"][0]
    data = [score(x["data"][2 * i : 2 * i + 2]) for i in range(rows)]
    y = {"name": "y", "shape": [rows, 1], "datatype": "FP64", "data": data}
    if MODE == "wrong-shape":
        y["shape"] = [rows + 1, 1]
    text = json.dumps({"model_name": "m", "outputs": [y]})
    if MODE == "nan":
        return text.replace(str(data[0]), "NaN")
    if MODE == "null":
        return text.replace(str(data[0]), "null")
    return text[: len(text) // 2] if MODE == "truncated" else text


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, text, length=None):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/ready":
            return self.reply(503 if MODE == "never-ready" else 200, "")
        note("metadata")
        if MODE == "metadata-500":
            return self.reply(500, '{"error": "the model is broken"}')
        x = {"name": "x", "datatype": "FP64", "shape": [-1, 2]}
        inputs = {"no-metadata": [], "two-inputs": [x, {**x, "name": "z"}]}.get(MODE, [x])
        self.reply(200, json.dumps({"name": "m", "inputs": inputs}))

    def do_POST(self):
        global asked
        asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        note(f"infer {body['inputs'][0]['shape'][0]}")
        if MODE == "dies-under-load" and asked > DIES_AFTER:
            print("out of memory, giving up", flush=True)
            os._exit(9)
        if MODE == "slow":
            time.sleep(0.05)
        if MODE == "status-500":
            return self.reply(500, '{"error": "the model is broken"}')
        if MODE == "error-in-200":
            return self.reply(200, '{"error": "the model is broken"}')
        if MODE == "cut-off":
            self.reply(200, answer(body), length=100000)
            self.close_connection = True
            return
        self.reply(200, answer(body))

    def log_message(self, *words):
        pass


def flood():
    block = b"x" * 79 + b"\n"
    for _ in range(2000):
        os.write(1, block * 13000)


def main():
    note("start")
    if MODE == "silent-exit":
        print("Traceback (most recent call last):\nValueError: no weights here", file=sys.stderr)
        sys.exit(3)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    if MODE == "gigabytes":
        threading.Thread(target=flood, daemon=True).start()
    server.serve_forever()


main()
