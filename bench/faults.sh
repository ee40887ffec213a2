#!/usr/bin/env bash
# Faults at every step, with a table in RESULTS.md; arguments go to bench/faults.py.
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" faults "$@"
