#!/usr/bin/env bash
# The tests, in a process a core and one more:
#   ./test.sh                                   all but the slowest
#   ./test.sh --all                             all, as .ci/run does
#   ./test.sh tests/test_score.py -k mcc        what the arguments, which go to pytest, name, in one process
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
install_once requirements-test -r requirements-test.txt
install_once oracles --no-deps -r requirements-oracles.txt
cd "$REPO"
if ! command -v chromium > /dev/null || ! command -v chromedriver > /dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "installing Chromium, in which the report's page is looked at"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -qq update && apt-get -qq install --no-install-recommends chromium chromium-driver; } > /dev/null ||
            echo "that failed; tests/test_report_in_browser.py says what that means"
    else
        echo "no Chromium: tests/test_report_in_browser.py is skipped; to run it, install chromium and its chromedriver"
    fi
fi
# one more than cores, as many a test waits for another process; four at most: each takes a gigabyte, and the longest
# module, which one process runs, as long as all others by then
processes="$(python -c 'from stagewise.machine.processor import available_cpus; print(min(available_cpus() + 1, 4))')"
parallel=(-n "$processes" --dist loadfile --no-loadscope-reorder)
case "${1:-}" in
    "") set -- "${parallel[@]}" -m "not slow" ;;
    --all) set -- "${parallel[@]}" "${@:2}" ;;
esac
python -m pytest "$@"
