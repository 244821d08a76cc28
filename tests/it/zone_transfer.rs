//! `comuni dns import --from`: a zone that a real name server hands out comes in as its file does.

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::zone_files::{VARESE, comuni, copy, said};

const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MDEyMzQ1Njc=";

/// A knotd on loopback that hands the zone out to who has the key, gone when dropped.
struct Server {
    folder: tempfile::TempDir,
    address: String,
    process: Child,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let port = free_port();
        fs::create_dir(folder.path().join("db")).unwrap();
        fs::write(folder.path().join("zone"), one_ttl()).unwrap();
        let configuration = format!(
            "server:\n  listen: 127.0.0.1@{port}\n  rundir: {at}\ndatabase:\n  storage: {at}/db\n  journal-db-max-size: 8M\n\
             key:\n  - id: carry\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
             acl:\n  - id: carry\n    key: carry\n    action: transfer\n\
             zone:\n  - domain: comune.varese.it\n    storage: {at}\n    file: zone\n    acl: carry\n"
        );
        fs::write(folder.path().join("knot.conf"), configuration).unwrap();
        let mut knot = Command::new("/usr/sbin/knotd");
        knot.arg("-c").arg(folder.path().join("knot.conf")).stdin(Stdio::null()).stdout(Stdio::null());
        let process = knot.stderr(Stdio::null()).spawn().expect("these tests need a real knotd: apt-get install knot");
        let server = Server { address: format!("127.0.0.1:{port}"), folder, process };
        let began = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "knotd does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn import(&self, inventory: &Path, more: &[&str]) -> (i32, String, String) {
        let words = ["dns", "import", "comune.varese.it", "--from", &self.address];
        said(&comuni(inventory, &[&words[..], more].concat()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server gives all records of one name and type the same TTL, whatever its file says.
fn one_ttl() -> String {
    VARESE.replace("  TXT \"google", "  3600 TXT \"google")
}

fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[test]
fn a_zone_comes_in_from_its_server_as_from_its_file_and_only_with_the_key() {
    let inventory = copy();
    let server = Server::start();
    let zone = server.file("varese.zone", &one_ttl());
    let (_, by_file, _) = said(&comuni(inventory.path(), &["dns", "import", "comune.varese.it", &zone]));
    let key = server.file("key", &format!("hmac-sha256:carry:{SECRET}\n"));
    let (code, by_transfer, stderr) = server.import(inventory.path(), &["--tsig", &key]);
    assert_eq!((code, &by_transfer), (0, &by_file), "{stderr}");
    assert!(by_transfer.contains("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), "{by_transfer}");

    let wrong = server.file("wrong", "hmac-sha256:carry:d3Jvbmc=");
    for more in [vec![], vec!["--tsig", wrong.as_str()]] {
        let (code, stdout, stderr) = server.import(inventory.path(), &more);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("does not hand out comune.varese.it") && stderr.contains("--tsig"), "{stderr}");
    }
    let broken = server.file("broken", SECRET);
    let (code, _, stderr) = server.import(inventory.path(), &["--tsig", &broken]);
    assert_eq!(code, 64, "{stderr}");
    assert!(!stderr.contains(SECRET), "{stderr}");

    let (code, _, stderr) = server.import(inventory.path(), &["--tsig", &key, "--write"]);
    assert_eq!(code, 0, "{stderr}");
    let member = fs::read_to_string(inventory.path().join("members/varese.yml")).unwrap();
    assert!(member.contains("mx.pec.example") && member.contains("google-site-verification=abc"), "{member}");
}
