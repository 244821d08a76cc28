//! A real sshd on 127.0.0.1 for tests: its own keys, port and configuration, gone when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Credentials, Limits, Logins, Proof, Session, Sudo, Target, Transport};
use crate::failure::Result;

pub(crate) struct Sshd {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) target: Target,
    pub(crate) credentials: Credentials,
    server: Child,
}

impl Sshd {
    /// With these additional lines in its configuration.
    pub(crate) fn start(options: &[&str]) -> Sshd {
        Sshd::prepared(options, |_| {})
    }

    /// As [`Sshd::start`], with more files that `prepare` makes beside the keys; `{at}` in the lines is their folder.
    pub(crate) fn prepared(options: &[&str], prepare: impl FnOnce(&Path)) -> Sshd {
        let sshd = Path::new("/usr/sbin/sshd");
        assert!(sshd.exists(), "these tests need a real sshd: apt-get install openssh-server");
        let folder = tempfile::tempdir().unwrap();
        let host_key = keygen(&folder.path().join("host_key"), &["-t", "ed25519", "-N", ""]);
        let client_key = keygen(&folder.path().join("client_key"), &["-t", "ed25519", "-N", ""]);
        std::fs::write(folder.path().join("authorized_keys"), &client_key).unwrap();
        prepare(folder.path());
        let user = output(Command::new("id").arg("-un"));
        if user == "root" {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        // The first line that sets a value wins.
        let configuration = format!(
            "{}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized_keys\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nExposeAuthInfo yes\nLogLevel VERBOSE\n",
            options.join("\n").replace("{at}", &at.to_string())
        );
        std::fs::write(folder.path().join("sshd_config"), configuration).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let target = Target {
            name: "app1".to_string(),
            address: "127.0.0.1".to_string(),
            port,
            user,
            sudo: Sudo::No,
            proof: Proof::Key(host_key),
            transport: Transport::Direct,
            via: None,
        };
        let credentials = Credentials { key_files: vec![folder.path().join("client_key")], ..Credentials::default() };
        let sshd = Sshd { folder, target, credentials, server };
        sshd.wait_until_up();
        sshd
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { connect: Duration::from_secs(20), ..Limits::default() }
    }

    /// Logs in as the target says.
    pub(crate) fn connect(&self) -> Result<Box<dyn Session>> {
        self.connect_within(&self.limits())
    }

    /// As [`Sshd::connect`], with other limits.
    pub(crate) fn connect_within(&self, limits: &Limits) -> Result<Box<dyn Session>> {
        Logins::new([self.target.clone()], self.credentials.clone(), limits.clone()).connect("app1")
    }

    /// The same sshd reached by the system's ssh.
    pub(crate) fn over(mut self, transport: Transport) -> Sshd {
        self.target.transport = transport;
        self
    }

    /// Another key pair in the folder of the test; answers with the public half.
    pub(crate) fn keygen(&self, name: &str, arguments: &[&str]) -> String {
        keygen(&self.path(name), arguments)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops, continues or kills every connection, with the commands on it.
    pub(crate) fn signal_children(&self, signal: &str) {
        for child in children(self.server.id()) {
            let grandchildren = children(child);
            grandchildren.into_iter().chain([child]).for_each(|process| kill(signal, process));
        }
    }

    /// Ends every connection from the host's side, as a broken link does; the commands see only that.
    pub(crate) fn cut_connections(&self) {
        children(self.server.id()).into_iter().for_each(|child| kill("-KILL", child));
    }

    fn wait_until_up(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.target.port)).is_err() {
            assert!(Instant::now() < until, "sshd does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal_children("-KILL");
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

fn children(process: u32) -> Vec<u32> {
    let found = output(Command::new("pgrep").args(["-P", &process.to_string()]));
    found.lines().map(|line| line.parse().unwrap()).collect()
}

/// No matter if it has ended by itself.
fn kill(signal: &str, process: u32) {
    Command::new("kill").args([signal, &process.to_string()]).stderr(Stdio::null()).status().unwrap();
}

pub(crate) fn keygen(path: &Path, arguments: &[&str]) -> String {
    output(Command::new("ssh-keygen").arg("-q").args(arguments).arg("-f").arg(path));
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    std::fs::read_to_string(name).unwrap().trim().to_string()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}
