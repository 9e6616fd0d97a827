"""Where files run: what is sent there, how many threads take part, and workers that a batch system starts."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.many import jobqueue
from napari_xanes.many.clients import client_for
from napari_xanes.many.jobqueue import JobQueue, client_of, read_jobqueue
from napari_xanes.many.running import run_many
from napari_xanes.sample import nmc_ni_k

LEAVES_OPEN = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
"""dask-jobqueue does not wait for the jobs that it starts here, nor close what it could not start."""

LOCAL = "cluster: local\njobs: 1\ncores: 1\nmemory: 2GB\n"


def lazy_stacks(folder: Path) -> list[nx.SpectralStack]:
    """Return lazy stacks of 16 MB in memory each, from files of three kinds."""
    energy, data = np.linspace(8200, 8400, 60), np.ones((60, 256, 256), np.float32)
    with h5py.File(folder / "counts.h5", "w") as file:
        file["exchange/data"], file["exchange/energy"], file["exchange/data_white"] = data, energy, 2 * data
    for name in ("depth.h5", "depth.tif"):
        nx.write(nx.SpectralStack(data, energy, "optical_depth"), folder / name)
    return [nx.read(folder / name, memory_limit=1000) for name in ("counts.h5", "depth.h5", "depth.tif")]


def test_lazy_stacks_are_sent_as_the_names_of_their_files(tmp_path: Path) -> None:
    stacks = lazy_stacks(tmp_path)
    for stack in (*stacks, nx.run([nx.Step("optical_depth"), nx.Step("crop", {"energy": [8250, 8300]})], stacks[0])):
        assert not isinstance(stack.data, np.ndarray)
        sent = pickle.dumps(stack)
        assert len(sent) < 100_000
        there = pickle.loads(sent)
        np.testing.assert_array_equal(np.asarray(there.data[1]), np.asarray(stack.data[1]))
        np.testing.assert_array_equal(there.energy, stack.energy)


def test_recipes_with_references_are_sent_small() -> None:
    references = nmc_ni_k(size=16).stack.metadata["references"]
    recipe = nx.Recipe([nx.Step("optical_depth"), nx.Step("fit_references", {"references": references})])
    assert len(pickle.dumps(recipe)) < 100_000
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_a_file_on_a_worker_takes_one_thread() -> None:
    """Checked in a process whose libraries would take all cores, and load when they are first needed."""
    code = (
        "from pathlib import Path\n"
        "from napari_xanes.many.alone import alone\n"
        "def work(path, folder):\n"
        "    import scipy.linalg, sklearn.cluster, threadpoolctl\n"
        "    import torch, dask\n"
        "    found = [one['num_threads'] for one in threadpoolctl.threadpool_info()]\n"
        "    return [torch.get_num_threads(), *found, dask.config.get('scheduler')]\n"
        "print(alone(work, Path('a'), Path('b')))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=250
    )
    *counts, scheduler = items_of(done.stdout)
    assert len(counts) >= 2
    assert set(counts) == {"1"}
    assert scheduler == "synchronous"


def test_workers_do_not_run_the_program_that_starts_them(tmp_path: Path) -> None:
    """A script that opens a window and has no ``if __name__`` would open another window in each worker."""
    pytest.importorskip("distributed")
    code = (
        "from napari_xanes.many.clients import client_for\n"
        "with open('runs', 'a') as file:\n"
        "    file.write('run ')\n"
        "with client_for('processes', 1) as client:\n"
        "    assert client.submit(sum, [1, 2]).result() == 3\n"
    )
    (tmp_path / "script.py").write_text(code)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True, timeout=250, capture_output=True)
    assert (tmp_path / "runs").read_text() == "run "


def test_workers_end_with_a_program_that_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    code = (
        "import os, time\n"
        "from napari_xanes.many.clients import client_for\n"
        "with client_for('processes', 1) as client:\n"
        "    print(*client.run(os.getpid).values(), flush=True)\n"
        "    client.submit(time.sleep, 300).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        worker = int(program.stdout.readline())
        os.kill(worker, 0)
        program.kill()
    for _ in range(600):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"{worker} goes on")


def items_of(text: str) -> list[str]:
    """Return the items of a printed list."""
    return [item.strip(" '") for item in text.strip().strip("[]").split(",")]


@LEAVES_OPEN
def test_workers_of_a_batch_system(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    (tmp_path / "local.yaml").write_text(LOCAL)
    nx.write(nmc_ni_k(size=8).stack, tmp_path / "a.h5")
    recipe = nx.Recipe([nx.Step("optical_depth")])
    with client_for("threads", jobqueue=tmp_path / "local.yaml") as client:
        (outcome,) = run_many(recipe, [tmp_path / "a.h5"], tmp_path / "out", client=client)
    assert outcome.state == "done", outcome.error
    direct = nx.run(recipe, nx.read(tmp_path / "a.h5"))
    np.testing.assert_array_equal(nx.read(tmp_path / "out" / "a" / "stack.h5").data, direct.data)
    gc.collect()


def test_each_core_of_a_job_is_a_worker(tmp_path: Path) -> None:
    (tmp_path / "slurm.yaml").write_text("cluster: slurm\njobs: 20\ncores: 8\nmemory: 32GB\nwalltime: '02:00:00'\n")
    queue = read_jobqueue(tmp_path / "slurm.yaml")
    assert (queue.cluster, queue.jobs) == ("slurm", 20)
    assert queue.options == {"processes": 8, "cores": 8, "memory": "32GB", "walltime": "02:00:00"}
    assert read_jobqueue(tmp_path / "slurm.yaml", 3).jobs == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jobs: 2\n", "must begin with one of: cluster: slurm"),
        ("cluster: os.system\njobs: 2\n", "must begin with one of"),
        (LOCAL.replace("jobs: 1\n", ""), "how many jobs"),
        (LOCAL.replace("jobs: 1", "jobs: 0"), "how many jobs"),
        (LOCAL.replace("memory: 2GB\n", ""), "must say the memory of a job"),
        ("!!python/object/apply:os.system [ls]\n", "holds the object"),
    ],
)
def test_what_a_description_lacks_is_said(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ValueError, match=why), client_for("threads", jobqueue=tmp_path / "x.yaml"):
        pass


@LEAVES_OPEN
def test_options_that_a_batch_system_does_not_take_are_said(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    queue = JobQueue("local", 1, {"cores": 1, "memory": "1GB", "processes": 1, "walltme": "1:00"})
    with pytest.raises(ValueError, match="does not take these options"), client_of(queue):
        pass
    gc.collect()


def test_without_dask_jobqueue_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jobqueue.CLUSTERS, "local", ("no_such_package", "LocalCluster"))
    queue = JobQueue("local", 1, {"cores": 1, "memory": "1GB"})
    with pytest.raises(ImportError, match=r"pip install 'napari-xanes\[jobqueue\]'"), client_of(queue):
        pass


def test_a_scheduler_and_a_batch_system_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either the scheduler"), client_for("processes", 1, tmp_path / "x.yaml"):
        pass
