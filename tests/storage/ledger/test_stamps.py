"""Stamps from a time-stamping authority made with `openssl ts`, and through its outages."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.disk import RealDisk
from storage.ledger import Ledger
from storage.ledger.leaves import LiftLeaf
from storage.ledger.stamps import BadStamp, Stamp, Stamps, check_stamp
from vms.core.clock import FakeClock, Instant
from vms.core.config_storage import LedgerSettings
from vms.core.errors import StorageError

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

_CONFIG = """
[req]
distinguished_name = name
x509_extensions = tsa
prompt = no
[name]
CN = Test authority
[tsa]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """A time-stamping authority on this machine. `down`: it answers nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.down = folder, False
        self.certificate = folder / "tsa.pem"
        config = folder / "openssl.cnf"
        config.write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        made = ("-keyout", "tsa.key", "-out", "tsa.pem", "-days", "30", "-config", str(config))
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *made)
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if authority.down:
                    self.send_error(503)
                    return
                body = authority.answer(data)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, request: bytes) -> bytes:
        (self.folder / "q.tsq").write_bytes(request)
        config = ("-config", "openssl.cnf", "-section", "tsa_config")
        self._openssl("ts", "-reply", "-queryfile", "q.tsq", "-out", "a.tsr", *config)
        return (self.folder / "a.tsr").read_bytes()

    def second_opinion(self, note: Path, stamp: Path) -> bool:
        words = ("-data", str(note), "-in", str(stamp), "-CAfile", str(self.certificate))
        done = subprocess.run(
            ["openssl", "ts", "-verify", *words], capture_output=True, text=True, check=False
        )
        return done.returncode == 0

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, check=True)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "authority"
    folder.mkdir()
    one = Authority(folder)
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def _stamps(root: Path, authority: Authority, certificates: Path | None = None) -> Stamps:
    settings = LedgerSettings(
        authority=authority.url, certificates=certificates or authority.certificate
    )
    return Stamps(root / "ledger", RealDisk(), settings)


def _note(root: Path, number: int) -> str:
    ledger = Ledger(root / "ledger", None, FakeClock())
    ledger.append([LiftLeaf(f"{number}", "test", Instant(number))])
    return ledger.checkpoint()


def test_a_checkpoint_is_stamped_and_openssl_says_so_too(
    tmp_path: Path, authority: Authority
) -> None:
    stamps, note = _stamps(tmp_path, authority), _note(tmp_path, 1)
    stamps.want(note)
    assert stamps.last_wanted() == FakeClock().now()
    assert stamps.ask(threading.Event()) == 1
    assert stamps.waiting() == []
    last = stamps.last()
    assert last is not None
    assert (last.size, last.note) == (2, note)
    (file,) = (tmp_path / "ledger" / "stamps").glob("*.note")
    assert authority.second_opinion(file, file.with_suffix(".tsr"))
    file.write_text(note.replace("\n2\n", "\n3\n"))
    assert not authority.second_opinion(file, file.with_suffix(".tsr"))
    (told,) = stamps.stamps()
    assert "something else" in told


def test_what_waits_survives_outages_and_restarts(tmp_path: Path, authority: Authority) -> None:
    authority.down = True
    for number in range(3):
        stamps = _stamps(tmp_path, authority)
        stamps.want(_note(tmp_path, number))
        with pytest.raises(StorageError, match=f"no stamp from {authority.url}"):
            stamps.ask(threading.Event())
    assert len(stamps.waiting()) == 3
    authority.down = False
    stamps = _stamps(tmp_path, authority)
    assert stamps.ask(threading.Event()) == 3
    assert [one.size for one in stamps.stamps() if isinstance(one, Stamp)] == [2, 3, 4]


def test_an_answer_that_is_no_stamp_of_ours_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    note = _note(tmp_path, 1)
    stamps = _stamps(tmp_path, authority)
    stamps.want(note)
    stamps.ask(threading.Event())
    answer = next((tmp_path / "ledger" / "stamps").glob("*.tsr")).read_bytes()
    for send in (lambda *_: b"hello", lambda *_: b"", lambda *_: answer):  # an old one, again
        settings = LedgerSettings(authority=authority.url)
        again = Stamps(tmp_path / "other", RealDisk(), settings, send)
        (tmp_path / "other").mkdir(exist_ok=True)
        again.want(note)
        with pytest.raises(StorageError):
            again.ask(threading.Event())
        assert len(again.waiting()) == 1


def test_a_stamp_of_another_authority_is_not_believed(tmp_path: Path, authority: Authority) -> None:
    other = tmp_path / "stranger"
    other.mkdir()
    stranger = Authority(other)
    stranger.server.server_close()
    note = _note(tmp_path, 1).encode()
    (tmp_path / "n").write_bytes(note)
    words = ["openssl", "ts", "-query", "-data", str(tmp_path / "n"), "-sha256", "-cert"]
    query = subprocess.run(words, capture_output=True, check=True).stdout
    answer = stranger.answer(query)
    assert check_stamp(answer, note, stranger.certificate) > 0
    with pytest.raises(BadStamp, match="not signed by"):
        check_stamp(answer, note, authority.certificate)
