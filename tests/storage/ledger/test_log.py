"""The ledger on disk: many appenders, crashes at every operation, replicas, keys, checkpoints."""

import multiprocessing
import random
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.disk import Disk
from storage.ledger import Ledger
from storage.ledger.leaves import KeyLeaf, LiftLeaf, parse
from storage.ledger.merkle import check_consistency, check_inclusion, leaf_hash
from storage.ledger.note import Checkpoint, Signer, Verifier, open_note
from storage.ledger.replica import replica_folder
from tests.storage.ledger.test_merkle import brute
from tests.storage.sim_disk import Crash, SimDisk
from vms.core.clock import FakeClock, Instant
from vms.core.errors import StorageError


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory: what is synced a thousand times need not reach a disk."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        yield Path(name)


def leaf(number: int) -> LiftLeaf:
    return LiftLeaf(f"hold-{number}", "test", Instant(number))


def leaves(*numbers: int) -> list[LiftLeaf]:
    return [leaf(number) for number in numbers]


def open_ledger(root: Path, disk: Disk | None = None, level: int = 3) -> Ledger:
    return Ledger(root / "ledger", disk, FakeClock(), volumes=[root / "video"], level=level)


def volume(root: Path, name: str = "video") -> Path:
    (root / name / ".gozcu").mkdir(parents=True, exist_ok=True)
    return root / name


def lines(ledger: Ledger) -> list[bytes]:
    return [line for _, line in ledger.leaves()]


def verifiers(ledger: Ledger) -> list[Verifier]:
    return ledger.keys.verifiers()


# -- appending ------------------------------------------------------------------------------


def test_leaves_keep_their_places_over_files_and_openings(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger.size() == 0
    assert ledger.append(leaves(*range(5))) == 0
    assert ledger.append([]) == 5
    assert ledger.append(leaves(*range(5, 30))) == 5
    again = open_ledger(tmp_path)
    assert again.size() == 30
    assert again.append(leaves(30)) == 30
    assert ledger.append(leaves(31)) == 31  # took up what the other appended
    assert [parse(line) for line in lines(ledger)] == leaves(*range(32))
    assert list(ledger.leaves(7, 10)) == [(n, leaf(n).line()) for n in (7, 8, 9)]
    assert ledger.read(31) == leaf(31).line()
    with pytest.raises(StorageError, match="no leaf 32"):
        ledger.read(32)
    files = sorted((tmp_path / "ledger" / "leaves").iterdir())
    assert [file.name for file in files] == [f"{n:09}.jsonl" for n in range(4)]
    assert [file.read_bytes().count(b"\n") for file in files] == [8, 8, 8, 8]


def _append(root: Path, worker: int) -> None:
    ledger = open_ledger(root, level=4)
    for batch in range(20):
        numbers = range(worker * 1_000 + batch * 5, worker * 1_000 + batch * 5 + 5)
        place = ledger.append(leaves(*numbers))
        assert [parse(line) for _, line in ledger.leaves(place, place + 5)] == leaves(*numbers)


def test_processes_and_threads_append_side_by_side(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    ledger = open_ledger(tmp_path, level=4)
    threads = [
        threading.Thread(
            target=lambda n=n: [ledger.append(leaves(n * 1_000 + k)) for k in range(30)]
        )
        for n in (5, 6)
    ]
    for thread in threads:
        thread.start()
    for one in [*workers, *threads]:
        one.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found = [int(parse(line).at) for line in lines(ledger)]
    assert len(found) == ledger.size() == 3 * 100 + 2 * 30
    assert len(set(found)) == len(found)
    for worker in range(3):
        own = [number for number in found if number // 1_000 == worker]
        assert own == sorted(own)


def test_a_torn_last_line_is_cut_by_the_next_appender(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0, 1))
    file = tmp_path / "ledger" / "leaves" / "000000000.jsonl"
    with file.open("ab") as torn:
        torn.write(leaf(2).line()[:20])
    assert ledger.size() == 2
    assert lines(ledger) == [leaf(0).line(), leaf(1).line()]
    assert ledger.append(leaves(3)) == 2
    assert [parse(line) for line in lines(open_ledger(tmp_path))] == leaves(0, 1, 3)


def test_pages_lost_in_a_power_cut_are_cut_but_nothing_that_was_durable(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0, 1))
    ledger.checkpoint()  # the key's leaf is the third
    file = tmp_path / "ledger" / "leaves" / "000000000.jsonl"
    good = file.read_bytes()
    file.write_bytes(good + leaf(2).line() + b"\n" + bytes(40) + b"\n" + leaf(3).line() + b"\n")
    assert open_ledger(tmp_path).append(leaves(4)) == 4
    assert file.read_bytes() == good + leaf(2).line() + b"\n" + leaf(4).line() + b"\n"
    damaged = bytearray(file.read_bytes())
    damaged[5] = 0  # before the checkpoint: no power cut did that, a check shall find it
    file.write_bytes(damaged)
    open_ledger(tmp_path).append(leaves(5))
    assert file.read_bytes().startswith(damaged)


@pytest.mark.parametrize("fault", ["stop", "tear"])
@pytest.mark.parametrize("power", [False, True])
def test_killed_at_any_operation_no_durable_leaf_is_lost(
    quick: Path, fault: str, power: bool
) -> None:
    for at in range(1, 250):
        root = quick / str(at)
        volume(root)
        disk = SimDisk(root, at=at, fault=fault)
        durable, crashed = _until_crash(root, disk)
        if power and crashed:
            disk.cut_power(random.Random(at))
        ledger = open_ledger(root)
        assert ledger.append(leaves(99)) == ledger.size() - 1
        kept = [parse(line) for line in lines(ledger)]
        # What had returned is there, in order; of the rest at most what was being appended.
        own = [one for one in kept if isinstance(one, LiftLeaf)]
        assert own[: len(durable)] == durable
        assert own[-1] == leaf(99)
        assert set(own) <= {*leaves(*range(30)), leaf(99)}
        note = ledger.checkpoint()
        open_note(note, verifiers(ledger))
        previous = None
        for kept_note in ledger.checkpoints():
            head = Checkpoint.parse(open_note(kept_note, verifiers(ledger))[0])
            assert head.root == brute(lines(ledger)[: head.size]), at
            assert previous is None or previous < head.size
            previous = head.size
        if not power:  # the sim forgets nothing of `.gozcu`, where the replica stands
            ledger.replicate([root / "video"])
            assert _copied(root)
        if not crashed:
            return
    pytest.fail("the scenario never came to its end")


def _until_crash(root: Path, disk: SimDisk) -> tuple[list[LiftLeaf], bool]:
    """Append, sign, replicate, rotate; what had been acknowledged, and whether it crashed."""
    durable: list[LiftLeaf] = []
    ledger = open_ledger(root, disk)
    try:
        for begin in range(0, 30, 10):
            batch = leaves(*range(begin, begin + 10))
            ledger.append(batch)
            durable += batch
            ledger.checkpoint()
            ledger.replicate([root / "video"])
        ledger.rotate()
    except Crash:
        disk.process_ended()
        return durable, True
    return durable, False


def _copied(root: Path) -> bool:
    source, target = root / "ledger", replica_folder(root / "video")
    return all(
        (target / path.relative_to(source)).read_bytes() == path.read_bytes()
        for path in [*(source / "leaves").iterdir(), source / "checkpoints"]
    )


@pytest.mark.parametrize("errno", [5, 28])
def test_a_refusal_is_a_storage_error_and_leaves_nothing_half(quick: Path, errno: int) -> None:
    for at in range(1, 250):
        root = quick / str(at)
        volume(root)
        disk = SimDisk(root, at=at, fault="refuse", errno=errno)
        ledger = open_ledger(root, disk)
        refused = []
        for begin in (0, 10):
            batch = leaves(*range(begin, begin + 10))
            try:
                ledger.append(batch)
            except StorageError:
                refused.append(begin)
                ledger.append(batch)
            for step, *given in ((ledger.checkpoint,), (ledger.replicate, [root / "video"])):
                try:
                    step(*given)
                except StorageError:
                    step(*given)
        own = [one for line in lines(ledger) if isinstance(one := parse(line), LiftLeaf)]
        assert sorted(set(own), key=lambda one: one.at) == leaves(*range(20))
        assert _copied(root)
        if disk.done < at:
            return
    pytest.fail("the scenario never came to its end")


# -- proofs ---------------------------------------------------------------------------------


def test_proofs_over_files_hold_against_brute_force(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, level=2)
    roots = {0: brute([])}
    for number in range(23):
        ledger.append(leaves(number))
        roots[number + 1] = brute([leaf(n).line() for n in range(number + 1)])
        assert ledger.root(number + 1) == roots[number + 1]
    ledger.checkpoint()  # and the key's leaf
    again = open_ledger(tmp_path, level=2)
    roots[24] = brute(lines(again))
    for one in (ledger, again):
        for size in range(1, 22):
            assert one.root(size) == brute(lines(one)[:size])
            for place in range(size):
                proof = one.inclusion(place, size)
                hash_ = leaf_hash(one.read(place))
                assert check_inclusion(hash_, place, size, proof, one.root(size))
            for old in range(1, size + 1):
                proof = one.consistency(old, size)
                assert check_consistency(old, size, proof, one.root(old), one.root(size))
    with pytest.raises(ValueError, match="no leaf"):
        ledger.inclusion(5, 5)
    with pytest.raises(StorageError, match="can't be read"):
        ledger.root(500)


def test_the_roots_of_full_files_are_derived_and_can_be_lost(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, level=2)
    ledger.append(leaves(*range(14)))
    note = ledger.checkpoint()
    roots = tmp_path / "ledger" / "roots"
    good = roots.read_bytes()
    assert len(good) == 3 * 32
    for damage in (b"", good[:40], good[:32] + bytes(64)):
        roots.write_bytes(damage)
        again = open_ledger(tmp_path, level=2)
        assert again.root(15) == ledger.root(15)
        assert again.checkpoint() == note
        assert roots.read_bytes() == good


# -- checkpoints and keys -------------------------------------------------------------------


def test_a_checkpoint_is_made_when_the_ledger_grew(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0))
    first = ledger.checkpoint()
    assert ledger.checkpoint() == first
    text, by = open_note(first, verifiers(ledger))
    head = Checkpoint.parse(text)
    assert head.size == 2  # the leaf and the key's
    assert head.root == brute(lines(ledger))
    assert head.origin == by[0].name
    ledger.append(leaves(1))
    second = ledger.checkpoint()
    assert list(ledger.checkpoints()) == [first, second]
    assert ledger.last_checkpoint() == (Checkpoint.parse(open_note(second, by)[0]), second)


def test_a_torn_checkpoint_is_cut(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0))
    notes = [ledger.checkpoint()]
    ledger.append(leaves(1))
    torn = ledger.checkpoint()
    file = tmp_path / "ledger" / "checkpoints"
    whole = file.read_bytes()
    first = len(notes[0].encode()) + 1
    for cut in range(first, len(whole), 5):
        file.write_bytes(whole[:cut])
        again = open_ledger(tmp_path)
        assert list(again.checkpoints()) == notes
        assert again.last_checkpoint()[1] == notes[0]
        assert again.checkpoint() == torn
        assert file.read_bytes() == whole


def test_keys_are_for_the_service_alone_and_rotation_is_recorded(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0))
    ledger.checkpoint()
    (old,) = verifiers(ledger)
    note = ledger.rotate()
    keys = verifiers(ledger)
    assert keys[0] == old
    assert keys[0].name == keys[1].name
    recorded = [one.key for line in lines(ledger) if isinstance(one := parse(line), KeyLeaf)]
    assert recorded == [str(key) for key in keys]
    assert open_note(note, [old])[1] == (old,)  # the old key signs over the new one's leaf
    assert open_note(note, keys)[1] == tuple(keys)
    ledger.append(leaves(1))
    after = ledger.checkpoint()
    assert open_note(after, keys)[1] == (keys[1],)
    folder = tmp_path / "keys"
    assert sorted(file.name for file in folder.iterdir()) == [
        "ledger-0001.pub",
        "ledger-0002.key",
        "ledger-0002.pub",
    ]
    assert (folder / "ledger-0002.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Signer.parse((folder / "ledger-0002.key").read_text()).verifier == keys[1]


def test_a_damaged_key_is_named_and_never_shown(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(leaves(0))
    ledger.checkpoint()
    ledger.append(leaves(1))
    key = tmp_path / "keys" / "ledger-0001.key"
    secret = key.read_text()
    key.write_text(secret[:-6])
    with pytest.raises(StorageError, match=r"ledger-0001\.key") as told:
        ledger.checkpoint()
    assert secret.rsplit("+", 1)[1][:8] not in str(told.value)


# -- replicas -------------------------------------------------------------------------------


def test_a_replica_is_brought_up_by_what_it_lacks(tmp_path: Path) -> None:
    ledger, root = open_ledger(tmp_path), volume(tmp_path)
    for begin in (0, 5, 20):
        ledger.append(leaves(*range(begin, begin + 7)))
        ledger.checkpoint()
        ledger.replicate([root])
        assert _copied(tmp_path)
    file = replica_folder(root) / "leaves" / "000000001.jsonl"
    file.write_bytes(file.read_bytes()[:-9])  # as a crash within copying leaves it
    ledger.replicate([root])
    assert _copied(tmp_path)
    zeros = bytearray(file.read_bytes())
    zeros[-30:-10] = bytes(20)
    file.write_bytes(zeros[:-5])  # as a power cut leaves it
    ledger.replicate([root])
    assert _copied(tmp_path)


def test_a_replica_that_disagrees_is_reported_and_kept(tmp_path: Path) -> None:
    ledger, root, other = open_ledger(tmp_path), volume(tmp_path), volume(tmp_path, "other")
    ledger.append(leaves(0, 1))
    ledger.replicate([root])
    file = replica_folder(root) / "leaves" / "000000000.jsonl"
    told = file.read_bytes().replace(b"hold-1", b"hold-7")
    file.write_bytes(told)
    ledger.append(leaves(2))
    with pytest.raises(StorageError, match="something else") as error:
        ledger.replicate([root, tmp_path / "nowhere", other])
    assert "no volume" in str(error.value)
    assert file.read_bytes() == told
    copy = replica_folder(other) / "leaves" / "000000000.jsonl"
    assert copy.read_bytes() == (tmp_path / "ledger" / "leaves" / file.name).read_bytes()
    file.write_bytes(told * 9)
    with pytest.raises(StorageError, match="bytes, the ledger itself only"):
        ledger.replicate([root])


def test_a_ledger_restored_from_an_old_backup_goes_on_where_its_replica_is(tmp_path: Path) -> None:
    ledger, root = open_ledger(tmp_path), volume(tmp_path)
    ledger.append(leaves(*range(5)))
    ledger.checkpoint()
    folder = tmp_path / "ledger"
    backup = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ledger.append(leaves(*range(5, 20)))
    last = ledger.checkpoint()
    ledger.replicate([root])
    for path in list(folder.rglob("*.jsonl")):
        path.unlink()
    for path, data in backup.items():
        path.write_bytes(data)
    again = open_ledger(tmp_path)
    assert again.append(leaves(20)) == 21
    assert [one for line in lines(again) if isinstance(one := parse(line), LiftLeaf)] == leaves(
        *range(21)
    )
    assert list(again.checkpoints())[-1] == last
    again.checkpoint()
    again.replicate([root])


def test_a_ledger_that_is_gone_comes_back_from_a_volume(tmp_path: Path) -> None:
    ledger, root = open_ledger(tmp_path), volume(tmp_path)
    ledger.append(leaves(*range(20)))
    ledger.checkpoint()
    ledger.replicate([root])
    told = lines(ledger)
    (tmp_path / "ledger").rename(tmp_path / "away")
    again = open_ledger(tmp_path)
    again.append(leaves(20))
    assert lines(again) == [*told, leaf(20).line()]
    assert len(list(again.checkpoints())) == 2 - 1


def test_a_lock_that_is_never_given_back_is_an_error_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.ledger.chunks._DEADLINE", 0.05)
    one, other = open_ledger(tmp_path), open_ledger(tmp_path)
    one.append(leaves(0))
    with one._chunks.locked(), pytest.raises(StorageError, match="held the lock"):
        other.append(leaves(1))
