"""What the first line of every numbered script is for: from there on, Ctrl-C shows no traceback.

Until `cli.run` has taken over it ends the process without a word. What is left is the start of Python itself, and the
millisecond or two in which it finds this file, which therefore imports nothing that takes any longer.
"""

import _signal  # what `signal` is made of: that would load five modules more
import sys


def _is_numbered_script() -> bool:
    """Whether Python runs a numbered script, and neither a test, a benchmark, nor a worker that is yet to start."""
    name = (getattr(sys.modules["__main__"], "__file__", None) or "").rpartition("/")[2]
    return name[:1] == "r" and name[1:3].isdigit()


if _is_numbered_script() and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
