"""A start that is refused, as ``python app.py`` refuses it, without a process of its own."""

from click.testing import CliRunner

from app import create_app
from web.server.serve import command


def refusal(*options, environ=None):
    """Run ``serve`` with options; return its exit status and the one line that it writes."""
    runner = CliRunner(env=environ)
    arguments = ["--port", "0", *options]
    result = runner.invoke(command, arguments, obj=create_app, catch_exceptions=False)
    (line,) = result.stderr.splitlines()
    assert result.stdout == ""
    assert line.startswith("stateroom: ")
    return result.exit_code, line
