"""Compare the times of `import napari_xanes` and `import numpy`: the shortest of seven runs, each in a new process."""

from __future__ import annotations

import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def best(module: str, runs: int = 7) -> float:
    times = [
        float(subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, check=True).stdout)
        for _ in range(runs)
    ]
    return min(times)


def main() -> None:
    package_time, numpy_time = best("napari_xanes"), best("numpy")
    ratio = package_time / numpy_time
    print(
        f"import napari_xanes: {package_time * 1e3:.1f} ms, {ratio:.2f} of importing numpy ({numpy_time * 1e3:.1f} ms)"
    )


if __name__ == "__main__":
    main()
