# Sourced by the shell scripts: makes .venv (or $VENV) beside this file and installs the pinned requirements named in
# its arguments, once; a changed requirements file is installed again.
set -eo pipefail  # not -u: macOS's bash 3.2 takes an empty array for an unset one
case "$(uname -s)" in
    MINGW* | MSYS* | CYGWIN*)
        echo "error: this runs on Linux and macOS; on Windows, run it in WSL 2, which is Linux: wsl --install" >&2
        exit 1
        ;;
esac
REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
VENV="$REPO/${VENV:-.venv}"
PATH="$VENV/bin:$PATH"

apart() {  # apart COMMAND: in a process group of its own, as Python and pip would meet a Ctrl-C with a traceback
    set -m
    "$@" &
    set +m
    trap "trap '' INT TERM; kill -- -$! 2> /dev/null; wait; exit 130" INT
    trap "trap '' INT TERM; kill -- -$! 2> /dev/null; wait; exit 143" TERM
    local code=0
    wait $! || code=$?
    trap - INT TERM
    return $code
}

install_once() {  # install_once STAMP [pip arguments]: STAMP names what was installed from which files
    local stamp="$VENV/.installed-$1" wanted
    shift
    wanted="$(cd "$REPO" && cat requirements*.txt pyproject.toml | cksum) $*"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    echo "installing into $VENV: $*"
    local code=0
    (cd "$REPO" && apart "$VENV/bin/python" -m pip install --disable-pip-version-check "$@") > "$stamp.log" 2>&1 || code=$?
    case $code in
        0) ;;
        130 | 143) exit $code ;;
        *)
            cat "$stamp.log" >&2
            echo "error: pip install $* failed, as its messages above say; mend that, and run the same command again" >&2
            exit 1
            ;;
    esac
    echo "$wanted" > "$stamp"
}

if [ ! -x "$VENV/bin/python" ] || [ ! -x "$VENV/bin/pip" ]; then  # pip comes last
    python="${PYTHON:-python3}"
    fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'  # TensorFlow's wheels
    (trap '' INT; "$python" -c "$fits") || {
        echo "error: this is $("$python" --version 2>&1), Python 3.11 to 3.13 is needed; run: PYTHON=python3.12 $0" >&2
        exit 1
    }
    echo "making $VENV"
    apart "$python" -m venv "$VENV"
fi
install_once requirements -r requirements.txt
