//! What a host still has of a member that left, after its resources were taken away: what procedures and daemons made
//! beside them. Then all that names the member is searched for, so that what stays is known by name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::backup::restore;
use crate::executor::manifest::Manifest;
use crate::executor::store::{self, Settings};
use crate::failure::{Failure, Result};
use crate::machine::{Command, FileKind, Machine, Ownership};
use crate::prometheus;
use crate::protocol::{Forget, Left, Stays};
use crate::resources;

/// A search reads all of the folders below.
const LONG: Duration = Duration::from_secs(1800);

/// What the exporter of each host reads: measured here and by the timers of the control host, each in a file of its own.
const MEASURED: &str = "/var/lib/prometheus/node-exporter";

/// Where the content of files is searched, beside the names of all: not in what other members have, nor in what is encrypted.
const SEARCHED: [&str; 13] = [
    "/etc",
    "/home",
    "/opt",
    "/root",
    "/usr/local",
    "/var/cache",
    "/var/lib/comuni",
    "/var/lib/comuni-restored",
    "/var/lib/comuni-scratch",
    "/var/lib/knot/zones",
    MEASURED,
    "/var/log",
    "/var/tmp",
];

/// Where no names are searched: what the kernel and daemons say of what runs, and what tenants have of their own.
const UNSEARCHED: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/srv/comuni/*/*/data"];

/// File systems that are those of other machines, which are asked themselves when they are ours, or that hold no files.
const ELSEWHERE: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "glusterfs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "fuse.rclone",
    "9p",
    "afs",
    "lustre",
    "autofs",
];

/// What stays on purpose, and why.
const STAYS: [(&str, Stays); 4] = [
    ("/var/lib/comuni/evidence/", Stays::Law),
    ("/var/lib/comuni/journal.jsonl", Stays::Law),
    ("/var/lib/comuni/backup/runs.jsonl", Stays::Law),
    ("/var/log/", Stays::Logs),
];

/// The databases of accounts, of which the system keeps the version before the last change.
const ACCOUNTS: [&str; 4] = ["passwd", "group", "shadow", "gshadow"];

/// Takes it away and searches; what went, and what is left.
///
/// # Errors
/// When resources of the member are still there, or the system refuses.
pub fn forget(machine: &mut dyn Machine, settings: &Settings, task: &Forget) -> Result<(Vec<String>, Vec<Left>)> {
    let manifest: Manifest = store::load(machine, &settings.manifest())?.unwrap_or_default();
    if let Some(record) = manifest.records.iter().find(|record| record.owner == task.code) {
        return Err(Failure::operation(format!("{} is still there", record.id)));
    }
    let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if task.code.len() < 3 || !task.tenants.iter().chain([&task.code]).chain(&task.words).all(|word| is_plain(word)) {
        return Err(Failure::operation(format!("{} is no code of a member", task.code)));
    }
    let mut gone = Vec::new();
    for tenant in &task.tenants {
        let drop = restore::Step::Drop { tenant: tenant.clone() };
        match restore::step(machine, tenant, &drop, None, &mut |_, _, _| Ok(()))? {
            restore::Answer::Dropped(folders) => gone.extend(folders),
            restore::Answer::Refused { message, .. } => return Err(Failure::operation(message)),
            _ => {}
        }
    }
    for place in places(task) {
        match machine.stat(&place)?.map(|stat| stat.kind) {
            None => continue,
            Some(FileKind::Directory) => machine.remove_tree(&place)?,
            Some(_) => machine.remove(&place)?,
        }
        gone.push(place.display().to_string());
    }
    gone.extend(measured(machine, &task.code)?);
    if let Some(zone) = &task.zone
        && machine.stat(Path::new("/etc/knot/knot.conf"))?.is_some()
    {
        // Keys, signatures and the journal of a zone that it does not serve any more.
        machine.run(&Command::new(["knotc", "--force", "zone-purge", "+orphan", zone]))?;
    }
    if task.watches {
        prometheus::forget(machine, &task.code, task.zone.as_deref())?;
        gone.push("series of Prometheus".to_string());
    }
    accounts(machine, &task.words)?;
    let left = search(machine, task)?;
    Ok((gone, left))
}

/// What is made beside the resources.
fn places(task: &Forget) -> Vec<PathBuf> {
    let code = &task.code;
    let mut places = vec![
        format!("/srv/backup/{code}"),
        format!("/srv/comuni/{code}"),
        format!("/etc/comuni/backup/{code}"),
        format!("/var/lib/comuni/backup/state/{code}.repository"),
    ];
    for tenant in &task.tenants {
        places.extend([
            format!("/etc/comuni/tenants/{tenant}"),
            format!("/run/comuni-{tenant}"),
            format!("/var/lib/comuni/backup/{tenant}"),
            format!("/var/lib/comuni/backup/state/{tenant}.json"),
            format!("/var/lib/systemd/timers/stamp-comuni-backup-{tenant}.timer"),
            format!("/var/log/comuni/{tenant}"),
        ]);
    }
    places.into_iter().map(PathBuf::from).collect()
}

/// Takes what was measured of the member out of the files that the exporter reads; those that named it. They are not
/// measured anew: that could fail for reasons of others, and not all of them are measured here.
fn measured(machine: &mut dyn Machine, code: &str) -> Result<Vec<String>> {
    let label = format!("=\"{code}\"");
    let is_of_others = |line: &&str| line.starts_with('#') || !line.contains(&label);
    let mut named = Vec::new();
    for name in machine.list(Path::new(MEASURED))?.iter().filter(|name| name.ends_with(".prom")) {
        let path = Path::new(MEASURED).join(name);
        let Some(stat) = machine.stat(&path)?.filter(|stat| stat.kind == FileKind::File) else { continue };
        let before = machine.read(&path)?.unwrap_or_default();
        let before = String::from_utf8_lossy(&before);
        let after: String = before.split_inclusive('\n').filter(is_of_others).collect();
        if after != before {
            machine.write(&path, after.as_bytes(), &Ownership { uid: stat.uid, gid: stat.gid, mode: stat.mode })?;
            named.push(format!("lines of {}", path.display()));
        }
    }
    Ok(named)
}

/// Has the system's earlier versions of its accounts be those of now.
fn accounts(machine: &mut dyn Machine, words: &[String]) -> Result<()> {
    for name in ACCOUNTS {
        let (now, before) = (format!("/etc/{name}"), format!("/etc/{name}-"));
        let text = machine.read(Path::new(&before))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        if words.iter().any(|word| text.contains(word.as_str())) {
            let command = Command::new(["cp", "--preserve=all", "--", &now, &before]);
            machine.run(&command)?.succeeded(&command)?;
        }
    }
    Ok(())
}

/// Asks for the files and folders below `root` whose names hold a word, on all file systems of this machine's own: `/srv` and
/// `/var` often are such.
fn names(root: &str, searched: &[String]) -> Vec<String> {
    let any = |test: &str, values: Vec<String>| -> Vec<String> {
        let each = values.into_iter().map(|value| vec![test.to_string(), value]);
        each.collect::<Vec<_>>().join(&"-o".to_string())
    };
    let mut words = ["find", root, "("].map(str::to_string).to_vec();
    words.extend(any("-path", UNSEARCHED.map(str::to_string).to_vec()));
    words.push("-o".to_string());
    words.extend(any("-fstype", ELSEWHERE.map(str::to_string).to_vec()));
    words.extend([")", "-prune", "-o", "("].map(str::to_string));
    words.extend(any("-name", searched.iter().map(|word| format!("*{word}*")).collect()));
    words.extend([")", "-print"].map(str::to_string));
    words
}

/// All that names the member.
fn search(machine: &mut dyn Machine, task: &Forget) -> Result<Vec<Left>> {
    let mut found: Vec<String> = Vec::new();
    found.extend(machine.run(&Command::new(names("/", &task.words)).within(LONG))?.text().lines().map(str::to_string));
    let mut words = ["grep", "--recursive", "--fixed-strings", "--files-with-matches", "--no-messages"]
        .map(str::to_string)
        .to_vec();
    for word in &task.words {
        words.extend(["-e".to_string(), word.clone()]);
    }
    words.push("--".to_string());
    for folder in SEARCHED {
        if machine.stat(Path::new(folder))?.is_some() {
            words.push(folder.to_string());
        }
    }
    // Files come and go while it reads; what it found it says all the same.
    found.extend(machine.run(&Command::new(words).within(LONG))?.text().lines().map(str::to_string));
    let names = resources::postgres_names(machine)?;
    found.extend(names.into_iter().filter(|name| task.words.iter().any(|word| name.contains(word.as_str()))));
    found.sort();
    found.dedup();
    let stays = |place: &str| STAYS.iter().find(|(start, _)| place.starts_with(start)).map(|(_, why)| *why);
    Ok(found.into_iter().map(|place| Left { why: stays(&place), place }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    fn task() -> Forget {
        Forget {
            code: "c_e707".to_string(),
            tenants: vec!["c_e707-albo".to_string()],
            zone: None,
            watches: false,
            words: vec!["c_e707".to_string(), "comune.lozza".to_string()],
        }
    }

    fn host() -> Fake {
        let mut host = Fake::new();
        host.answer(&["find"], 0, "/var/lib/comuni/evidence/c_e707.x\n/srv/strange-c_e707\n", "");
        host.answer(&["grep"], 0, "/var/log/nginx/access.log\n", "");
        host
    }

    #[test]
    fn what_procedures_made_goes_what_others_have_stays_and_what_is_left_is_named() {
        let mut host = host();
        host.with_file("/srv/backup/c_e707/verified.json", "{}", 0o600);
        host.with_file("/srv/backup/c_e7070/verified.json", "{}", 0o600);
        host.with_file("/var/lib/comuni/backup/state/c_e707-albo.json", "{}", 0o600);
        let (gone, left) = forget(&mut host, &Settings::of_a_host(PathBuf::from("/comuni-host")), &task()).unwrap();
        assert_eq!(gone, ["/srv/backup/c_e707", "/var/lib/comuni/backup/state/c_e707-albo.json"]);
        assert!(host.stat(Path::new("/srv/backup/c_e707")).unwrap().is_none());
        assert!(host.stat(Path::new("/srv/backup/c_e7070/verified.json")).unwrap().is_some());
        let left: Vec<(&str, Option<Stays>)> = left.iter().map(|left| (left.place.as_str(), left.why)).collect();
        let wanted = [
            ("/srv/strange-c_e707", None),
            ("/var/lib/comuni/evidence/c_e707.x", Some(Stays::Law)),
            ("/var/log/nginx/access.log", Some(Stays::Logs)),
        ];
        assert_eq!(left, wanted);
        assert!(
            forget(&mut host, &Settings::of_a_host(PathBuf::from("/comuni-host")), &task()).unwrap().0.is_empty(),
            "twice is fine"
        );
    }

    #[test]
    fn nothing_that_was_measured_of_it_stays_whoever_measured_it_and_all_of_the_others_does() {
        let lines = |code: &str| {
            [
                ("comuni_queue", format!("comuni_queue_oldest_seconds{{member=\"{code}\",tenant=\"{code}-x\"}} 7\n")),
                ("comuni-dns", format!("comune_dns_ok{{comune=\"{code}\",zone=\"comune.x.va.it\"}} 1\n")),
                ("comuni-plan", format!("comuni_plan_pending{{owner=\"{code}\"}} 0\n")),
            ]
        };
        let others = ["c_e7070", "c_e863"].map(lines);
        let mut host = host();
        let place = |name: &str| format!("{MEASURED}/{name}.prom");
        for (at, (name, line)) in lines("c_e707").iter().enumerate() {
            let text = format!("# HELP a =\"c_e707\"\n{}{line}{}", others[0][at].1, others[1][at].1);
            host.with_file(&place(name), text, 0o644);
        }
        let settings = Settings::of_a_host(PathBuf::from("/comuni-host"));
        let (gone, _) = forget(&mut host, &settings, &task()).unwrap();
        assert_eq!(gone.len(), 3, "{gone:?}");
        for (at, (name, _)) in lines("c_e707").iter().enumerate() {
            let wanted = format!("# HELP a =\"c_e707\"\n{}{}", others[0][at].1, others[1][at].1);
            assert_eq!(host.world.text(place(name)), wanted);
        }
        assert!(forget(&mut host, &settings, &task()).unwrap().0.is_empty(), "twice is fine");
    }

    #[test]
    fn names_are_searched_on_every_file_system_of_the_machine_and_on_none_of_others() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/c_e707-albo")).unwrap();
        std::fs::create_dir_all(folder.path().join("b/c_e863")).unwrap();
        std::fs::write(folder.path().join("b/www.comune.lozza.va.it"), "").unwrap();
        let argv = names(&folder.path().to_string_lossy(), &task().words);
        assert!(!argv.iter().any(|word| word == "-xdev" || word == "-mount"), "{argv:?}");
        assert!(argv.windows(2).any(|pair| pair == ["-fstype", "nfs4"]), "{argv:?}");
        let output = std::process::Command::new(&argv[0]).args(&argv[1..]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<&str> = text.lines().map(|line| &line[folder.path().to_string_lossy().len()..]).collect();
        found.sort_unstable();
        assert_eq!(found, ["/a/c_e707-albo", "/b/www.comune.lozza.va.it"]);
    }

    #[test]
    fn a_code_that_is_none_is_refused() {
        for code in ["", "..", "c_e707/../c_e863"] {
            let task = Forget { code: code.to_string(), ..task() };
            assert!(forget(&mut host(), &Settings::of_a_host(PathBuf::from("/comuni-host")), &task).is_err(), "{code}");
        }
    }
}
