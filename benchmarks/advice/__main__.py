"""Print how good plans of energies are.

python -m benchmarks.advice
"""

from __future__ import annotations

from benchmarks.advice import energies

if __name__ == "__main__":
    energies.report()
