"""Python imports this first where this folder is on its path: the process lives so many seconds beside its time."""

import os

if os.environ.get("SKEW_SECONDS"):
    import datetime

    import time_machine

    shift = datetime.timedelta(seconds=float(os.environ["SKEW_SECONDS"]))
    time_machine.travel(datetime.datetime.now(datetime.UTC) + shift, tick=True).start()
