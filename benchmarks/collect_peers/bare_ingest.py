"""The bare script: parse a file of JSON lines with orjson and insert it with executemany.

It reads from the disk, keeps each line as it is, has no index besides the row id
and commits once: the least that can be done.

    python bare_ingest.py ROWS DATABASE    prints the seconds it took
"""

import sqlite3
import sys
import time

import orjson


def rows(path):
    with open(path, "rb") as file:
        for line in file:
            row = orjson.loads(line)
            yield row["asin"], row["url"], row["title"], line.decode()


started = time.perf_counter()
connection = sqlite3.connect(sys.argv[2])
connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, key TEXT, url TEXT, title TEXT, data TEXT)")
connection.executemany("INSERT INTO records (key, url, title, data) VALUES (?, ?, ?, ?)", rows(sys.argv[1]))
connection.commit()
print(time.perf_counter() - started)
