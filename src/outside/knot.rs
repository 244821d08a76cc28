//! Real name servers on loopback for tests: their own folder and port, gone when dropped.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hickory_proto::op::Message;

/// A running knotd.
pub(super) struct Knot {
    pub(super) folder: tempfile::TempDir,
    pub(super) address: SocketAddr,
    server: Child,
}

/// How a knotd serves a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// It signs.
    On,
    /// It serves what stands in the file, signed or not.
    Off,
}

impl Knot {
    /// Serves one zone from a text, with more lines for the zone's part of the configuration and for the rest.
    pub(super) fn start(ip: &str, zone: &str, text: &str, signing: Signing, of_zone: &str, rest: &str) -> Knot {
        let program = Path::new("/usr/sbin/knotd");
        assert!(program.exists(), "these tests need a real knotd: apt-get install knot knot-dnsutils knot-dnssecutils");
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let address = SocketAddr::new(ip.parse().unwrap(), free_port(ip.parse().unwrap()));
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("zone"), text).unwrap();
        let sign = if signing == Signing::On { "on" } else { "off" };
        let configuration = format!(
            "server:\n  listen: {ip}@{port}\n  rundir: {at}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n\
             database:\n  storage: {at}/db\n  journal-db-max-size: 8M\n  kasp-db-max-size: 8M\n  timer-db-max-size: 2M\n{rest}\
             policy:\n  - id: signed\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n    rrsig-lifetime: 14d\n    rrsig-refresh: 7d\n\
             zone:\n  - domain: {zone}\n    storage: {at}\n    file: zone\n    zonefile-sync: -1\n    dnssec-signing: {sign}\n    dnssec-policy: signed\n{of_zone}",
            port = address.port(),
        );
        std::fs::write(folder.path().join("knot.conf"), configuration).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = Command::new(program)
            .arg("-c")
            .arg(folder.path().join("knot.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let knot = Knot { folder, address, server };
        knot.wait_until_it_serves(zone);
        knot
    }

    fn wait_until_it_serves(&self, zone: &str) {
        let began = Instant::now();
        while !(TcpStream::connect(self.address).is_ok() && self.dig(&[zone, "SOA", "+short"]).contains(' ')) {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(20), "knotd does not serve {zone}:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it with kdig.
    pub(super) fn dig(&self, words: &[&str]) -> String {
        let output = Command::new("kdig")
            .args(["@".to_string() + &self.address.ip().to_string(), "-p".to_string(), self.address.port().to_string()])
            .args(words)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The whole zone as it serves it, signatures too, as a zone file. Transfers must be open.
    pub(super) fn served(&self, zone: &str) -> String {
        let text = self.dig(&[zone, "AXFR", "+noall", "+answer"]);
        assert!(text.contains("RRSIG"), "no signed transfer:\n{text}");
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(';') && !line.is_empty()).collect();
        // The SOA stands at both ends of a transfer, and its signature with each.
        lines.sort();
        lines.dedup();
        lines.join("\n") + "\n"
    }

    /// Puts another text into the zone's file and loads it.
    pub(super) fn reload(&self, zone: &str, text: &str) {
        std::fs::write(self.folder.path().join("zone"), text).unwrap();
        let socket = self.folder.path().join("knot.sock");
        let status = Command::new("knotc").arg("-s").arg(socket).args(["-b", "zone-reload", zone]).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A server that passes questions over UDP on to another one and changes its answers; nothing listens on TCP.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
}

impl Relay {
    /// It ends with the process: nothing is asked of it after its test.
    pub(super) fn start(to: SocketAddr, change: impl Fn(Message) -> Message + Send + 'static) -> Relay {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, asker)) = front.recv_from(&mut buffer) {
                let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                back.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                back.send_to(&buffer[..length], to).unwrap();
                if let Ok(length) = back.recv(&mut buffer) {
                    let answer = change(Message::from_vec(&buffer[..length]).unwrap());
                    front.send_to(&answer.to_vec().unwrap(), asker).unwrap();
                }
            }
        });
        Relay { address }
    }
}

/// A port on which nothing listens, over TCP and UDP.
pub(super) fn free_port(ip: IpAddr) -> u16 {
    loop {
        let port = TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port();
        if UdpSocket::bind((ip, port)).is_ok() {
            return port;
        }
    }
}
