"""`mailbox-server`: what it refuses to begin with."""

import pytest
from click.testing import CliRunner

from gateway.cli import main


@pytest.fixture
def refused(tmp_path):
    for place in ("cur", "new", "tmp"):
        (tmp_path / "mail" / place).mkdir(parents=True)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "good").write_text("sesame\n")
    (tmp_path / "odd").write_text("a token\n")

    def run(*words):
        command = ["mailbox-server", "--maildir", str(tmp_path / "mail"), *words]
        done = CliRunner().invoke(main, [word.replace("@", f"{tmp_path}/") for word in command])
        assert done.exit_code == 2
        assert "sesame" not in done.output
        return " ".join(done.output.split())

    return run


def test_mail_is_served_to_nobody_without_credentials(refused):
    assert "without credentials" in refused()
    assert "without credentials" in refused("--listen", "0.0.0.0:0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--user", "a"], "belong together"),
        (["--password-file", "@good"], "belong together"),
        (["--user", "a", "--password-file", "@empty"], "is empty"),
        (["--token-file", "@empty"], "no token"),
        (["--token-file", "@odd"], "0x21 to 0x7E"),
        (["--token-file", "@good", "--listen", ":80"], "host is missing"),
        (["--token-file", "@good", "--listen", "systemd:x"], "HOST:PORT"),
        (["--token-file", "@good", "--page", "0"], "--page"),
    ],
)
def test_mistakes_are_named(refused, words, said):
    assert said in refused(*words)
