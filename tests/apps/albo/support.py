"""A throw-away PostgreSQL server with TLS, and albo running on it as in production: other user, read-only release."""
import http.client
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

PYTHON = "/usr/bin/python3"
HOST = "db1.albo.test"
PASSWORD = "una password di prova"
ROOT = os.geteuid() == 0
CONTENT = """SELECT md5(string_agg(row, '' ORDER BY row COLLATE "C")) FROM (
    SELECT n::text FROM notice n UNION ALL SELECT a::text FROM attachment a UNION ALL SELECT r::text FROM register r
    UNION ALL SELECT p::text FROM protocol_entry p UNION ALL SELECT notice_id || md5(lo_get(content)) FROM scan
    UNION ALL SELECT sequencename || coalesce(last_value, -99) FROM pg_sequences) AS rows (row)"""


def postgres_programs():
    base = "/usr/lib/postgresql"
    versions = sorted((int(v) for v in os.listdir(base) if v.isdigit()), reverse=True) if os.path.isdir(base) else []
    return next((f"{base}/{v}/bin" for v in versions if os.path.exists(f"{base}/{v}/bin/initdb")), None)


def missing_packages():
    missing = [] if postgres_programs() else ["postgresql"]
    if subprocess.run([PYTHON, "-I", "-c", "import psycopg2"], stderr=subprocess.DEVNULL).returncode:
        missing.append("python3-psycopg2")
    return missing + [package for program, package in (("openssl", "openssl"), ("setpriv", "util-linux"))
                      if not shutil.which(program)]


def as_user(name):
    """argv before a program: another user, and an end together with this test, whatever ends it."""
    argv = ["setpriv", "--pdeathsig", "KILL"]
    if ROOT:
        user = pwd.getpwnam(name)
        argv += ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "--inh-caps=-all"]
    return argv + ["--"]


def give(path, name):
    if ROOT:
        user = pwd.getpwnam(name)
        os.chown(path, user.pw_uid, user.pw_gid)


def timed(action):
    start = time.monotonic()
    return action(), time.monotonic() - start


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Cluster:
    def __init__(self, home):
        self.home, self.bin, self.process = home, postgres_programs(), None
        self.data = f"{home}/postgres"
        os.mkdir(self.data, 0o700)
        give(self.data, "postgres")
        self.user = as_user("postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run([f"{self.bin}/initdb", "-D", f"{self.data}/main", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8",
                   "--locale=C.UTF-8"])
        self._run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-keyout", f"{self.data}/key.pem", "-out", f"{self.data}/cert.pem", "-days", "2", "-subj",
                   f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"])
        shutil.copy(f"{self.data}/cert.pem", f"{home}/ca.pem")
        os.chmod(f"{home}/ca.pem", 0o644)
        with open(f"{self.data}/main/pg_hba.conf", "w", encoding="ascii") as file:
            file.write("local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.start()

    def _run(self, argv):
        subprocess.run(self.user + argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")

    def start(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.data, "ssl": "on",
                    "ssl_cert_file": f"{self.data}/cert.pem", "ssl_key_file": f"{self.data}/key.pem", "fsync": "off"}
        argv = [f"{self.bin}/postgres", "-D", f"{self.data}/main"] + [f"--{k}={v}" for k, v in settings.items()]
        with open(f"{self.home}/postgres.log", "ab") as log:
            self.process = subprocess.Popen(self.user + argv, stdout=log, stderr=log, cwd="/")
        ready = [f"{self.bin}/pg_isready", "-q", "-U", "postgres", "-h", self.data, "-p", str(self.port)]
        assert wait_until(lambda: subprocess.run(ready).returncode == 0), "PostgreSQL did not start"

    def stop(self):
        if self.process:
            self.process.send_signal(3)  # immediate
            self.process.wait()
            self.process = None

    def sql(self, text, database="albo"):
        return subprocess.run([f"{self.bin}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.data, "-p", str(self.port),
                               "-U", "postgres", "-d", database], input=text, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()


    def dump_and_restore(self, source, target):
        at = ["-U", "postgres", "-h", self.data, "-p", str(self.port)]
        self.sql(f"CREATE DATABASE {target} OWNER albo_owner", "postgres")
        dump = subprocess.run([f"{self.bin}/pg_dump", *at, "-Fc", source], check=True, stdout=subprocess.PIPE)
        subprocess.run([f"{self.bin}/pg_restore", *at, "-e", "-d", target], check=True, input=dump.stdout)

    def digest(self, database):
        """One hash over every row, sequence and large object (whose oids differ from one database to the next)."""
        return self.sql(CONTENT, database)


class Albo:
    def __init__(self, home, release, cluster, database):
        self.home, self.release, self.process = home, release, None
        os.mkdir(home, 0o711)
        self.script = f"{release}/albo.py"
        self.data, self.run_folder = f"{home}/data", f"{home}/run"
        self.socket = f"{self.run_folder}/albo.sock"
        for folder in self.data, self.run_folder:
            os.mkdir(folder, 0o750)
            give(folder, "nobody")
        with open(f"{home}/pgpass", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"*:*:*:*:{PASSWORD}\n")
        give(f"{home}/pgpass", "nobody")
        # LANG=C on purpose: no result may hang on the locale.
        self.environment = {"PATH": "/usr/bin:/bin", "LANG": "C", "PGHOST": HOST, "PGHOSTADDR": "127.0.0.1",
                            "PGPORT": str(cluster.port), "PGDATABASE": database, "PGUSER": "albo_a",
                            "PGPASSFILE": f"{home}/pgpass", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{cluster.home}/ca.pem"}

    def run(self, *arguments, **environment):
        return subprocess.run(as_user("nobody") + [PYTHON, "-I", self.script, *arguments], cwd="/", text=True,
                              env={**self.environment, **environment}, capture_output=True, timeout=120)

    def start(self, *more, wait=True):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
            address = tempfile.mktemp(dir=self.run_folder)
            inbox.bind(address)
            os.chmod(address, 0o666)
            inbox.settimeout(20)
            with open(f"{self.home}/log", "ab") as log:
                self.process = subprocess.Popen(
                    as_user("nobody") + [PYTHON, "-I", self.script, "serve", "--socket", self.socket, "--data", self.data,
                                         "--name", "Comune di <Forlì> & \"Söhne\"", *more],
                    cwd="/", env={**self.environment, "NOTIFY_SOCKET": address}, stdout=log, stderr=log)
            said = inbox.recv(1000).decode() if wait else ""
            os.unlink(address)
        return said

    def stop(self, signal=15):
        if self.process:
            self.process.send_signal(signal)
            code = self.process.wait(40)
            self.process = None
            return code
        return None

    def connect(self):
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(self.socket)
        return connection

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body) over a connection of its own."""
        connection = self.connect()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, answer.headers, data

    def post(self, fields):
        status, headers, data = self.ask("POST", "/notices", json.dumps(fields), {"Content-Type": "application/json"})
        return status, json.loads(data)
