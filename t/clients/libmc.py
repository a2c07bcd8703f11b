"""A conversation of pylibmc, which is libmemcached."""
import os
import sys

import pylibmc

host, port, *login = sys.argv[1:]
WORDS = {f"k{n}": f"value {n}" for n in range(200)}
LARGE = os.urandom(900_000)
BINARY = bytes(range(256)) * 4


def ok(holds, what):
    print(("ok " if holds else "not ok ") + what, flush=True)


def client(password=None):
    options = {"username": login[0], "password": password or login[1]} if login else {}
    return pylibmc.Client([f"{host}:{port}"], binary=True, behaviors={"cas": True, "no_block": False}, **options)


def raises(call, *kinds):
    try:
        call()
    except kinds:
        return True
    return False


mc = client()
ok(mc.set("a", "one"), "set")
ok(mc.get("a") == "one", "get")
ok(mc.get("none") is None, "a miss")
ok(mc.add("a", "x") is False and mc.add("b", "two"), "add")
ok(raises(lambda: mc.replace("none", "x"), pylibmc.NotFound) and mc.replace("b", "three"), "replace")
ok(mc.set_multi(WORDS) == [], "many sets")
ok(mc.get_multi([*WORDS, "none"]) == WORDS, "many gets")
value, cas = mc.gets("a")
ok(mc.cas("a", "two", cas) is True, "compare and swap")
ok(raises(lambda: mc.cas("a", "three", cas), pylibmc.Error) or mc.get("a") == "two", "an old id is refused")
ok(mc.set("n", 5) and mc.incr("n", 3) == 8 and mc.decr("n") == 7, "a number changes")
ok(raises(lambda: mc.incr("none"), pylibmc.NotFound), "a number that is not there does not")
ok(mc.set("s", b"bytes") and mc.append("s", b"+") and mc.prepend("s", b"-") and mc.get("s") == b"-bytes+", "append, prepend")
ok(mc.touch("s", 100) is True and mc.touch("none", 100) is False, "touch")
ok(mc.set("binary", BINARY) and mc.get("binary") == BINARY, "binary values")
ok(mc.set("large", LARGE) and mc.get("large") == LARGE, "large values")
ok(raises(lambda: mc.set("larger", os.urandom(1_100_000)), pylibmc.Error), "values that are too large")
ok(mc.get("a") == "two", "... and the connection goes on")
ok(mc.delete("a") is True and mc.delete("a") is False, "delete")
stats = mc.get_stats()[0][1]
ok(stats[b"version" if b"version" in stats else "version"] in (b"1.6.45", "1.6.45"), "statistics")
mc.flush_all()
ok(mc.get("b") is None, "flush")
if login:
    ok(raises(lambda: client("wrong").set("a", "x"), pylibmc.Error), "a wrong password")
