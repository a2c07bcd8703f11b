"""A conversation of python-binary-memcached."""
import os
import sys

sys.path.pop(0)  # this file has the module's name
import bmemcached
from bmemcached.exceptions import MemcachedException

host, port, *login = sys.argv[1:]
WORDS = {f"k{n}": f"value {n}" for n in range(200)}
LARGE = os.urandom(900_000)
BINARY = bytes(range(256)) * 4


def ok(holds, what):
    print(("ok " if holds else "not ok ") + what, flush=True)


def raises(call, *kinds):
    try:
        return call() is False
    except kinds:
        return True


mc = bmemcached.Client((f"{host}:{port}",), *login)
ok(mc.set("a", "one"), "set")
ok(mc.get("a") == "one", "get")
ok(mc.get("none") is None, "a miss")
ok(not mc.add("a", "x") and mc.add("b", "two"), "add")
ok(not mc.replace("none", "x") and mc.replace("b", "three"), "replace")
ok(not mc.set_multi(WORDS), "many sets")
ok(mc.get_multi([*WORDS, "none"]) == WORDS, "many gets")
value, cas = mc.gets("a")
ok(value == "one" and mc.cas("a", "two", cas), "compare and swap")
ok(not mc.cas("a", "three", cas) and mc.get("a") == "two", "an old id is refused")
ok(mc.incr("n", 3, default=5) == 5 and mc.incr("n", 3) == 8 and mc.decr("n", 1) == 7, "a number is made and changes")
ok(mc.set("s", "x", time=100) and mc.get("s") == "x", "an expiry")
ok(mc.set("binary", BINARY) and mc.get("binary") == BINARY, "binary values")
ok(mc.set("large", LARGE) and mc.get("large") == LARGE, "large values")
ok(raises(lambda: mc.set("larger", os.urandom(1_100_000)), MemcachedException), "values that are too large")
ok(mc.get("a") == "two", "... and the connection goes on")
ok(mc.delete("a") and mc.get("a") is None, "delete")
ok(not mc.delete_multi(["k1", "k2"]) or mc.get("k1") is None, "many deletes")
stats = next(iter(mc.stats().values()))
ok(stats.get("version", stats.get(b"version")) in ("1.6.45", b"1.6.45"), "statistics")
ok(mc.flush_all() and mc.get("b") is None, "flush")
mc.disconnect_all()
if login:
    wrong = bmemcached.Client((f"{host}:{port}",), login[0], "wrong")
    ok(raises(lambda: wrong.set("a", "x"), MemcachedException), "a wrong password")
