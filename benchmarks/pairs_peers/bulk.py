"""One step over all pairs of a project after the other: python bulk.py WAY ... with accepted, rejected, undo or redo.

Prints the seconds and the pairs of each step and the number of its progress reports.
"""

import json
import sys
import time

from ftui.store import Store
from ftui.store.pairs import Decision
from pairs_made import PROJECT

with Store(PROJECT) as store:
    for way in sys.argv[1:]:
        began, reports, changed = time.perf_counter(), 0, 0
        if way in ("undo", "redo"):
            # What somebody decided one by one meanwhile came later, and is taken back first.
            while way == "undo" and (step := store.pairs.next_step("undo")) is not None and step.size == 1:
                store.pairs.undo()
            steps = store.pairs.replaying("undo" if way == "undo" else "redo")
        else:
            steps = store.pairs.deciding(store.pairs.ids(), Decision[way.upper()])
        for step in steps:
            reports += 1
            changed = step.changed
            if reports == 1:
                print("began", flush=True)
        print(json.dumps([way, time.perf_counter() - began, changed, reports]), flush=True)
