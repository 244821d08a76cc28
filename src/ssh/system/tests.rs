//! What only the system's ssh does, against real sshds.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use super::super::sshd::{Sshd, keygen};
use super::super::{Channel, Concealed, Credentials, Exit, Limits, Logins, Proof, Target, Transport};
use crate::failure::Result;

fn run(targets: &[Target], credentials: &Credentials, host: &str) -> Result<Exit> {
    let logins = Logins::new(targets.to_vec(), credentials.clone(), Limits::default());
    let channel: Box<dyn Channel> = logins.connect(host)?.exec("echo in >&2")?;
    channel.finish(Duration::from_secs(30)).map(|(_, exit)| exit)
}

fn sign(folder: &Path, arguments: &[&str], key: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-s"]).arg(folder.join("authority")).args(arguments).arg(folder.join(key));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_host_is_reached_through_another_and_both_are_proven() {
    let first = Sshd::start(&[]).over(Transport::System);
    let second = Sshd::start(&[]).over(Transport::System);
    std::fs::copy(first.path("authorized_keys"), second.path("authorized_keys")).unwrap();
    let mut jump = first.target.clone();
    let behind = Target { name: "app2".to_string(), via: Some("app1".to_string()), ..second.target.clone() };
    assert!(run(&[jump.clone(), behind.clone()], &first.credentials, "app2").unwrap().success());
    assert!(first.log().contains("Accepted publickey"), "{}", first.log());

    // Somebody else at the end of the way, then on it.
    let stranger = Proof::Key(first.keygen("stranger", &["-t", "ed25519", "-N", ""]));
    let other = Target { proof: stranger.clone(), ..behind.clone() };
    let failure = run(&[jump.clone(), other], &first.credentials, "app2").unwrap_err();
    assert!(failure.message.starts_with("host `app2` (127.0.0.1 port"), "{failure}");
    assert_eq!(failure.message.matches("SHA256:").count(), 2, "{failure}");
    jump.proof = stranger;
    let failure = run(&[jump.clone(), behind], &first.credentials, "app2").unwrap_err();
    assert!(failure.message.starts_with("on the way to host `app2`: host `app1`"), "{failure}");
    assert!(failure.hints[0].contains("comuni hosts trust app1"), "{failure:?}");
}

#[test]
fn a_certificate_of_the_pinned_authority_proves_a_host_and_another_lets_us_in() {
    let user = Sshd::start(&[]).target.user.clone();
    let options = ["HostCertificate {at}/host_key-cert.pub", "TrustedUserCAKeys {at}/authority.pub"];
    let mut sshd = Sshd::prepared(&options, |folder| {
        keygen(&folder.join("authority"), &["-t", "ed25519", "-N", ""]);
        sign(folder, &["-I", "host", "-h", "-n", "app1.example"], "host_key.pub");
        sign(folder, &["-I", "tester", "-n", &user], "client_key.pub");
        std::fs::write(folder.join("authorized_keys"), "").unwrap();
    });
    let authority = std::fs::read_to_string(sshd.path("authority.pub")).unwrap();
    let proof = |authority: &str, principal: &str| Proof::Authority {
        key: authority.to_string(),
        principal: principal.to_string(),
    };
    sshd.target = Target { transport: Transport::System, ..sshd.target.clone() };
    let with = |proof: Proof| run(&[Target { proof, ..sshd.target.clone() }], &sshd.credentials, "app1");
    assert!(with(proof(&authority, "app1.example")).unwrap().success());
    let other = sshd.keygen("other", &["-t", "ed25519", "-N", ""]);
    for refused in [proof(&authority, "app2.example"), proof(&other, "app1.example")] {
        let accepted = sshd.log().matches("Accepted").count();
        let failure = with(refused).unwrap_err();
        assert!(failure.message.contains("shows no valid certificate for `app"), "{failure}");
        assert!(failure.hints[0].contains("ssh-keygen -L"), "{failure:?}");
        assert_eq!(sshd.log().matches("Accepted").count(), accepted);
    }
    // libssh2 knows no certificates, and says so before it connects.
    let direct =
        Target { transport: Transport::Direct, proof: proof(&authority, "app1.example"), ..sshd.target.clone() };
    let failure = run(&[direct], &sshd.credentials, "app1").unwrap_err();
    assert!(failure.kind.exit_code() == 65 && failure.hints[0].contains("transport: openssh"), "{failure:?}");
}

#[test]
fn the_key_that_a_host_shows_is_asked_for_without_a_login() {
    for transport in [Transport::Direct, Transport::System] {
        let mut sshd = Sshd::start(&["LogLevel DEBUG1"]).over(transport);
        let Proof::Key(pinned) = sshd.target.proof.clone() else { panic!() };
        sshd.target.proof = Proof::Missing;
        let logins = Logins::new([sshd.target.clone()], sshd.credentials.clone(), sshd.limits());
        let shown = logins.shown_key("app1").unwrap();
        assert_eq!(shown.line, pinned.split(' ').take(2).collect::<Vec<_>>().join(" "));
        assert!(!sshd.log().contains("Accepted"), "{}", sshd.log());
        assert_eq!(logins.connect("app1").err().unwrap().kind.exit_code(), 65, "it is not trusted by having been seen");
    }
}

#[test]
fn nobody_is_asked_whatever_is_missing() {
    let mut sshd = Sshd::start(&[]).over(Transport::System);
    sshd.keygen("locked", &["-t", "ed25519", "-N", "a passphrase"]);
    sshd.credentials.key_files = vec![sshd.path("locked")];
    let failure = run(std::slice::from_ref(&sshd.target), &sshd.credentials, "app1").unwrap_err();
    assert!(failure.message.contains("let us in as") && failure.hints[0].contains("ssh-add"), "{failure:?}");
}

#[test]
fn a_passphrase_reaches_ssh_and_those_on_the_way_and_is_left_nowhere() {
    let mut jump = Sshd::start(&[]).over(Transport::System);
    let second = Sshd::start(&[]).over(Transport::System);
    let public = jump.keygen("locked", &["-t", "ed25519", "-N", "una 'frase' \\ $HOME "]);
    for at in [jump.path("authorized_keys"), second.path("authorized_keys")] {
        std::fs::write(at, &public).unwrap();
    }
    let behind = Target { name: "app2".to_string(), via: Some("app1".to_string()), ..second.target.clone() };
    let targets = [jump.target.clone(), behind];
    jump.credentials.key_files = vec![jump.path("locked")];
    jump.credentials.passphrase = Some(Concealed::new("una 'frase' \\ $HOME ".to_string()));
    let logins = Logins::new(targets.to_vec(), jump.credentials.clone(), Limits::default());
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for host in ["app1", "app2", "app1", "app2"] {
            let (logins, seen) = (&logins, &seen);
            scope.spawn(move || {
                let channel = logins.connect(host).unwrap().exec("cat").unwrap();
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let of = |what: &str| std::fs::read(entry.path().join(what)).unwrap_or_default();
                    seen.lock().unwrap().extend([of("cmdline"), of("environ")].concat());
                }
                assert!(channel.finish(Duration::from_secs(30)).unwrap().1.success());
            });
        }
    });
    let seen = String::from_utf8_lossy(&seen.into_inner().unwrap()).into_owned();
    assert!(seen.contains("SSH_ASKPASS") && !seen.contains("una 'frase'"));

    jump.credentials.passphrase = Some(Concealed::new("un'altra".to_string()));
    let failure = run(&targets, &jump.credentials, "app1").unwrap_err();
    assert!(failure.message.contains("let us in as"), "{failure}");
}

#[test]
fn what_cannot_be_given_to_ssh_is_refused_and_not_read_as_something_else() {
    let sshd = Sshd::start(&[]).over(Transport::System);
    for address in ["127.0.0.1\n  ProxyCommand touch /tmp/x", "-oProxyCommand=x", "a b", ""] {
        let target = Target { address: address.to_string(), ..sshd.target.clone() };
        assert_eq!(run(&[target], &sshd.credentials, "app1").unwrap_err().kind.exit_code(), 65, "{address:?}");
    }
    for file in ["/tmp/a\"b", "/tmp/${HOME}"] {
        let credentials = Credentials { key_files: vec![file.into()], ..Credentials::default() };
        assert_eq!(
            run(std::slice::from_ref(&sshd.target), &credentials, "app1").unwrap_err().kind.exit_code(),
            64,
            "{file}"
        );
    }
}
