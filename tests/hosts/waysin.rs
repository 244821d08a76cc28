//! Every way in: a jump host, an authority of host keys with a user certificate, sudo that asks, keys with a passphrase;
//! and who a host is, which nobody takes on trust.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Edited, Lab, Run, lab, lab_does, on, tries_on};
use crate::secrets::{Watch, found_on};

const HOSTS: [&str; 5] = ["app1", "app2", "db1", "ops1", "mon1"];

/// What is set up on a host for a test, and undone when it is over, also when it failed. sshd is restarted, for that
/// waits until it listens again; after a reload it refuses for a moment.
struct Altered {
    host: &'static str,
    undo: &'static str,
}

fn altered(host: &'static str, line: &str, undo: &'static str) -> Altered {
    let altered = Altered { host, undo };
    on(host, line);
    altered
}

impl Drop for Altered {
    fn drop(&mut self) {
        let (status, words) = tries_on(self.host, self.undo);
        assert!(status == 0 || std::thread::panicking(), "{}: {}: {words}", self.host, self.undo);
    }
}

/// app2 hears of sshd only what app1 says.
fn behind_app1() -> Altered {
    let app1 = lab_does(&["address", "app1"]);
    let rules = format!(
        "nft -f - <<END\n\
         table inet ways {{\n\
         chain input {{\n\
         type filter hook input priority -10;\n\
         tcp dport 22 ip saddr != {app1} ct state new drop\n\
         }}\n\
         }}\n\
         END"
    );
    altered("app2", &rules, "nft delete table inet ways")
}

/// db1 shows a certificate, and lets in who has one.
fn certified(folder: &Path) -> Altered {
    keygen(&["-t", "ed25519", "-N", "", "-C", "authority", "-f", &path(folder, "authority")]);
    let host_key = on("db1", "cat /etc/ssh/ssh_host_ed25519_key.pub");
    fs::write(folder.join("db1.pub"), host_key + "\n").unwrap();
    keygen(&["-s", &path(folder, "authority"), "-I", "db1", "-h", "-n", "db1.ced.example", &path(folder, "db1.pub")]);
    keygen(&["-s", &path(folder, "authority"), "-I", "tester", "-n", "ops", &path(folder, "id.pub")]);
    let certificate = fs::read_to_string(folder.join("db1-cert.pub")).unwrap();
    let authority = fs::read_to_string(folder.join("authority.pub")).unwrap();
    let line = format!(
        "echo '{certificate}' > /etc/ssh/ways-cert.pub && echo '{authority}' > /etc/ssh/ways-authority.pub && \
         printf 'HostCertificate /etc/ssh/ways-cert.pub\\nTrustedUserCAKeys /etc/ssh/ways-authority.pub\\n' \
         > /etc/ssh/sshd_config.d/ways.conf && mv /home/ops/.ssh/authorized_keys /root/ways-keys && \
         systemctl restart ssh"
    );
    altered(
        "db1",
        &line,
        "mv /root/ways-keys /home/ops/.ssh/authorized_keys; rm /etc/ssh/ways-* /etc/ssh/sshd_config.d/ways.conf; \
         systemctl restart ssh",
    )
}

/// sudo of app1 asks ops for this password.
fn asking(password: &str) -> Altered {
    let line = format!(
        "mkdir /root/ways-sudo && mv /etc/sudoers.d/ops /etc/sudoers.d/comuni /root/ways-sudo && \
         echo 'ops ALL=(ALL:ALL) ALL' > /etc/sudoers.d/ways && chpasswd <<END\nops:{password}\nEND\n"
    );
    altered(
        "app1",
        &line,
        "rm /etc/sudoers.d/ways; mv /root/ways-sudo/* /etc/sudoers.d/; rmdir /root/ways-sudo; usermod -p '!' ops",
    )
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn keygen(arguments: &[&str]) {
    let output = Command::new("ssh-keygen").arg("-q").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with the operator's key as `id`.
fn with_key() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("id");
    fs::copy(lab_does(&["key"]), &key).unwrap();
    fs::copy(lab_does(&["key"]) + ".pub", folder.path().join("id.pub")).unwrap();
    (folder, key)
}

/// What the inventory says of these ways; the key of db1 is taken out, for its authority stands in its place.
fn said(lab: &Lab, folder: &Path) -> Edited {
    let authority = fs::read_to_string(folder.join("authority.pub")).unwrap();
    let authority: Vec<&str> = authority.split(' ').take(2).collect();
    let hosts = lab.inventory().join("hosts.yml");
    lab.edit(&hosts, |text| {
        let mut host = String::new();
        let mut lines = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("  ").filter(|name| !name.starts_with(' ')) {
                host = name.trim_end_matches(':').to_string();
            }
            if !(host == "db1" && line.trim().starts_with("host_key:")) {
                lines.push(line.to_string());
            }
            if line.trim().starts_with("address:") {
                lines.push(match host.as_str() {
                    "app1" => "    login: { user: ops, sudo: password }".to_string(),
                    "app2" => "    transport: openssh\n    via: app1".to_string(),
                    "db1" => format!(
                        "    transport: openssh\n    host_ca: {{ key: {}, principal: db1.ced.example }}",
                        authority.join(" ")
                    ),
                    _ => continue,
                });
            }
        }
        lines.join("\n") + "\n"
    })
}

#[test]
fn a_jump_host_a_certificate_and_a_password_are_in_one_apply_with_plain_hosts() {
    let lab = lab();
    let (folder, key) = with_key();
    let password = format!("Vipera{}aspis", std::process::id());
    let given = folder.path().join("given");
    let write = |word: &str| {
        fs::write(&given, format!("{word}\n")).unwrap();
        let _ = Command::new("chmod").arg("600").arg(&given).status().unwrap();
    };
    write(&password);
    let ways = [behind_app1(), certified(folder.path()), asking(&password)];
    let edited = said(lab, folder.path());
    let comuni = |words: &[&str]| {
        let mut command = lab.command(words);
        command.env("COMUNI_SSH_KEY", &key).env("COMUNI_SUDO_PASSWORD_FILE", &given);
        Run::of(command.output().unwrap())
    };

    // Something to do everywhere.
    for host in HOSTS {
        on(host, "rm /etc/comuni/authority.pem");
    }
    let watch = Watch::begin(&password);
    let tries = || on("app1", "journalctl --no-pager -o cat -t sudo | grep -c 'authentication failure' || true");
    let before = tries();
    let apply = comuni(&["apply", "--yes", "-v", "--format", "json"]).ends_with(0).does_not_say(&password);
    for host in HOSTS {
        let result = |object: &&serde_json::Value| object["type"] == "host_result" && object["host"] == host;
        let objects = apply.objects();
        let result = objects.iter().find(result).unwrap_or_else(|| panic!("{host}: {}", apply.stdout));
        assert!(result["result"] == "done" && result["fixed"].as_u64() >= Some(1), "{result}");
    }
    comuni(&["plan", "--detailed-exitcode"]).ends_with(0).says("on 5 of 5 hosts");
    let check = comuni(&["hosts", "check", "--format", "json"]).ends_with(0);
    assert_eq!(check.objects().iter().filter(|object| object["fit"] == true).count(), 5, "{}", check.stdout);
    assert_eq!(watch.end(), Vec::<String>::new(), "in the arguments or the environment of a process");
    assert_eq!(found_on("app1", &password), "");
    assert_eq!(tries(), before, "every password was right");

    // Wrong: said, and tried once, for accounts get locked.
    write("sbagliata");
    comuni(&["plan", "--host", "app1"])
        .ends_with(1)
        .says("sudo does not take the password of `ops`")
        .does_not_say("sbagliata");
    assert_eq!(
        on("app1", "journalctl --no-pager -o cat -t sudo --since -60s | grep -c '1 incorrect password attempt'"),
        "1"
    );
    // Nobody to ask: refused before anything connects, with the option's name.
    let unattended = Run::of(lab.command(&["plan"]).env("COMUNI_SSH_KEY", &key).output().unwrap());
    unattended.ends_with(64).says("sudo on app1 asks for a password").says("--sudo-password-file");

    drop(edited);
    // What comuni once wrote for an account that asks nothing, it took back while the account asked.
    drop(ways);
    lab.comuni(&["apply", "--yes"]).ends_with(0);
    lab.is_converged();
}

#[test]
fn a_host_with_a_new_key_is_refused_over_both_transports_and_trusted_only_by_its_fingerprint() {
    let lab = lab();
    let hosts = lab.inventory().join("hosts.yml");
    let before = fs::read_to_string(&hosts).unwrap();
    let old = on("mon1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    let reinstalled = altered(
        "mon1",
        "mkdir /root/ways && mv /etc/ssh/ssh_host_* /root/ways/ && ssh-keygen -q -t ed25519 -N '' -f \
         /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh",
        "mv /root/ways/* /etc/ssh/ && rmdir /root/ways && systemctl restart ssh",
    );
    let new = on("mon1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    for transport in ["libssh2", "openssh"] {
        let _said = lab.edit(&hosts, |text| {
            text.replace("  mon1:\n", &format!("  mon1:  # {transport}\n    transport: {transport}\n"))
        });
        for verb in [["plan", "--host", "mon1"].as_slice(), &["hosts", "check", "mon1"]] {
            lab.comuni(verb)
                .ends_with(1)
                .says(&old)
                .says(&new)
                .says("comuni hosts trust mon1")
                .says("nothing was sent");
        }
        let trust = ["hosts", "trust", "mon1"];
        lab.comuni(&trust).ends_with(64).says(&new).says("--fingerprint");
        lab.comuni(&[&trust[..], &["--yes"]].concat()).ends_with(64);
        lab.comuni(&[&trust[..], &["--yes", "--fingerprint", &old]].concat()).ends_with(1).says("nothing was written");
        assert!(!fs::read_to_string(&hosts).unwrap().contains(&key_of("mon1")), "nothing was written");
        lab.comuni(&[&trust[..], &["--yes", "--fingerprint", &new]].concat()).ends_with(0).says("pinned in");
        let written = fs::read_to_string(&hosts).unwrap();
        assert!(
            written.contains(&key_of("mon1")) && written.contains(&format!("  mon1:  # {transport}\n")),
            "{written}"
        );
        lab.comuni(&["plan", "--host", "mon1"]).ends_with(0);
        lab.comuni(&trust).ends_with(0).says("nothing to do");
    }
    drop(reinstalled);
    assert_eq!(fs::read_to_string(&hosts).unwrap(), before);
    lab.is_converged();
}

fn key_of(host: &str) -> String {
    on(host, "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub")
}

#[test]
fn a_key_with_a_passphrase_opens_with_a_file_and_never_waits_for_somebody() {
    let lab = lab();
    let (folder, key) = with_key();
    keygen(&["-p", "-N", "una frase lunga", "-f", &path(folder.path(), "id")]);
    let file = folder.path().join("passphrase");
    fs::write(&file, "una frase lunga\n").unwrap();
    let with = |variable: &str| {
        let mut command = lab.command(&["plan", "--host", "mon1"]);
        command.env("COMUNI_SSH_KEY", &key).env(variable, &file);
        Run::of(command.output().unwrap())
    };
    with("UNUSED").ends_with(64).says("has a passphrase").says("--passphrase-file");
    with("COMUNI_SSH_PASSPHRASE_FILE").ends_with(64).says("others can read").says("chmod 600");
    assert!(Command::new("chmod").arg("600").arg(&file).status().unwrap().success());
    with("COMUNI_SSH_PASSPHRASE_FILE").ends_with(0);
    fs::write(&file, "un'altra\n").unwrap();
    with("COMUNI_SSH_PASSPHRASE_FILE").ends_with(64).says("does not open").does_not_say("altra");
}
