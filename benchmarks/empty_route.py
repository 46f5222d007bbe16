"""A Flask app with one route that does nothing, behind Stateroom's server class: the limit of what can be reached."""

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
