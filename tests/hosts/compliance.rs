//! `comuni report compliance`: each control with what was measured on hosts, and where that is written down.

use serde_json::Value;

use crate::backup::seeded;
use crate::harness::{Lab, Run};

/// What the report says of each control: its heading, its verdict and what is behind it.
fn controls(run: &Run) -> Vec<(String, String, String)> {
    let document = run.objects().into_iter().find(|line| line["type"] == "document");
    let document = document.unwrap_or_else(|| panic!("no document: {}", run.text()));
    let part = |part: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let checks: Vec<String> =
            part["checks"].as_array().unwrap().iter().map(|check| text(&check["detail"])).collect();
        (text(&part["heading"]), text(&part["verdict"]), checks.join("\n"))
    };
    document["parts"].as_array().unwrap().iter().map(part).collect()
}

fn of(lab: &Lab, more: &[&str]) -> Vec<(String, String, String)> {
    let words = ["--format", "json", "report", "compliance", "--member", "lozza"];
    controls(&lab.comuni(&[&words[..], more].concat()).ends_with(0))
}

#[test]
fn each_control_has_what_was_measured_behind_it_and_a_month_without_evidence_is_never_good() {
    let (lab, _) = seeded();
    lab.comuni(&["backup", "verify", "--member", "lozza", "--level", "L5"]).ends_with(0);
    let now = of(lab, &[]);
    assert_eq!(now.len(), 10);
    let told =
        |title: &str| now.iter().find(|(heading, ..)| heading.starts_with(title)).unwrap_or_else(|| panic!("{title}"));
    for title in ["ABSC 10.1.1", "ABSC 10.2.1", "ABSC 10.3.1", "SLI9", "SLI13"] {
        let (_, verdict, behind) = told(title);
        // Since when it is a member is not in its file, and its first backup is a fresh one.
        let (wanted, evidence) = if ["ABSC 10.1.1", "SLI9"].contains(&title) {
            ("rispettato con riserva", "prova: registro delle copie")
        } else {
            ("rispettato", "prova: verifica del")
        };
        assert_eq!(verdict, wanted, "{title}: {behind}");
        assert!(behind.contains(evidence), "{title}: {behind}");
    }
    assert_eq!(told("SLI12").1, "misurato");
    // A lab is not as old as backups are kept, and has not been watched for a month.
    for title in ["SLI1,", "SLI10"] {
        assert_ne!(told(title).1, "rispettato", "{title}: {}", told(title).2);
    }
    for (heading, verdict, behind) in of(lab, &["--month", "2024-02"]) {
        assert_eq!(verdict, "nessun dato", "{heading}: {behind}");
    }
}
