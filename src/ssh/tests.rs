//! Against a real sshd. What holds for a session holds over libssh2 and over the system's ssh.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::sshd::Sshd;
use super::*;
use crate::failure::Result;

/// An sshd for each way to connect to it.
fn each(options: &[&str]) -> impl Iterator<Item = Sshd> {
    [Transport::Direct, Transport::System].into_iter().map(|way| Sshd::start(options).over(way))
}

fn connect(sshd: &Sshd) -> Result<Box<dyn Session>> {
    sshd.connect()
}

/// Connects as far as a command that runs; over the system's ssh nothing is connected before.
fn enter(sshd: &Sshd) -> Result<Box<dyn Channel>> {
    sshd.connect()?.exec("cat")
}

fn pin(key: String) -> Proof {
    Proof::Key(key)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Runs a command to its end and gives all of its stdout.
fn run(session: Box<dyn Session>, command: &str) -> (Box<dyn Session>, String, Exit) {
    let mut channel = session.exec(command).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match channel.read(&mut buffer, Duration::from_secs(60)).unwrap() {
            Read::Data(count) => all.extend_from_slice(&buffer[..count]),
            Read::Eof => break,
            Read::Timeout => panic!("`{command}` says nothing; stderr so far: {}", channel.stderr()),
        }
    }
    let (session, exit) = channel.finish(Duration::from_secs(60)).unwrap();
    (session, String::from_utf8(all).unwrap(), exit)
}

#[test]
fn with_the_pinned_key_commands_run_one_after_the_other_on_one_session() {
    for sshd in each(&[]) {
        let session = connect(&sshd).unwrap();
        let (session, first, exit) = run(session, "echo one; echo two >&2");
        assert_eq!(first, "one\n");
        assert_eq!(exit, Exit { status: 0, signal: None, stderr: "two\n".to_string() });
        let (session, second, exit) = run(session, "exit 7");
        assert_eq!((second.as_str(), exit.status, exit.success()), ("", 7, false));
        assert_eq!(session.traffic(), Traffic { execs: 2, sent: 0, received: 8 });
    }
}

#[test]
fn a_changed_host_key_is_refused_before_anything_is_sent() {
    for mut sshd in each(&["LogLevel DEBUG1"]) {
        enter(&sshd).unwrap();
        let asked = sshd.log().matches("userauth-request").count();
        assert!(asked >= 2, "what this test looks for is logged");
        sshd.target.proof = pin(sshd.keygen("other", &["-t", "ed25519", "-N", ""]));
        let failure = enter(&sshd).err().unwrap();
        assert!(failure.message.contains("another host key than the pinned one"), "{failure}");
        assert_eq!(failure.message.matches("SHA256:").count(), 2, "{failure}");
        assert!(failure.hints[0].contains("`comuni hosts trust app1`"), "{failure:?}");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(
            sshd.log().matches("userauth-request").count(),
            asked,
            "the account's name was sent: {}",
            sshd.log()
        );
    }
}

#[test]
fn a_host_that_lost_the_pinned_type_of_key_is_refused_with_a_remedy() {
    for mut sshd in each(&[]) {
        sshd.target.proof = pin(sshd.keygen("other", &["-t", "ecdsa", "-N", ""]));
        let failure = enter(&sshd).err().unwrap();
        assert!(failure.hints.iter().any(|hint| hint.contains("comuni hosts trust app1")), "{failure:?}");
    }
}

#[test]
fn a_host_with_several_keys_and_a_certificate_shows_the_pinned_type() {
    let folder = tempfile::tempdir().unwrap();
    let rsa = folder.path().join("rsa");
    let status = Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-N", "", "-f"]).arg(&rsa).status().unwrap();
    assert!(status.success());
    let line = format!("HostKey {}", rsa.display());
    let mut sshd = Sshd::start(&[&line]);
    assert!(connect(&sshd).is_ok(), "ed25519 is pinned");
    sshd.target.proof = pin(std::fs::read_to_string(folder.path().join("rsa.pub")).unwrap());
    assert!(connect(&sshd).is_ok(), "rsa is pinned");
}

#[test]
fn a_closed_port_says_where_and_what_to_look_at() {
    for mut sshd in each(&[]) {
        sshd.target.port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let failure = enter(&sshd).err().unwrap();
        assert!(failure.message.starts_with("cannot reach host `app1` (127.0.0.1 port "), "{failure}");
        assert!(!failure.hints.is_empty());
    }
}

#[test]
fn something_that_is_no_sshd_and_says_nothing_is_given_up_after_the_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sshd = Sshd::start(&[]);
    sshd.target.port = listener.local_addr().unwrap().port();
    let limits = Limits { connect: Duration::from_secs(1), ..Limits::default() };
    let begun = Instant::now();
    let failure = sshd.connect_within(&limits).err().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{failure}");
}

#[test]
fn keys_that_cannot_log_in_are_each_named_with_the_reason() {
    let mut sshd = Sshd::start(&[]);
    sshd.keygen("stranger", &["-t", "ed25519", "-N", ""]);
    sshd.keygen("locked", &["-t", "ed25519", "-N", "a passphrase"]);
    sshd.keygen("locked.pem", &["-t", "ecdsa", "-m", "PEM", "-N", "a passphrase"]);
    sshd.credentials.agent = Some(sshd.path("no-agent"));
    sshd.credentials.key_files = ["stranger", "locked", "locked.pem", "missing"].map(|name| sshd.path(name)).to_vec();
    let failure = connect(&sshd).err().unwrap();
    for (key, why) in [
        ("no-agent", "does not answer"),
        ("stranger", "combination"),
        ("locked", "--passphrase-file"),
        ("locked.pem", "--passphrase-file"),
        ("missing", "No such file"),
    ] {
        let line = failure.message.lines().find(|line| line.contains(&format!("/{key}:"))).unwrap();
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn a_key_with_a_passphrase_logs_in_with_it_and_a_wrong_one_is_said() {
    let mut sshd = Sshd::start(&[]);
    for (name, kind) in [("locked", "ed25519"), ("locked-rsa", "rsa"), ("locked-ecdsa", "ecdsa")] {
        let public = sshd.keygen(name, &["-t", kind, "-N", "una frase"]);
        std::fs::write(sshd.path("authorized_keys"), public).unwrap();
        std::fs::remove_file(sshd.path(&format!("{name}.pub"))).unwrap();
        sshd.credentials.key_files = vec![sshd.path(name)];
        assert_eq!(wants_passphrase(&sshd.credentials), Some(sshd.path(name)));
        let right = Concealed::new("una frase".to_string());
        assert_ne!(passphrase_fits(&sshd.path(name), &right), Some(false), "{name}");
        sshd.credentials.passphrase = Some(right);
        connect(&sshd).err().inspect(|failure| panic!("{name}: {failure}"));
        let wrong = Concealed::new("un'altra".to_string());
        assert_eq!(passphrase_fits(&sshd.path(name), &wrong), (kind != "ecdsa").then_some(false), "{name}");
        sshd.credentials.passphrase = Some(wrong);
        let failure = connect(&sshd).err().unwrap();
        assert!(failure.message.contains("cannot be opened with this passphrase"), "{name}: {failure}");
    }
}

#[test]
fn nobody_is_asked_for_the_passphrase_of_a_key_that_is_not_needed() {
    let mut sshd = Sshd::start(&[]);
    sshd.keygen("locked", &["-t", "ed25519", "-N", "una frase"]);
    sshd.credentials.key_files = vec![sshd.path("client_key"), sshd.path("locked")];
    assert_eq!(wants_passphrase(&sshd.credentials), None, "a key without passphrase comes first");
    sshd.credentials.key_files.remove(0);
    assert_eq!(wants_passphrase(&sshd.credentials), Some(sshd.path("locked")));
    sshd.credentials.agent = Some(sshd.path("no-agent"));
    assert_eq!(wants_passphrase(&sshd.credentials), Some(sshd.path("locked")), "the agent does not answer");
}

#[test]
fn every_usual_kind_of_key_file_logs_in() {
    for (name, arguments) in [
        ("rsa", ["-t", "rsa", "-N", ""].as_slice()),
        ("ecdsa", &["-t", "ecdsa", "-N", ""]),
        ("rsa.pem", &["-t", "rsa", "-m", "PEM", "-N", ""]),
    ] {
        let mut sshd = Sshd::start(&[]);
        let public = sshd.keygen(name, arguments);
        std::fs::write(sshd.path("authorized_keys"), public).unwrap();
        sshd.credentials.key_files = vec![sshd.path(name)];
        connect(&sshd).err().inspect(|failure| panic!("{name}: {failure}"));
    }
}

#[test]
fn the_agent_comes_first_and_opens_keys_with_a_passphrase() {
    let mut sshd = Sshd::start(&[]);
    let socket = sshd.path("agent");
    let mut agent = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut add = Command::new("ssh-add");
    // More keys than sshd tries: the one whose public half lies beside a named key file is offered first.
    let strangers: Vec<String> = (0..6).map(|number| format!("stranger{number}")).collect();
    for name in &strangers {
        sshd.keygen(name, &["-t", "ed25519", "-N", ""]);
        add.arg(sshd.path(name));
    }
    let added = add.arg(sshd.path("client_key")).env("SSH_AUTH_SOCK", &socket).stderr(Stdio::null()).status().unwrap();
    assert!(added.success());
    sshd.credentials.agent = Some(socket.clone());
    let locked = sshd.path("client_key");
    let changed = Command::new("ssh-keygen").args(["-q", "-p", "-N", "una frase", "-f"]).arg(&locked).status().unwrap();
    assert!(changed.success());
    assert_eq!(wants_passphrase(&sshd.credentials), None, "the agent holds it");
    std::fs::remove_file(locked).unwrap();
    let session = connect(&sshd);
    agent.kill().unwrap();
    agent.wait().unwrap();
    session.unwrap();
}

#[test]
fn five_megabytes_on_stderr_do_not_stop_stdout() {
    for sshd in each(&[]) {
        let (session, stdout, exit) =
            run(connect(&sshd).unwrap(), "head -c 5000000 /dev/zero | tr '\\0' e >&2; echo after; echo last >&2");
        assert_eq!(stdout, "after\n");
        assert!(exit.success());
        assert!(exit.stderr.ends_with("last\n") && exit.stderr.len() <= 16 * 1024);
        assert_eq!(session.traffic().received, 5_000_011);
    }
}

#[test]
fn five_megabytes_on_stderr_do_not_stop_writing() {
    for sshd in each(&[]) {
        let mut channel = connect(&sshd).unwrap().exec("head -c 5000000 /dev/zero >&2; wc -c").unwrap();
        channel.write_all(&vec![b'x'; 6_000_000], soon()).unwrap();
        let (_, exit) = channel.finish(Duration::from_secs(60)).unwrap();
        assert!(exit.success());
    }
}

#[test]
fn ten_megabytes_come_back_as_they_went() {
    for sshd in each(&[]) {
        let sent: Vec<u8> = (0..10_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut channel = connect(&sshd).unwrap().exec("cat").unwrap();
        let mut back = Vec::new();
        let mut buffer = vec![0; 65536];
        for piece in sent.chunks(500_000) {
            channel.write_all(piece, soon()).unwrap();
        }
        while back.len() < sent.len() {
            match channel.read(&mut buffer, Duration::from_secs(20)).unwrap() {
                Read::Data(count) => back.extend_from_slice(&buffer[..count]),
                other => panic!("{other:?} after {} bytes", back.len()),
            }
        }
        assert!(back == sent);
        assert_eq!(channel.traffic(), Traffic { execs: 1, sent: 10_000_000, received: 10_000_000 });
    }
}

#[test]
fn killed_by_a_signal_is_no_success_over_the_system_s_ssh_either() {
    let sshd = Sshd::start(&[]).over(Transport::System);
    let channel = connect(&sshd).unwrap().exec("kill -KILL $$").unwrap();
    let failure = channel.finish(Duration::from_secs(60)).err().unwrap();
    assert!(failure.message.contains("or what it ran was killed"), "{failure}");
}

#[test]
fn killed_by_a_signal_is_no_success() {
    let sshd = Sshd::start(&[]);
    let (_, _, exit) = run(connect(&sshd).unwrap(), "kill -KILL $$");
    assert_eq!(exit.signal.as_deref(), Some("KILL"));
    assert!(!exit.success());
}

#[test]
fn a_command_that_ends_before_it_has_read_all_is_told_with_its_own_words() {
    for sshd in each(&[]) {
        let mut channel = connect(&sshd).unwrap().exec("echo no room left >&2; exit 1").unwrap();
        let failure = channel.write_all(&vec![0; 50_000_000], soon()).unwrap_err();
        assert!(failure.message.contains("no room left"), "{failure}");
    }
}

#[test]
fn reading_in_vain_ends_after_the_timeout_and_the_command_goes_on() {
    for sshd in each(&[]) {
        let mut channel = connect(&sshd).unwrap().exec("read line; echo got $line").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(channel.read(&mut buffer, Duration::from_millis(50)).unwrap(), Read::Timeout);
        channel.write_all(b"it\n", soon()).unwrap();
        assert_eq!(channel.read(&mut buffer, Duration::from_secs(60)).unwrap(), Read::Data(7));
    }
}

#[test]
fn a_command_that_prints_without_end_is_read_piece_by_piece_and_can_be_left() {
    for sshd in each(&[]) {
        let mut channel = connect(&sshd).unwrap().exec("cat /dev/zero").unwrap();
        let mut buffer = [0; 4096];
        for _ in 0..1000 {
            assert!(matches!(channel.read(&mut buffer, Duration::from_secs(20)).unwrap(), Read::Data(_)));
        }
        let received = channel.traffic().received;
        assert!(received < 16 * 1024 * 1024, "{received} bytes were taken to hand over 4 MB");
        let failure = channel.finish(Duration::from_millis(500)).err().unwrap();
        assert!(failure.message.contains("did not end within"), "{failure}");
    }
}

#[test]
fn a_dead_peer_is_noticed_within_the_silence() {
    for sshd in each(&[]) {
        let limits = Limits { silence: Duration::from_secs(6), ..sshd.limits() };
        let session = sshd.connect_within(&limits).unwrap();
        let mut channel = session.exec("cat").unwrap();
        sshd.signal_children("-STOP");
        let begun = Instant::now();
        let failure = channel.read(&mut [0; 64], Duration::from_secs(60)).unwrap_err();
        assert!(failure.message.contains("connection lost to host `app1`"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        sshd.signal_children("-CONT");
    }
}

#[test]
fn a_dead_peer_is_noticed_while_writing() {
    for sshd in each(&[]) {
        let limits = Limits { silence: Duration::from_secs(6), ..sshd.limits() };
        let session = sshd.connect_within(&limits).unwrap();
        let mut channel = session.exec("cat >/dev/null").unwrap();
        sshd.signal_children("-STOP");
        let begun = Instant::now();
        let failure = channel.write_all(&vec![0; 50_000_000], soon()).unwrap_err();
        assert!(failure.message.contains("connection lost"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        sshd.signal_children("-CONT");
    }
}

#[test]
fn a_silent_command_on_a_living_link_is_not_lost() {
    for sshd in each(&[]) {
        let limits = Limits { silence: Duration::from_secs(6), ..sshd.limits() };
        let session = sshd.connect_within(&limits).unwrap();
        let mut channel = session.exec("sleep 9; echo done").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(channel.read(&mut buffer, Duration::from_secs(90)).unwrap(), Read::Data(5));
    }
}

#[test]
fn many_connects_at_once_all_come_through_max_startups() {
    for sshd in each(&["MaxStartups 5:50:12"]) {
        // A process for each is slower than a thread.
        let many = if sshd.target.transport == Transport::Direct { 40 } else { 12 };
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..many).map(|_| scope.spawn(|| enter(&sshd))).collect();
            for session in sessions {
                session.join().unwrap().unwrap();
            }
        });
        assert!(sshd.log().contains("MaxStartups"), "nothing was dropped, so nothing was tried");
    }
}
