//! Backups: taken by the hosts, found by hand, out of reach of whoever breaks into an application host.

use std::sync::OnceLock;

use serde_json::Value;

use crate::harness::{LOZZA, Lab, Run, carrier, lab, on, tries_on};

pub const TENANT: &str = "c_e707-albo";
pub const DATA: &str = "/srv/comuni/c_e707/albo/data";
pub const REPOSITORY: &str = "/srv/backup/c_e707/repository";

/// The tenant of Lozza with something to lose: ten thousand notices, large objects, odd file names; backed up once.
pub fn seeded() -> (&'static Lab, &'static str) {
    static HOST: OnceLock<&'static str> = OnceLock::new();
    let lab = lab();
    let host = HOST.get_or_init(|| {
        let host = carrier(TENANT);
        on(
            host,
            &format!(
                "set -a; . /etc/comuni/tenants/{TENANT}/environment; set +a; \
                 runuser -u c_e707_albo -- python3 -I /opt/comuni/releases/albo/1.0.0/albo.py sample --data {DATA} \
                 --rows 10000 --again"
            ),
        );
        take(host).ends_with(0);
        host
    });
    (lab, host)
}

/// What the timer starts.
pub fn take(host: &str) -> Run {
    let (status, text) = tries_on(host, &format!("/usr/local/lib/comuni/comuni-host backup {TENANT} --wait 1"));
    Run { status, stdout: text, stderr: String::new() }
}

/// The newest record of a run of the tenant on its host.
pub fn record(host: &str) -> Value {
    let line = on(host, &format!("grep '\"tenant\":\"{TENANT}\"' /var/lib/comuni/backup/runs.jsonl | tail -n 1"));
    serde_json::from_str::<Value>(&line).unwrap()["record"].clone()
}

/// The snapshots of the tenant, by restic itself on the host that keeps them.
pub fn snapshots(lab: &Lab) -> Vec<Value> {
    serde_json::from_str(&restic(lab, &format!("snapshots --no-lock --json --tag tenant={TENANT}"))).unwrap_or_default()
}

/// restic by hand, as docs/backup.md tells.
pub fn restic(lab: &Lab, words: &str) -> String {
    let key = key(lab);
    on("ops1", &format!("RESTIC_PASSWORD={key} RESTIC_REPOSITORY={REPOSITORY} restic --no-cache {words} 2>/dev/null"))
}

pub fn key(lab: &Lab) -> String {
    let run = lab.comuni(&["secrets", "show", "--reveal", "secret://c_e707/backup/repository_key"]).ends_with(0);
    let word = run.stdout.split_whitespace().find(|word| word.len() == 32).expect("a key of 32 letters");
    word.to_string()
}

#[test]
fn after_an_apply_every_tenant_has_a_timer_at_its_own_moment() {
    lab();
    for host in ["app1", "app2"] {
        let tenants = on(host, "ls /etc/comuni/tenants");
        let timers = on(host, "systemctl list-timers --all --no-legend 'comuni-backup-*' | wc -l");
        assert_eq!(tenants.lines().count().to_string(), timers, "{host}");
        let next = on(
            host,
            "systemctl show -p NextElapseUSecRealtime --value 'comuni-backup-*.timer' | grep . | sort | uniq -d",
        );
        assert_eq!(next, "", "two tenants of {host} begin at one moment");
    }
}

#[test]
fn row_45_one_of_many_that_fails_keeps_no_other_from_being_backed_up() {
    let (lab, host) = seeded();
    let file = format!("/etc/comuni/backup/{TENANT}.json");
    on(host, &format!("cp -p {file} /root/kept.json && sed -i 's/5432/5433/' {file}"));
    let run = lab.comuni(&["backup", "run"]);
    on(host, &format!("cp -p /root/kept.json {file}"));
    let run = run.ends_with(3).says("c_e863-albo").says("complete").says("failed").says("port 5433 failed");
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains("-albo ")).collect();
    assert_eq!(lines.len(), 14, "every tenant stands in the table:\n{}", run.stdout);
    assert_eq!(lines.iter().filter(|line| line.contains("complete")).count(), lines.len() - 1, "{}", run.stdout);
    assert!(run.stderr.contains("/s)"), "it tells how fast it was: {}", run.stderr);

    lab.comuni(&["backup", "run", "--member", "lozza"]).ends_with(0).says("1 of 1 tenant");
    let list = lab.comuni(&["--format", "json", "backup", "list"]).ends_with(0);
    let backups: Vec<Value> = list.objects().into_iter().filter(|object| object["type"] == "backup").collect();
    assert_eq!(backups.len(), lines.len());
    for backup in &backups {
        assert_eq!(backup["state"], "fresh", "{backup}");
        assert!(backup["bytes"].as_u64().unwrap() > 0, "{backup}");
        assert!(backup["age_seconds"].as_i64().unwrap() < 3600, "{backup}");
    }
    // What the list says is what restic itself finds.
    let own = backups.iter().find(|backup| backup["tenant"] == TENANT).unwrap();
    let newest = snapshots(lab).pop().unwrap();
    assert_eq!(own["snapshot"], newest["id"]);
    lab.comuni(&["backup", "list", "--member", "lozza"]).ends_with(0).says("fresh").says("26 h");
}

#[test]
fn a_technician_recovers_by_hand() {
    let (lab, _) = seeded();
    let newest = snapshots(lab).pop().unwrap();
    let id = newest["id"].as_str().unwrap();
    on("ops1", "rm -rf /root/rescue");
    restic(lab, &format!("restore --no-lock {id} --target /root/rescue"));
    let folder = format!("/root/rescue/var/lib/comuni/backup/{TENANT}");
    let manifest: Value = serde_json::from_str(&on("ops1", &format!("cat {folder}/manifest.json"))).unwrap();
    let sum = on("ops1", &format!("sha256sum < {folder}/database.dump"));
    assert_eq!(sum.split_whitespace().next(), manifest["database"]["sha256"].as_str());
    // The host of the backups reaches db1 by ssh as little as anybody else: the dump goes over the technician's machine.
    let lab_script = crate::harness::root().join("tests/lab/lab");
    let moved = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{0} exec ops1 -- cat {folder}/database.dump | {0} exec db1 -- sh -c 'cat > /var/lib/postgresql/rescue.dump'",
            lab_script.display()
        ))
        .status()
        .unwrap();
    assert!(moved.success());
    let said = on(
        "db1",
        "cd /var/lib/postgresql && chown postgres rescue.dump && runuser -u postgres -- sh -ec 'dropdb --if-exists rescue; createdb rescue; \
         pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname=rescue rescue.dump; \
         psql -AtX rescue -c \"select count(*) from notice\"; dropdb rescue'; rm rescue.dump",
    );
    // What `dropdb` remarks comes after.
    let rows = said.lines().next().unwrap_or_default();
    assert_eq!(
        rows.parse::<u64>().ok(),
        manifest["database"]["fingerprint"]["tables"]["public.notice"]["rows"].as_u64()
    );
    assert!(rows.parse::<u64>().unwrap() >= 10_000, "{rows}");
    let files = on("ops1", &format!("cd /root/rescue{DATA} && find . -type f | wc -l; rm -rf /root/rescue"));
    assert!(files.parse::<u64>().unwrap() > 500, "{files}");
}

#[test]
fn row_38_root_on_an_application_host_deletes_nothing_and_reads_no_stranger() {
    let (lab, host) = seeded();
    let before = on(
        "ops1",
        "cd /srv/backup && find . -path ./.ssh -prune -o -path '*/locks' -prune -o -type f -print | sort | xargs sha256sum",
    );
    // What is refused is asked for again and again, for minutes: the first time is enough.
    let client = |words: &str| {
        tries_on(
            host,
            &format!(
                "RESTIC_PASSWORD_FILE=/etc/comuni/backup/{LOZZA}/repository.key timeout --signal INT --kill-after 2 6 \
                 restic --no-cache -r rclone:repository -o rclone.program='ssh -F /etc/comuni/backup/{LOZZA}/ssh.conf repository' {words}"
            ),
        )
    };
    let id = snapshots(lab).pop().unwrap()["id"].as_str().unwrap().to_string();
    let seen = client("snapshots --no-lock").1;
    assert!(seen.contains(&id[..8]), "the credentials work: {seen}");
    for words in [
        format!("forget {id}"),
        format!("forget --prune {id}"),
        "forget --keep-last 1 --prune".to_string(),
        "prune --max-unused 0".to_string(),
        "init".to_string(),
        format!("tag --set x {id}"),
        "rebuild-index".to_string(),
        "key passwd --new-password-file /etc/hostname".to_string(),
        "migrate upgrade_repo_v2".to_string(),
    ] {
        // Some of these end with 0 although nothing of it was done: what counts is what lies there afterwards.
        let _ = client(&words);
    }
    // Around restic: other commands, other folders, a shell, a tunnel, writing over what is there.
    let ssh = format!("ssh -F /etc/comuni/backup/{LOZZA}/ssh.conf");
    for line in [
        format!("{ssh} repository 'rm -rf {REPOSITORY}' < /dev/null"),
        format!("{ssh} repository 'rclone serve restic --stdio /srv/backup' < /dev/null"),
        format!("{ssh} -N -L 9999:127.0.0.1:22 repository & sleep 1; kill $!"),
        format!("echo 'rm -r *' | sftp -F /etc/comuni/backup/{LOZZA}/ssh.conf repository"),
        format!("scp -F /etc/comuni/backup/{LOZZA}/ssh.conf /etc/hostname repository:{REPOSITORY}/config"),
        format!("{ssh} -l root repository id"),
        format!("{ssh} -l backup-c_l682 repository id"),
        format!("{ssh} -l backup-copy repository id"),
    ] {
        let (status, text) = tries_on(host, &format!("timeout 20 sh -c {}", quoted(&line)));
        assert!(status != 0 || !text.contains("uid="), "{line}: {text}");
    }
    let after = on(
        "ops1",
        "cd /srv/backup && find . -path ./.ssh -prune -o -path '*/locks' -prune -o -type f -print | sort | xargs sha256sum",
    );
    for line in before.lines() {
        assert!(after.contains(line), "changed or deleted: {line}");
    }
    let (status, said) = client(&format!("forget {id}"));
    assert!(said.contains("403") || said.contains("Forbidden") || status != 0, "{status} {said}");
    assert!(snapshots(lab).iter().any(|snapshot| snapshot["id"] == *id));

    // A host has the keys of the members whose tenants it runs, and of no others.
    for host in ["app1", "app2"] {
        let keys = on(host, "cd /etc/comuni/backup && ls -d */ | tr -d /");
        let tenants = on(host, "ls /etc/comuni/tenants | sed 's/-.*//' | sort -u");
        assert_eq!(keys, tenants, "{host}");
    }
    take(host).ends_with(0);
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

#[test]
fn the_second_copy_is_fetched_and_never_spoiled() {
    let (lab, _) = seeded();
    on("mon1", "systemctl start comuni-backup-copy.service");
    let id = snapshots(lab).pop().unwrap()["id"].as_str().unwrap().to_string();
    let key = key(lab);
    let copy = format!("RESTIC_PASSWORD={key} RESTIC_REPOSITORY={REPOSITORY} restic --no-cache --no-lock");
    assert!(on("mon1", &format!("{copy} snapshots --json")).contains(&id));
    on("mon1", &format!("{copy} check 2>&1"));

    // What root of the first host changes, deletes or makes up does not reach what is there already.
    let pack = on("ops1", &format!("find {REPOSITORY}/data -type f | sort | head -n 1"));
    let sum = on("mon1", &format!("sha256sum {pack}"));
    let made_up = format!("{REPOSITORY}/data/00/{}", "0".repeat(64));
    let restored =
        format!("cp -p /root/pack {pack} && rm -f {made_up} && rmdir --ignore-fail-on-non-empty {REPOSITORY}/data/00");
    on(
        "ops1",
        &format!(
            "cp -p {pack} /root/pack && mkdir -p {REPOSITORY}/data/00 && cp {pack} {made_up} && echo spoiled > {pack} && \
             printf spoiled | dd of={made_up} conv=notrunc status=none && touch -d '1 hour ago' {made_up}"
        ),
    );
    let (status, said) = tries_on("mon1", "/usr/local/lib/comuni/comuni-host copy-backups");
    on("ops1", &restored);
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("0000000"), "{said}");
    assert_eq!(on("mon1", &format!("sha256sum {pack}")), sum);
    on("mon1", &format!("{copy} check 2>&1"));

    // Half of a pack is an upload that was cut: no damage, never kept, and the next fetch has it whole.
    on("mon1", &format!("mv {pack} /root/pack"));
    on(
        "ops1",
        &format!(
            "head -c $(($(stat -c %s {pack}) / 2)) {pack} > {pack}.half && touch -d '1 hour ago' {pack}.half && mv {pack}.half {pack}"
        ),
    );
    let said = tries_on("mon1", "/usr/local/lib/comuni/comuni-host copy-backups");
    let kept = tries_on("mon1", &format!("test -e {pack}")).0 == 0;
    on("ops1", &format!("cp -p /root/pack {pack} && rm /root/pack"));
    let (status, said) = said;
    assert!(
        status == 0 && said.contains("was cut") && said.contains(pack.rsplit('/').next().unwrap()),
        "{status} {said}"
    );
    assert!(!kept, "half a pack was kept");
    let said = on("mon1", "/usr/local/lib/comuni/comuni-host copy-backups");
    assert_eq!(on("mon1", &format!("sha256sum {pack}; rm -f /root/pack")), sum, "{said}");
    on("mon1", &format!("{copy} check 2>&1"));

    // Its key reads, and nothing else.
    for line in ["rm -rf /srv/backup", "sh -c id", "rsync --server -logDtpre.iLsfxCIvu . /srv/backup/"] {
        let (status, said) = tries_on(
            "mon1",
            &format!("timeout 10 ssh -F /etc/comuni/backup/copy.conf repository {} < /dev/null", quoted(line)),
        );
        assert!(status != 0 && !said.contains("uid="), "{line}: {status} {said}");
    }
}

#[test]
fn pruning_goes_by_age_and_keeps_what_was_verified() {
    let (lab, host) = seeded();
    let verified = snapshots(lab)[0]["id"].as_str().unwrap().to_string();
    on(
        "ops1",
        &format!(
            "test -e /srv/backup/{LOZZA}/verified.json && cp -p /srv/backup/{LOZZA}/verified.json /root/verified.json; \
        echo '{{\"{TENANT}\":{{\"snapshot\":\"{verified}\",\"level\":\"L4\",\"at\":0}}}}' > /srv/backup/{LOZZA}/verified.json"
        ),
    );
    // As if they had been taken long ago: restic lets whoever stores say the time, so false ones can do the same.
    let old = |time: &str, state: &str| {
        on(
            host,
            &format!(
                "RESTIC_PASSWORD_FILE=/etc/comuni/backup/{LOZZA}/repository.key restic --no-cache -q -r rclone:repository \
             -o rclone.program='ssh -F /etc/comuni/backup/{LOZZA}/ssh.conf repository' backup --host {LOZZA} --time '{time}' \
             --tag tenant={TENANT},run=false,state={state} /etc/hostname"
            ),
        )
    };
    old("2019-01-01 00:00:00", "complete");
    old("2037-01-01 00:00:00", "complete");
    take(host).ends_with(0);
    let before = snapshots(lab);
    on("mon1", "systemctl start comuni-backup-copy.service");
    let run = lab.comuni(&["backup", "prune", "--member", "lozza"]).ends_with(0).says("1 of 1 repository pruned");
    let row = run.stdout.lines().find(|line| line.contains("ops1")).unwrap().to_string();
    assert!(row.split_whitespace().nth(2) == Some("1") && row.contains("future"), "{row}");
    let after = snapshots(lab);
    assert_eq!(after.len(), before.len() - 1);
    assert!(!after.iter().any(|snapshot| snapshot["time"].as_str().unwrap().starts_with("2019")));
    assert!(after.iter().any(|snapshot| snapshot["id"] == *verified));
    on(
        "ops1",
        &format!(
            "mv -f /root/verified.json /srv/backup/{LOZZA}/verified.json 2>/dev/null || rm /srv/backup/{LOZZA}/verified.json"
        ),
    );
    // The one from the future is taken away by whoever looks after the repository, by its id.
    let future = after.iter().find(|snapshot| snapshot["time"].as_str().unwrap().starts_with("2037")).unwrap();
    let key = key(lab);
    on(
        "ops1",
        &format!(
            "su backup-{LOZZA} -c 'RESTIC_PASSWORD={key} restic --no-cache -q -r {REPOSITORY} forget {}'",
            future["id"].as_str().unwrap()
        ),
    );
    take(host).ends_with(0);
}
