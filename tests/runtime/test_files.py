"""Outputs: whole files through links with their mode, devices and pipes in place, nothing else touched."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from spikes.runtime.files import check_apart, check_regular, check_writable, whole_file, write_json

CONTENT = {"a": 1}


def content(path) -> dict:
    return json.loads(path.read_text())


def test_a_link_stays_a_link(tmp_path):
    real, link, dangling = tmp_path / "real.json", tmp_path / "link.json", tmp_path / "dangling.json"
    real.write_text("{}")
    link.symlink_to("real.json")
    dangling.symlink_to("new.json")
    for path in (link, dangling):
        check_writable("json", str(path))
        write_json(str(path), CONTENT)
        assert path.is_symlink()
    assert content(real) == content(tmp_path / "new.json") == CONTENT
    assert sorted(os.listdir(tmp_path)) == ["dangling.json", "link.json", "new.json", "real.json"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_mode_is_kept(tmp_path, mode):
    path = tmp_path / "a.json"
    path.write_text("{}")
    path.chmod(mode)
    write_json(str(path), CONTENT)
    assert (stat.S_IMODE(path.stat().st_mode), content(path)) == (mode, CONTENT)


def test_what_is_read_only_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    path.chmod(0o444)
    with pytest.raises(ValueError, match=r"`json` must be writable; .* is read-only"):
        check_writable("json", str(path))
    with pytest.raises(PermissionError, match="it is read-only"), whole_file(path):
        pass
    assert path.read_text() == "{}"


def test_a_pipe_is_written_in_place(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable("json", str(pipe))  # without a reader, and without waiting for one
    read = []
    reader = threading.Thread(target=lambda: read.append(content(pipe)))
    reader.start()
    write_json(str(pipe), CONTENT)
    reader.join(60)
    assert read == [CONTENT]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_device_stays_a_device(tmp_path):
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.write_text("")
    except PermissionError:
        pytest.skip("devices are made by the superuser alone")
    check_writable("json", str(null))
    write_json(str(null), CONTENT)
    assert stat.S_ISCHR(null.stat().st_mode)
    check_apart([("json", str(null)), ("csv", str(null))])
    with pytest.raises(ValueError, match=r"`FILE` must be a regular file; .* is a device"):
        check_regular("FILE", null)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_is_written_in_place(tmp_path, path):
    if not os.path.exists(path):
        pytest.skip(f"no {path} here")
    script = f"""
from spikes.runtime.files import check_writable, write_json
print("before")
check_writable("json", {path!r})
write_json({path!r}, {{"a": 1}})
print("after")
"""
    file = tmp_path / "out.txt"
    with file.open("w") as out:
        subprocess.run([sys.executable, "-c", script], stdout=out, check=True)
    assert file.read_text() == 'before\n{\n "a": 1\n}\nafter\n'
    piped = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert piped.stdout == file.read_text()


def test_a_block_that_fails_leaves_the_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(KeyError), whole_file(path):
        raise KeyError
    assert (path.read_text(), os.listdir(tmp_path)) == ("{}", ["a.json"])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to any folder")
def test_a_file_in_a_folder_that_takes_no_others_is_written_in_place(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    tmp_path.chmod(0o500)
    try:
        check_writable("json", str(path))
        write_json(str(path), CONTENT)
        with pytest.raises(ValueError, match="`json` must be writable"):
            check_writable("json", str(tmp_path / "b.json"))
    finally:
        tmp_path.chmod(0o700)
    assert content(path) == CONTENT


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", "`json` must name a file; got ''"),
        ("a\0b", "`json` must name a file"),
        ("x" * 300, "`json` must be writable; .*File name too long"),
        (".", "`json` must be a file; '.' is a folder"),
    ],
)
def test_paths_that_no_file_can_have(path, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_writable("json", path)


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ValueError, match="`json` must be writable"):
        check_writable("json", str(tmp_path / "a"))


def test_spellings_of_one_path_are_seen_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.npy").write_text("")
    (tmp_path / "soft.npy").symlink_to("in.npy")
    os.link("in.npy", "hard.npy")
    (tmp_path / "folder").mkdir()
    (tmp_path / "way").symlink_to("folder")
    for one, two in [
        ("a.json", "./a.json"),
        ("a.json", str(tmp_path / "a.json")),
        ("a.json", "folder/../a.json"),
        ("a.json", "A.JSON"),
        ("é.json", "e\u0301.json"),
        ("folder/a.json", "way/a.json"),
        ("in.npy", "soft.npy"),
        ("in.npy", "hard.npy"),
        ("soft.npy", "hard.npy"),
    ]:
        with pytest.raises(ValueError, match="`figure` must be another file than `json`; got "):
            check_apart([("json", one), ("figure", two)])
        if one.endswith("npy"):
            with pytest.raises(ValueError, match="`json` must be another file than `FILE`"):
                check_apart([("json", two)], [("FILE", one)])
    (tmp_path / "b.json").write_text("")
    (tmp_path / "folder" / "b.json").write_text("")
    check_apart([("json", "b.json"), ("figure", "folder/b.json"), ("csv", None), ("report", "-"), ("x", "-")])
    check_apart([("json", "orth4")], [("teacher", "orth4")])  # a name, of which there is no file
