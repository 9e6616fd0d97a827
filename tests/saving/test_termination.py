"""A second signal, while the first one lets a writer clean up, does not cut the clean-up short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from napari_xanes.saving.termination import cleaning_up

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")

TWICE = """
import contextlib, os, signal, sys
from pathlib import Path
from napari_xanes.saving import checked_file, claims, folders, replacing, termination

first, second = getattr(signal, sys.argv[1]), getattr(signal, sys.argv[2])
CODE = {module.__file__ for module in (contextlib, checked_file, claims, folders, replacing, termination)}

def write_files(end):
    with replacing.replacing_together() as files:
        for name in "ab":
            files.open(Path(name)).write(b"new")
        end()

def write_folder(end):
    with folders.replacing_folder(Path("folder")) as draft:
        draft.mkdir()
        draft.joinpath("inside").write_text("new")
        end()

def end_at(nth):
    '''Send the second signal at the nth line that is run after the first one.'''
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line" and frame.f_code.co_filename in CODE
        if count == nth:
            sys.settrace(None)
            count += 1
            Path("../reached").touch()
            os.kill(os.getpid(), second)
        return trace

    def end():
        sys.settrace(trace)
        os.kill(os.getpid(), first)

    return end

for write in (write_files, write_folder):
    nth = 1
    while True:
        nth += 6
        child = os.fork()
        if child == 0:
            try:
                write(end_at(nth))
            except KeyboardInterrupt:
                os._exit(3)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        names = sorted(os.listdir())
        ended = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (first, second) or os.WEXITSTATUS(status) == 3
        if names != ["a", "b", "folder"] or os.listdir("folder") or Path("a").read_text() != "old" or not ended:
            sys.exit(f"{write.__name__}, line {nth}: {names}, status {status}")
        try:
            os.unlink("../reached")
        except FileNotFoundError:
            break
    print(nth)
"""


@pytest.mark.parametrize(("first", "second"), [("SIGHUP", "SIGTERM"), ("SIGINT", "SIGINT")])
def test_a_second_signal_within_the_clean_up_leaves_nothing(tmp_path, first, second):
    folder = tmp_path / "work"
    (folder / "folder").mkdir(parents=True)
    for name in "ab":
        (folder / name).write_text("old")
    command = [sys.executable, "-c", TWICE, first, second]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert min(map(int, done.stdout.split())) > 20


def test_a_second_signal_is_handled_after_the_clean_up():
    seen = []

    def stop(number, _):
        seen.append(signal.Signals(number).name)
        raise KeyboardInterrupt

    def run():
        with cleaning_up():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                seen.append("cleaned up")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert seen == ["SIGINT", "cleaned up", "SIGTERM"]


def test_a_second_signal_ends_a_block_that_lost_the_first():
    seen = []

    def run():
        with cleaning_up():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                seen.append("lost")
            os.kill(os.getpid(), signal.SIGINT)
            seen.append("went on")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["lost"]
