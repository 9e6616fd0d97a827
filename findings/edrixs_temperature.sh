#!/usr/bin/env bash
# Expected: xas_1v1c_py at a temperature has the initial states that are populated at it ("Temperature (in K) for
# boltzmann distribution").
# Observed in edrixs 0.2.0: one state is taken, the first, unless gs_list names more, and the temperature does nothing.
# So an ion without any field, which is the same in all directions, absorbs left and right circular light differently,
# and the white line of Co2+ in an oxide is the same at 1 and 1000 K. With gs_list of all low states both are as expected.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "edrixs==0.2.0" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY' | grep "^>"
from importlib.metadata import version
import edrixs
import numpy as np

SHELL = ("d", "p32")
# Co2+, in eV, from get_atom_data; Coulomb integrals at 80 % as usual.
atom = edrixs.get_atom_data("Co", v_name="3d", v_noccu=7, edge="L3")
slater = [[(1 if name.startswith("F0") else 0.8) * value for name, value in atom[key]] for key in ("slater_i", "slater_n")]
energy = np.linspace(-15, 10, 400)


def solved(ten_dq):
    return edrixs.ed_1v1c_py(
        SHELL, shell_level=(0.0, -700.0), v_soc=(0.066, 0.083), c_soc=9.746, v_noccu=7, slater=slater,
        v_cfmat=edrixs.cf_cubic_d(ten_dq),
    )


def spectra(solution, light, temperature, **states):
    initial, final, transition = solution
    at = energy + np.median(final) - initial[0]
    return edrixs.xas_1v1c_py(initial, final, transition, at, gamma_c=0.3, pol_type=light, temperature=temperature, **states)


def difference(a, b):
    return float(np.abs(a - b).max() / np.maximum(a, b).max())


free, oxide = solved(0.0), solved(1.0)
low = list(range(12))
ground = list(range(int(np.sum(free[0] - free[0][0] < 1e-6))))
results = {}
for name, more in (("as by default", [{}, {}]), ("with gs_list", [{"gs_list": ground}, {"gs_list": low}])):
    both = spectra(free, [("left", 0), ("right", 0)], 300.0, **more[0])
    cold, hot = (spectra(oxide, [("isotropic", 0)], kelvin, **more[1])[:, 0] for kelvin in (1.0, 1000.0))
    results[name] = difference(both[:, 0], both[:, 1]), difference(cold, hot)
print("> edrixs", version("edrixs"))
for name, (dichroism, heat) in results.items():
    print(f"> {name}: free ion, left against right {dichroism:.3f} of the maximum; oxide, 1 against 1000 K {heat:.3f}")
(one, same), (none, changed) = results.values()
raise SystemExit(0 if one > 0.1 and same == 0 and none < 1e-6 and changed > 0.02 else 1)
PY
