"""How the command line ends: exit codes, one line on standard error, signals and closed pipes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import Step
from napari_xanes.cli import ending, main
from napari_xanes.cli.ending import ending_in_words

unix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def ended(error: BaseException) -> int:
    with pytest.raises(SystemExit) as caught, ending_in_words():
        raise error
    return int(caught.value.code)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            ValueError("no frame lies\nbetween\x1b[2J 1 and 2 eV"),
            1,
            "napari-xanes: no frame lies between [2J 1 and 2 eV",
        ),
        (FileNotFoundError("a.h5: there is no such file"), 1, "napari-xanes: a.h5: there is no such file"),
        (KeyError("no detector"), 1, "napari-xanes: no detector"),
        (ImportError("pip install 'napari-xanes[mcp]'"), 1, "napari-xanes: pip install 'napari-xanes[mcp]'"),
        (ModuleNotFoundError("No module named 'a'", name="a"), 2, "napari-xanes: ModuleNotFoundError: No module"),
        (RuntimeError("lost"), 2, "napari-xanes: RuntimeError: lost (an error of the program; -v"),
        (RecursionError("deep"), 2, "napari-xanes: RecursionError: deep"),
        (MemoryError(), 2, "napari-xanes: MemoryError: "),
        (ZeroDivisionError("x"), 2, "napari-xanes: ZeroDivisionError: x"),
        (AssertionError(), 2, "napari-xanes: AssertionError: "),
        (ExceptionGroup("two", [ValueError("a")]), 2, "napari-xanes: ExceptionGroup: two"),
        (KeyboardInterrupt(), 130, "napari-xanes: stopped"),
    ],
)
def test_every_end_is_one_line(error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(error) == code
    assert capsys.readouterr().err.splitlines()[0].startswith(text)


def test_a_long_message_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    ended(ValueError("x" * 100_000))
    assert len(capsys.readouterr().err) < 3000


def test_the_trace_is_shown_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    token = ending.shows_trace.set(True)
    try:
        assert ended(ValueError("wrong")) == 1
        assert ended(RuntimeError("wrong")) == 2
    finally:
        ending.shows_trace.reset(token)
    err = capsys.readouterr().err
    assert err.count("Traceback (most recent call last)") == 2
    assert "-v before the command" not in err


@pytest.mark.parametrize(("flags", "traces"), [([], 0), (["-v"], 1)])
def test_a_command_that_fails_inside(
    flags: list[str], traces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr("napari_xanes.io.reading.reader_of", broken)
    monkeypatch.setattr(sys, "argv", ["napari-xanes", *flags, "convert", str(tmp_path), "-o", str(tmp_path / "a.h5")])
    with pytest.raises(SystemExit) as caught:
        main()
    err = capsys.readouterr().err
    assert caught.value.code == 2
    assert "napari-xanes: RuntimeError: broken inside" in err
    assert err.count("Traceback") == traces
    logging.getLogger("napari_xanes").setLevel(logging.NOTSET)


@unix
def test_an_interrupt_lets_the_clean_up_run(capsys: pytest.CaptureFixture[str]) -> None:
    cleaned = []
    before = signal.getsignal(signal.SIGINT)

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        finally:
            cleaned.append(True)

    with pytest.raises(SystemExit) as caught, ending_in_words():
        work()
    assert caught.value.code == 130
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().err == "napari-xanes: stopped\n"


@unix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_lets_the_clean_up_run(name: str) -> None:
    code = f"""
import os, signal
from napari_xanes.cli.ending import ending_in_words
with ending_in_words():
    try:
        os.kill(os.getpid(), signal.{name})
        signal.pause()
    finally:
        print("cleaned", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-getattr(signal, name), "cleaned\n", "")


@unix
def test_signals_that_are_ignored_stay_ignored() -> None:
    """``nohup napari-xanes run ...`` goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_in_words():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@unix
def test_a_closed_pipe_is_quiet() -> None:
    code = "import sys; sys.argv[1:] = ['ops']; from napari_xanes.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


def test_warnings_are_printed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of reading, of earlier steps and of the last one, for each stack."""
    energy = np.linspace(8300, 8400, 11)
    for name in ("a", "b"):
        nx.write(nx.SpectralStack(np.full((11, 4, 5), 1000.0, np.float32), energy, "counts"), tmp_path / f"{name}.h5")
    recipe = nx.Recipe([Step("optical_depth", {"i0": (0, 2, 0, 2)})], version="0.0.1")
    recipe.save(tmp_path / "recipe.yaml")
    words = ["run", "recipe.yaml", "a.h5", "b.h5", "-o", "out"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["napari-xanes", *words])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit) as caught:
            main()
    assert caught.value.code == 0
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == len(set(lines))
    for name in ("a", "b"):
        assert (
            sum(line.startswith(f"note: {name}.h5: the recipe was made by napari-xanes 0.0.1") for line in lines) == 1
        )
    assert "0.0.1" not in captured.out
