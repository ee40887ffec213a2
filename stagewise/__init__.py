"""The machinery that the numbered scripts share."""

import sys

if sys.platform == "win32":  # before an import fails: locks, signals and pipes here are those of Unix
    sys.exit("error: this runs on Linux and macOS; on Windows, run it in WSL 2, which is Linux: wsl --install")
