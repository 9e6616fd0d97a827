#!/usr/bin/env bash
# Expected: the noise that est tells of a spectrum is the standard deviation of a point.
# Observed in est 2.1.0: NoiseProcess averages the distances to a Savitzky-Golay curve of five points and second degree.
# The curve follows the noise (17/35 of each point is its own), and a mean distance is .80 of a standard deviation: the
# noise told is .57 of the true one, so photon noise looks like that of three times as many photons.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# est 2.1.0 imports only with a Qt binding installed.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "est==2.1.0" "xraylarch==2026.3.1" "numpy==2.4.6" "PyQt6==6.11.0"
QT_QPA_PLATFORM=offscreen "$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from est.core.process.noise import process_noise_savgol
from est.core.types.spectrum import Spectrum

energy = np.arange(7000.0, 9000.0)
noise = np.random.default_rng(0).normal(0, 0.01, energy.size)
spectrum = Spectrum(energy=energy, mu=1 + noise, e0=7112.0, edge_step=1.0)
process_noise_savgol(spectrum, {"window_size": 5, "polynomial_order": 2})
told = float(spectrum.raw_noise_savgol)
closed_form = np.sqrt(2 / np.pi) * np.sqrt(1 - 17 / 35)
print(f"est {version('est')}: noise .0100, told {told:.4f}; closed form {0.01 * closed_form:.4f}")
raise SystemExit(0 if abs(told / 0.01 - closed_form) < 0.03 else 1)
PY
