//! The fleet on one screen: from what is measured and from the evidence, also when somebody is away.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{LOZZA, Lab, Run, Undo, broken, carrier, equip_control, eventually, lab, on};

const TENANT: &str = "c_c922-albo";
/// Whose exporter has what a timer of the control host would measure.
const CONTROL: &str = "ops1";
const FOLDER: &str = "/var/lib/prometheus/node-exporter";

fn status(lab: &Lab, words: &[&str]) -> Run {
    lab.comuni(&[&["status", "--format", "json"], words].concat())
}

fn members(run: &Run) -> Vec<Value> {
    run.objects().into_iter().filter(|object| object["type"] == "member_status").collect()
}

/// The tenant that these tests break.
fn tenant(run: &Run) -> Value {
    let all = members(run);
    let tenants = all.iter().flat_map(|member| member["tenants"].as_array().unwrap());
    tenants.clone().find(|tenant| tenant["tenant"] == TENANT).unwrap().clone()
}

struct Measured;

impl Measured {
    /// What the timers of a control host would have its exporter tell.
    fn by_hand(lab: &Lab) -> Measured {
        for (name, words) in [("plan", &["plan"][..]), ("dns", &["dns", "check"])] {
            let file = lab.state().join(format!("{name}.prom"));
            lab.comuni(&[words, &["--textfile", file.to_str().unwrap()]].concat()).ends_with(0);
            let text = std::fs::read_to_string(&file).unwrap();
            // In their place: the same measured in two files would be refused by the exporter.
            on(CONTROL, &format!("cat > {FOLDER}/comuni-{name}.prom <<'END'\n{text}END"));
        }
        Measured
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        on(CONTROL, &format!("rm -f {FOLDER}/comuni-plan.prom {FOLDER}/comuni-dns.prom"));
    }
}

#[test]
fn every_member_is_on_the_screen_with_what_is_measured_and_what_breaks_is_seen() {
    let lab = lab();
    let measured = Measured::by_hand(lab);
    let mut run = status(lab, &[]);
    let known = |run: &Run| {
        let all = members(run);
        let well = |member: &Value| {
            let tenants = member["tenants"].as_array().unwrap();
            let up =
                tenants.iter().all(|tenant| tenant["up"] == true && tenant["certificate_days"].as_i64() > Some(20));
            let zone = member["zone"]["ours"] != true || member["zone"]["grade"] == "ok";
            up && zone && member["changes"]["pending"] == 0 && member["changes"]["drifted"] == 0
        };
        run.status == 0 && all.len() == 14 && all.iter().all(well)
    };
    eventually("all is seen", Duration::from_secs(60), || {
        run = status(lab, &[]);
        known(&run)
    });
    let all = members(&run);
    assert!(all.iter().filter(|member| member["zone"]["ours"] == true).count() >= 10, "{all:?}");
    let hosts: Vec<Value> = run.objects().into_iter().filter(|object| object["type"] == "host_status").collect();
    assert!(hosts.len() >= 5 && hosts.iter().filter(|host| host["up"] == true).count() >= 5, "{hosts:?}");
    let text = lab.comuni(&["status", "--member", "malnate"]).ends_with(0);
    assert!(text.stdout.contains("Comune di Malnate") && text.stdout.contains("1 of 1 up"), "{}", text.stdout);
    assert!(!text.stdout.contains("Lozza"), "{}", text.stdout);

    let host = carrier(TENANT);
    on(host, &format!("systemctl stop comuni-{TENANT}"));
    eventually("it is seen to be down", Duration::from_secs(60), || tenant(&status(lab, &[]))["up"] == false);
    let page = lab.state().join("stato.html");
    let broken = lab.comuni(&["status", "--html", page.to_str().unwrap()]).ends_with(0);
    assert!(broken.stdout.contains("0 of 1 up") && broken.stdout.contains("broken"), "{}", broken.stdout);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("lang=\"it\"") && html.contains("con un guasto") && html.contains(" su 30)"), "{html}");
    for strange in ["http://", "https://", "<script", "src="] {
        assert!(!html.contains(strange), "{strange}");
    }
    on(host, &format!("systemctl start comuni-{TENANT}"));
    eventually("it is seen to be up", Duration::from_secs(60), || tenant(&status(lab, &[]))["up"] == true);
    drop(measured);
}

#[test]
fn who_is_away_is_told_and_what_is_not_known_is_never_ok() {
    let lab = lab();
    let away = broken("cut", "join", "mon1", &[]);
    let run = status(lab, &[]).ends_with(7);
    assert!(run.stderr.contains("mon1"), "{}", run.stderr);
    let all = members(&run);
    assert_eq!(all.len(), 14);
    assert!(all.iter().all(|member| member["grade"] != "ok" && member["tenants"][0]["up"].is_null()), "{all:?}");
    // Who did what is in the evidence, which is kept elsewhere.
    assert!(all.iter().all(|member| member["applied"].is_string()), "{all:?}");
    lab.comuni(&["monitoring", "check"]).ends_with(7).says("mon1");
    drop(away);
    eventually("it is back", Duration::from_secs(60), || status(lab, &[]).status == 0);

    let away = broken("cut", "join", "ops1", &[]);
    let run = status(lab, &[]).ends_with(7);
    assert!(run.stderr.contains("ops1"), "{}", run.stderr);
    assert!(members(&run).iter().all(|member| member["tenants"][0]["verified"].is_null()));
    drop(away);
    eventually("it is back", Duration::from_secs(90), || status(lab, &[]).status == 0);
}

/// A night of the control host in a test: what its timers start is started, and what they leave is taken away.
fn night(lab: &Lab, units: &str) -> Undo {
    equip_control(lab);
    let files = ["plan", "dns"].map(|name| format!("{FOLDER}/comuni-{name}.prom")).join(" ");
    let undo = Undo(CONTROL, format!("rm -f /etc/default/comuni {files} {FOLDER}/comuni_verify.prom"));
    on(CONTROL, &format!("systemctl start {units}"));
    undo
}

/// What the plan of the control host says of an owner: pending, and changed by hand.
fn planned(owner: &str) -> (String, String) {
    let page = on(CONTROL, &format!("cat {FOLDER}/comuni-plan.prom"));
    let of = |name: &str| {
        let begin = format!("comuni_plan_{name}{{owner=\"{owner}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&begin)).expect(&page).to_string()
    };
    assert!(page.contains("comuni_plan_complete 1\n"), "{page}");
    (of("pending"), of("drifted"))
}

#[test]
fn the_control_host_sees_what_was_changed_by_hand_also_in_secrets_that_it_cannot_read() {
    let lab = lab();
    lab.is_converged();
    let undo = night(lab, "comuni-plan.service");
    assert_eq!(planned(LOZZA), ("0".into(), "0".into()));
    let readable = on(CONTROL, "cd /srv/inventory/inventories/lab/secrets && find . -name '*.age'");
    assert!(readable.lines().all(|file| file.starts_with("./control/")), "{readable}");

    let host = carrier("c_e707-albo");
    on(host, "echo '# by hand' >> /etc/comuni/tenants/c_e707-albo/pgpass");
    on("db1", "echo \"alter role c_e707_albo_b password 'by hand'\" | runuser -u postgres -- psql -q");
    on(CONTROL, "systemctl start comuni-plan.service");
    assert_eq!(planned(LOZZA), ("2".into(), "2".into()));
    let said = on(CONTROL, "journalctl -u comuni-plan.service -o cat");
    assert!(said.contains("content: differs (secret, not shown)") && said.contains("password: differs"), "{said}");
    lab.comuni(&["apply", "--yes", "--member", "lozza"]).ends_with(0);
    on(CONTROL, "systemctl start comuni-plan.service");
    assert_eq!(planned(LOZZA), ("0".into(), "0".into()));
    lab.is_converged();
    drop(undo);
}

#[test]
#[ignore = "with ./check --all"]
fn after_a_night_of_the_control_host_all_is_green_by_itself() {
    let lab = lab();
    lab.comuni(&["backup", "run"]).ends_with(0);
    let undo = night(lab, "comuni-verify.service comuni-dns-check.service comuni-plan.service");
    let green = |object: &Value| {
        let text = object.to_string();
        !["unknown", "attention", "broken"].iter().any(|grade| text.contains(&format!("grade\":\"{grade}\"")))
    };
    eventually("all is green, and nothing is wrong with what watches", Duration::from_secs(180), || {
        let run = status(lab, &[]);
        let graded = run.objects().into_iter().filter(|object| object["type"].as_str().unwrap().ends_with("_status"));
        let all: Vec<Value> = graded.collect();
        all.len() == 19 && all.iter().all(green) && lab.comuni(&["monitoring", "check", "--quiet"]).status == 0
    });
    drop(undo);
}
