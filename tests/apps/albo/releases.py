"""What each later release does to a database of an earlier one. Run by `test`."""
import os
import subprocess
import time

from support import Albo, timed, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
# What every release has of a notice, in one text.
ROWS = """SELECT count(*) || ' ' || md5(string_agg(n, '' ORDER BY n)) FROM (SELECT (id, year, number, office, subject, body,
    published_from, published_to, created_at)::text AS n FROM notice) AS rows"""
MISKINDED = "SELECT count(*) FROM notice WHERE kind <> lower(btrim(split_part(subject, ':', 1)))"


def unpack(home, release):
    archive = f"{home}/albo-{release}.tar.gz"
    subprocess.run([f"{HERE}/pack", release, archive], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "-xzf", archive, "-C", home], check=True)
    return f"{home}/albo-{release}"


def tenant(home, cluster, database, source=None):
    """A database of 1.0.0 with 2,000 notices, or a copy of one, and the runner of any release on it."""
    cluster.sql(f"CREATE DATABASE {database} OWNER albo_owner" + (f" TEMPLATE {source}" if source else ""), "postgres")
    albo = Albo(f"{home}/{database}", f"{home}/albo-1.0.0", cluster, database)

    def on(release):
        albo.release, albo.script = f"{home}/albo-{release}", f"{home}/albo-{release}/albo.py"
        return albo
    return on


def prove(ok, home, cluster):
    for release in "1.1.0", "1.2.0", "1.3.0", "2.0.0":
        unpack(home, release)
    cluster.start()
    on = tenant(home, cluster, "u_old")
    codes = [on("1.0.0").run("migrate").returncode, on("1.0.0").run("sample", "--data", on("1.0.0").data, "--rows", "2000").returncode]
    before = cluster.sql(ROWS, "u_old")
    ok("a tenant of 1.0.0 with 2,000 notices", codes == [0, 0] and before.startswith("2000 "), codes)
    forward(ok, home, cluster, before)
    half_way(ok, home, cluster, before)
    unwell(ok, home, cluster)
    second(ok, home, cluster, before)


def forward(ok, home, cluster, before):
    on = tenant(home, cluster, "u_forward", "u_old")
    result, seconds = timed(lambda: on("1.1.0").run("migrate"))
    ok(f"1.1.0 migrates in {seconds:.1f} s", result.returncode == 0 and "0003_kind" in result.stderr, result)
    ok("every notice is as it was", cluster.sql(ROWS, "u_forward") == before)
    ok("every notice has its kind", cluster.sql(MISKINDED, "u_forward") == "0")
    index = cluster.sql("SELECT count(*) FROM pg_indexes WHERE indexname = 'notice_of_kind'", "u_forward")
    ok("the index is there", index == "1", index)
    on("1.1.0").start()
    status, answer = on("1.1.0").post({"office": "a", "subject": "Ordinanza: x", "body": "c"})
    ok("1.1.0 says the kind of what it takes", status == 201 and answer["kind"] == "ordinanza", answer)
    on("1.1.0").stop()
    result = on("1.0.0").run("migrate")
    on("1.0.0").start()
    status = on("1.0.0").post({"office": "a", "subject": "Delibera: x", "body": "c"})[0]
    on("1.0.0").stop()
    ok("1.0.0 reads and writes what 1.1.0 made", result.returncode == 0 and status == 201, (result, status))
    ok("and its notices have a kind too", cluster.sql(MISKINDED, "u_forward") == "0")


def half_way(ok, home, cluster, before):
    on = tenant(home, cluster, "u_half", "u_old")
    result = on("1.3.0").run("migrate")
    ok("1.3.0 fails and says why", result.returncode == 1 and "office_of_register" in result.stderr, result)
    found = cluster.sql("SELECT to_regclass('archive') IS NOT NULL, (SELECT max(version) FROM schema_version)", "u_half")
    ok("after half of its work was committed", found.startswith("t|") and cluster.sql(ROWS, "u_half") != before, found)


def unwell(ok, home, cluster):
    on = tenant(home, cluster, "u_unwell", "u_old")
    albo = on("1.2.0")
    ok("1.2.0 migrates", albo.run("migrate").returncode == 0)
    albo.environment["ALBO_WELL_SECONDS"] = "3"
    albo.start()
    began = time.monotonic()
    first = albo.ask("GET", "/health")[0]
    later = wait_until(lambda: albo.ask("GET", "/health")[0] == 503, 10)
    seconds = time.monotonic() - began
    ok(f"1.2.0 is well at its start and unwell {seconds:.1f} s later", first == 200 and later and seconds > 1.5, first)
    with open(f"{albo.home}/log", encoding="utf-8") as file:
        ok("and its log says why", "cache of pages is full" in file.read())
    albo.stop()


def second(ok, home, cluster, before):
    on = tenant(home, cluster, "u_second", "u_old")
    result = on("2.0.0").run("migrate")
    ok("2.0.0 refuses a database of 1.0.0", result.returncode == 1 and "release 1.1.0 first" in result.stderr
       and "Traceback" not in result.stderr, result)
    codes = [on("1.1.0").run("migrate").returncode, on("2.0.0").run("migrate").returncode]
    kinds = cluster.sql("SELECT count(*) > 1 FROM kind", "u_second")
    ok("and takes one of 1.1.0, rows equal", codes == [0, 0] and kinds == "t" and cluster.sql(ROWS, "u_second") == before, codes)
    on("2.0.0").start()
    status, answer = on("2.0.0").post({"office": "a", "subject": "Nuovo genere: x", "body": "c"})
    ok("2.0.0 takes notices", status == 201 and answer["kind"] == "nuovo genere", answer)
    on("2.0.0").stop()
    result = on("1.1.0").run("migrate")
    ok("1.1.0 refuses what 2.0.0 made", result.returncode == 1 and "cannot work on it" in result.stderr, result)
    on = tenant(home, cluster, "u_new")
    codes = [on("2.0.0").run("migrate").returncode, on("2.0.0").run("sample", "--data", on("2.0.0").data, "--rows", "50").returncode]
    ok("2.0.0 begins from nothing too", codes == [0, 0], codes)
