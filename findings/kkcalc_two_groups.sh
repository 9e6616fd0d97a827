#!/usr/bin/env bash
# Expected: a formula with two groups in brackets has the atoms of both.
# Observed in kkcalc 0.8.4: the first bracket is taken to the last one that closes. Hydroxyapatite, Ca5(PO4)3(OH), has one
# phosphate for three, ammonium iron(II) sulfate two iron atoms for one, and nothing is said. The scattering factors to
# which a spectrum is scaled, and the mass, are those of something else. With the last group written out it is right.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "kkcalc==0.8.4" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" -W ignore - <<'PY'
from collections import Counter
from importlib.metadata import version
from kkcalc.data import LIST_OF_ELEMENTS, ParseChemicalFormula


def atoms(formula):
    found = Counter()
    for number, count in ParseChemicalFormula(formula):
        found[LIST_OF_ELEMENTS[number - 1]] += count
    return dict(found)


print("kkcalc", version("kkcalc"))
brackets, written_out = atoms("Ca5(PO4)3(OH)"), atoms("Ca5(PO4)3OH")
salt = atoms("(NH4)2Fe(SO4)2")
print("Ca5(PO4)3(OH): ", brackets)
print("Ca5(PO4)3OH:   ", written_out)
print("(NH4)2Fe(SO4)2:", salt, "(it has one Fe)")
is_right_without = written_out == {"Ca": 5, "P": 3, "O": 13, "H": 1}
raise SystemExit(0 if is_right_without and brackets["P"] == 1 and brackets["O"] == 5 and salt["Fe"] == 2 else 1)
PY
