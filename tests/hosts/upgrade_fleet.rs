//! An upgrade of many: canaries alone, then batches in which the tenants of different hosts come at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::backup::seeded;
use crate::harness::{Lab, Run, carrier, on};
use crate::upgrade::{Visitors, policy, to_the_first, when_free};

/// A tenant of the albo: its member's file, its id, its host.
struct Board {
    slug: String,
    tenant: String,
    host: &'static str,
}

impl Board {
    fn of(slug: &str, code: &str) -> Board {
        let tenant = format!("{code}-albo");
        Board { slug: slug.to_string(), host: carrier(&tenant), tenant }
    }

    /// By its first name.
    fn site(&self) -> String {
        let file = format!("/etc/nginx/comuni.d/{}.conf", self.tenant);
        on(self.host, &format!("grep -m 1 -oE 'server_name \"[^\"]+' {file} | cut -d'\"' -f2"))
    }

    /// All rows by the columns that 1.0.0 knows of, and all files.
    fn content(&self) -> String {
        let (database, folder) = (self.tenant.replace('-', "_"), self.tenant.replace("-albo", "/albo/data"));
        let rows = on(
            "db1",
            &format!(
                "runuser -u postgres -- psql -qtA -d {database} -c \"select count(*), md5(string_agg(concat_ws('|', id, year, \
                 number, office, subject, body, published_from, published_to), ';' order by id)) from notice\""
            ),
        );
        let list =
            format!("cd /srv/comuni/{folder} && find . -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum");
        format!("{rows} {}", on(self.host, &list))
    }
}

/// The file of the member with this code.
fn slug(lab: &Lab, code: &str) -> String {
    let belfiore = format!("belfiore: {}", code.trim_start_matches("c_").to_uppercase());
    let files = std::fs::read_dir(lab.varese().join("members")).unwrap().map(|entry| entry.unwrap().path());
    let is_its = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.contains(&belfiore) || text.contains(&format!("code: {code}"))
    };
    let file = files.into_iter().find(is_its).unwrap_or_else(|| panic!("no member has the code {code}"));
    file.file_stem().unwrap().to_str().unwrap().to_string()
}

/// What became of each, by tenant.
fn records(run: &Run) -> BTreeMap<String, Value> {
    let all = run.objects().into_iter().filter(|object| object["type"] == "upgrade");
    all.map(|record| (record["tenant"].as_str().unwrap().to_string(), record)).collect()
}

/// From its beginning to its end, in seconds.
fn time(record: &Value) -> (i64, i64) {
    (record["began"].as_i64().unwrap(), record["ended"].as_i64().unwrap())
}

fn overlap(one: &Value, other: &Value) -> bool {
    let ((began, ended), (first, last)) = (time(one), time(other));
    began < last && first < ended
}

fn back(lab: &Lab, boards: &[Board]) {
    for board in boards {
        when_free(lab, &["rollback", "albo", "--member", &board.slug, "--yes"]).ends_with(0);
    }
    lab.is_converged();
}

fn names(board: &Board) -> [&str; 2] {
    ["--member", &board.slug]
}

/// Who runs the new release now, was without service for as long as visitors saw, and has the data that it had.
fn is_upgraded(board: &Board, record: &Value, seen: f64, before: &str) {
    let name = &board.tenant;
    assert_eq!(record["ending"], "done", "{record}");
    let outage = (record["opened"].as_i64().unwrap() - record["closed"].as_i64().unwrap()) as f64;
    assert!(seen > 0.2 && (seen - outage).abs() < 4.0, "{name}: {seen} s seen, {outage} s recorded");
    assert_eq!(board.content(), before, "{name}");
}

/// Upgrades these with visitors at all of them; what became of each.
fn with_visitors(lab: &'static Lab, boards: &[Board], more: &[&str]) -> BTreeMap<String, Value> {
    let before: Vec<String> = boards.iter().map(Board::content).collect();
    // Each visit costs this machine something too.
    let pause = Duration::from_millis(60) * u32::try_from(boards.len()).unwrap();
    let visitors: Vec<Visitors> =
        boards.iter().map(|board| Visitors::come(lab, board.host, &board.site(), pause)).collect();
    let members = boards.iter().flat_map(names);
    let words: Vec<&str> =
        ["--format", "json", "upgrade", "albo", "--to", "1.1.0", "--yes"].into_iter().chain(members).collect();
    let run = when_free(lab, &[&words[..], more].concat());
    let seen: Vec<f64> = visitors.into_iter().map(Visitors::go).collect();
    let records = records(&run.ends_with(0));
    for ((board, before), seen) in boards.iter().zip(&before).zip(seen) {
        is_upgraded(board, &records[&board.tenant], seen, before);
    }
    records
}

#[test]
fn tenants_of_a_batch_come_at_the_same_time_on_two_hosts_and_one_after_the_other_on_one() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 2, canary: [lozza]");
    let boards = [
        Board::of("lozza", "c_e707"),
        Board::of("besozzo", "c_a826"),
        Board::of("comerio", "c_c922"),
        Board::of("monvalle", "c_f703"),
    ];
    let [lozza, besozzo, comerio, monvalle] = &boards;
    assert_eq!(comerio.host, monvalle.host);
    assert_ne!(besozzo.host, comerio.host);
    let records = with_visitors(lab, &boards, &["--batch", "100%"]);
    let of = |board: &Board| &records[&board.tenant];
    assert!(boards[1..].iter().all(|board| !overlap(of(lozza), of(board))), "the canary comes alone");
    assert!(!overlap(of(comerio), of(monvalle)), "one after the other on one host: {records:#?}");
    assert!(overlap(of(besozzo), of(comerio)) || overlap(of(besozzo), of(monvalle)), "{records:#?}");
    drop(policy);
    lab.is_converged();
    back(lab, &boards);
}

#[test]
#[ignore = "with ./check --all"]
#[allow(clippy::print_stderr, reason = "the figures of an upgrade")]
fn all_members_come_to_another_release_in_batches_with_visitors_at_every_site() {
    let (lab, host) = seeded();
    to_the_first(lab, host);
    let policy = policy(lab, "healthy_seconds: 1, soak_seconds: 5, canary: [lozza]");
    let plan = lab.comuni(&["--format", "json", "upgrade", "albo", "--to", "1.1.0", "--plan"]).ends_with(0);
    let lines = plan.objects().into_iter().filter(|object| object["type"] == "upgrade_plan");
    let codes: Vec<String> = lines.map(|line| line["tenant"].as_str().unwrap().replace("-albo", "")).collect();
    assert!(codes.len() >= 13, "{codes:?}");
    let boards: Vec<Board> = codes.iter().map(|code| Board::of(&slug(lab, code), code)).collect();
    let records = with_visitors(lab, &boards, &["--batch", "50%"]);
    for record in records.values() {
        eprintln!(
            "{}: {} s without service",
            record["tenant"],
            record["opened"].as_i64().unwrap() - record["closed"].as_i64().unwrap()
        );
    }
    let report = lab.comuni(&["report", "upgrade", "albo"]).ends_with(0).stdout;
    assert_eq!(report.matches("VERBALE DI AGGIORNAMENTO").count(), boards.len(), "{report}");
    drop(policy);
    lab.is_converged();
    back(lab, &boards);
}
