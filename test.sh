#!/usr/bin/env bash
# All tests; arguments go to pytest, such as: ./test.sh tests/test_score.py -k mcc
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
install_once requirements-test -r requirements-test.txt
install_once oracles --no-deps -r requirements-oracles.txt
cd "$REPO"
python -m pytest "$@"
