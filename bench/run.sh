#!/usr/bin/env bash
# One benchmark by its name, with what it needs installed first: bench/run.sh roi
# Arguments after the name go to it; the table goes to bench/RESULTS.md.
VENV=.venv-bench  # apart from .venv: the peers bring a second framework
source "$(dirname "${BASH_SOURCE[0]}")/../setup_env.sh"
name="${1:-}"
benchmarks="$(cd "$REPO/bench" && grep -l __main__ *.py | sed 's/\.py$//')"
grep -qxF -- "$name" <<< "$benchmarks" || {
    echo "error: no benchmark '$name'; there are:" $benchmarks >&2
    exit 2
}
shift
install_once requirements-bench -r requirements-bench.txt
install_once oracles --no-deps -r requirements-oracles.txt
cd "$REPO"
python "bench/$name.py" "$@"
