#!/usr/bin/env bash
# Extraction from a bucket, in shards, killed and through faults, with a table in RESULTS.md; arguments go to bench/scale.py.
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" scale "$@"
