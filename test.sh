#!/usr/bin/env bash
# All tests; arguments go to pytest, such as: ./test.sh tests/test_score.py -k mcc
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
python -m pytest "$@"
