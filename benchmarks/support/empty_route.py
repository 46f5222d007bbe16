"""A Flask app with one empty route on Stateroom's server: the upper limit of its speed."""

from flask import Flask

from web.server.waitress import Server

app = Flask(__name__)


@app.get("/")
def nothing() -> str:
    return "ok"


if __name__ == "__main__":
    server = Server(app, "127.0.0.1", 0, 2**24)
    print(f"ready {server.url}", flush=True)
    server.run()
