//! `comuni onboard`: a body becomes a member in one command, goes on after a crash, and touches nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::cut_off::{kill_here, killed_at, steps, takes_all};
use crate::harness::{Lab, Run, eventually, lab, on, tries_on};

const HOSTS: [&str; 5] = ["app1", "app2", "db1", "mon1", "ops1"];

/// Bodies that join for the length of a test. They leave then: what they did is kept, and nothing of it runs.
struct Guests<'l> {
    lab: &'l Lab,
    before: BTreeSet<PathBuf>,
}

fn files(lab: &Lab) -> BTreeSet<PathBuf> {
    let folder = fs::read_dir(lab.inventory().join("members"));
    folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn guests(lab: &Lab) -> Guests<'_> {
    Guests { lab, before: files(lab) }
}

impl Drop for Guests<'_> {
    fn drop(&mut self) {
        for file in files(self.lab).difference(&self.before) {
            let text = fs::read_to_string(file).unwrap();
            let text = text.replace("status: joining", "status: leaving").replace("status: active", "status: leaving");
            fs::write(file, text).unwrap();
        }
        let run = self.lab.comuni(&["apply", "--yes", "--allow", "removals", "--allow", "changes"]);
        if !std::thread::panicking() {
            run.ends_with(0);
            self.lab.is_converged();
        }
    }
}

fn nobody_holds_a_lock() {
    let free = |host: &&str| tries_on(host, "flock -n /run/comuni/lock true").0 == 0;
    eventually("no lock stays", Duration::from_secs(40), || HOSTS.iter().all(|host| free(host)));
}

/// All of the others that joining or leaving could have touched: their files, since when their services run, their zones'
/// serials, their backups.
pub fn others(code: &str, slug: &str) -> BTreeSet<String> {
    let tenants = format!(
        "find /etc/comuni/tenants /etc/nginx/comuni.d /etc/comuni/backup /srv/comuni -type f -not -path '*{code}*' \
         -exec sha256sum {{}} + | sort -k 2; \
         systemctl show -p Id -p ActiveEnterTimestampMonotonic 'comuni-c*.service' | paste -sd' ' | sed 's/ Id=/\\nId=/g' | grep -v {code}"
    );
    let zones = format!(
        "knotc zone-status 2>/dev/null | grep -v -e {slug} -e '^.catalog' | sed -E 's/^\\[([^]]*)\\].*serial: ([0-9]+).*/\\1 \\2/' | sort"
    );
    let backups = format!("find /srv/backup -path '*/snapshots/*' -not -path '*{code}*' | sort");
    let all = [on("app1", &tenants), on("app2", &tenants), on("mon1", &zones), on("ops1", &backups)];
    all.iter().flat_map(|text| text.lines()).map(str::to_string).collect()
}

fn step(run: &Run, name: &str) -> Value {
    let found =
        run.objects().into_iter().rev().find(|line| line["type"] == "onboard_step" && line["step"]["step"] == name);
    found.unwrap_or_else(|| panic!("no step {name}: {}", run.text()))["step"].clone()
}

/// The end of a phase, by its name, or `fixed`: a resource that an apply brought.
fn is_sign(line: &Value, sign: &str) -> bool {
    match sign {
        "fixed" => line["type"] == "step" && line["event"] == "fixed",
        phase => line["type"] == "onboard_step" && line["step"]["step"] == phase,
    }
}

/// Where a body that joins is cut off, one after the other: as all is written, in the apply, and behind each phase, which is
/// where the next one begins. What was brought before a cut is not brought again, so the apply can be cut off twice.
fn cuts() -> Vec<(&'static str, usize)> {
    const ALL: [(&str, usize); 10] = [
        ("secrets", 1),
        ("fixed", 1),
        ("fixed", 9),
        ("apply", 1),
        ("answers", 1),
        ("dns", 1),
        ("backup", 1),
        ("restore", 1),
        ("monitoring", 1),
        ("active", 1),
    ];
    if takes_all() {
        return ALL.to_vec();
    }
    let drawn = steps(|seed| [seed % 4, 4 + seed / 4 % 6]);
    drawn.map(|at| ALL[at]).collect()
}

#[test]
fn a_comune_joins_in_one_command_that_goes_on_after_it_was_killed_and_touches_nobody_else() {
    let lab = lab();
    let guests = guests(lab);
    let before = others("c_d204", "cunardo");
    let words = [
        "onboard",
        "cunardo",
        "--zone",
        "comune.cunardo.va.it",
        "--mode",
        "subzone",
        "--technical",
        "ced@comune.cunardo.va.it",
        "--yes",
    ];
    for (sign, at) in cuts() {
        let is_sign = |line: &Value| is_sign(line, sign);
        assert!(killed_at(lab, &words, at, is_sign, kill_here), "{sign} {at} never came");
        nobody_holds_a_lock();
    }
    let last = lab.comuni(&[&["--format", "json"], &words[..]].concat()).ends_with(0);
    let file = lab.inventory().join("members/cunardo.yml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("istat: \"012060\"") && text.contains("{ status: active, since: "), "{text}");

    // Whichever run it was that came to the end, it is told and recorded what was proven.
    let history = lab.comuni(&["--format", "json", "history", "--member", "cunardo", "--last", "60"]).ends_with(0);
    let records = history.objects();
    let whole = records
        .iter()
        .find(|line| line["value"]["record"]["verb"] == "onboard" && line["value"]["record"]["exit_code"] == 0);
    let whole = whole.unwrap_or_else(|| panic!("no record of it: {}\n{}", history.text(), last.text()));
    let proven = whole["value"]["record"]["steps"].as_array().unwrap();
    let detail = |name: &str| {
        let found = proven.iter().find(|step| step["step"] == name && step["result"] == "done");
        found.unwrap_or_else(|| panic!("{name}: {proven:#?}"))["detail"].as_str().unwrap().to_string()
    };
    assert_eq!(detail("answers"), "https://albo.cloud.comune.cunardo.va.it");
    assert!(detail("dns").contains("served and signed on all 2 servers"));
    assert!(detail("restore").contains("proven to L6: c_d204-albo back in"));
    assert_eq!(detail("monitoring"), "3 of 3 targets up");

    let activation = lab.comuni(&["report", "activation", "--member", "cunardo"]).ends_with(0);
    activation
        .says("Comune di Cunardo")
        .says("Verifiche di attivazione: TUTTE RIUSCITE")
        .says("(c_d204-albo): VERIFICATO");

    let after = others("c_d204", "cunardo");
    let other: Vec<&String> = before.symmetric_difference(&after).collect();
    assert!(before.len() > 60 && other.is_empty(), "what is of the others is not as it was: {other:#?}");
    let again = lab.comuni(&words).ends_with(0);
    again.says("is a member already");
    drop(guests);
}

#[test]
fn a_zone_of_others_is_open_until_they_have_set_the_records_and_all_else_is_done() {
    let lab = lab();
    let guests = guests(lab);
    let words =
        ["--format", "json", "onboard", "Azzate", "--zone", "comune.azzate.va.it", "--mode", "external", "--yes"];
    let run = lab.comuni(&words).ends_with(2);
    assert_eq!(step(&run, "dns")["result"], "pending");
    assert_eq!(step(&run, "restore")["result"], "done");
    assert!(run.text().contains("albo.comune.azzate.va.it."), "{}", run.text());
    let text = fs::read_to_string(lab.inventory().join("members/azzate.yml")).unwrap();
    assert!(text.contains("status: joining"), "{text}");
    // What was proven is not done again.
    let again = lab.comuni(&words).ends_with(2);
    assert!(again.objects().iter().all(|line| line["step"]["step"] != "backup"), "{}", again.text());
    drop(guests);
}

#[test]
#[ignore = "with ./check --all"]
fn ten_of_a_table_join_at_once_and_one_that_is_wrong_is_told() {
    let lab = lab();
    let guests = guests(lab);
    let table = lab.folder().join("comuni.csv");
    fs::write(
        &table,
        "name;province;kind;code;size\nL'Aquila;;;;\nOrtisei;;;;\nSamone;TO;;;\nSamone;TN;;;\nRoccasecca dei Volsci;;;;\n\
         Ne;;;;\nViggiu';;;;\nComunità Montana Valli del Verbano;;comunita_montana;cm_verbano;small\nCunrado;;;;\nDuino Aurisina;;;;\n",
    )
    .unwrap();
    let run = lab.comuni(&["onboard", "--from", table.to_str().unwrap(), "--yes"]).ends_with(3);
    run.says("9 of 10 bodies active")
        .says("Cunrado (line 10): no comune is called `Cunrado`")
        .says("did you mean Cunardo?");
    for slug in ["l-aquila", "ortisei", "samone-to", "samone-tn", "roccasecca-dei-volsci", "ne", "viggiu"] {
        let text = fs::read_to_string(lab.inventory().join(format!("members/{slug}.yml"))).unwrap();
        assert!(text.contains("status: active"), "{slug}: {text}");
    }
    drop(guests);
}
