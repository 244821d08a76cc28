//! Somebody who is told: a small server on a host of the lab that writes down what Alertmanager sends to whom.

use std::collections::BTreeSet;

use crate::harness::{lab_does, on};

/// A host that no fault of the tests makes unreachable.
const HOST: &str = "ops1";
const PORT: u16 = 9480;

const PROGRAM: &str = r#"
import http.server, json
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("/run/told", "a") as out:
            for alert in said["alerts"]:
                labels = alert["labels"]
                about = labels.get("tenant") or labels.get("zone") or labels.get("host") or ""
                out.write(" ".join([self.path.strip("/"), alert["status"], labels["alertname"], about]) + "\n")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 9480), Hook).serve_forever()
"#;

/// One alert that was told to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub receiver: String,
    /// `firing` or `resolved`.
    pub status: String,
    pub alert: String,
    /// The tenant, zone or host.
    pub about: String,
}

/// The server while it runs.
pub struct Receiver;

impl Receiver {
    /// Starts it; `from` may reach it.
    pub fn start(from: &str) -> Receiver {
        let address = lab_does(&["address", from]);
        on(HOST, &format!("rm -f /run/told; cat > /run/hook.py <<'PYTHON'\n{PROGRAM}PYTHON\n"));
        on(HOST, &format!("nft insert rule inet comuni input ip saddr {address} tcp dport {PORT} accept"));
        on(HOST, "systemd-run --quiet --collect --unit=test-hook python3 /run/hook.py");
        Receiver
    }

    /// Its address for `copy_to:`.
    pub fn url(&self) -> String {
        format!("http://{}:{PORT}", lab_does(&["address", HOST]))
    }

    /// What was told until now.
    pub fn told(&self) -> BTreeSet<Told> {
        let lines = on(HOST, "cat /run/told 2>/dev/null || true");
        let told = lines.lines().map(|line| {
            let mut words = line.split(' ').map(str::to_string);
            let mut word = || words.next().unwrap_or_default();
            Told { receiver: word(), status: word(), alert: word(), about: word() }
        });
        told.collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        on(HOST, "systemctl stop test-hook; rm -f /run/told /run/hook.py; systemctl reload nftables");
    }
}
