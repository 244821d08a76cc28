//! The fleet as a table: a line for each member, with words in every cell. Colours say nothing that the words do not.

use std::collections::BTreeMap;

use super::out::{Colour, Out, visible};
use super::size::ago;
use crate::evidence::documents::fleet::{AlertStatus, Fleet, Grade, MemberStatus, TenantStatus};

/// What stands in a cell, and how well that is; none where there is nothing to judge.
type Cell = (String, Option<Grade>);

const HEAD: [&str; 10] =
    ["MEMBER", "STATE", "TENANTS", "CERTIFICATE", "DNS", "BACKUP", "VERIFIED", "PENDING", "DRIFT", "RELEASE"];

/// The whole screen.
pub fn fleet_table(fleet: &Fleet, out: &Out) -> String {
    let mut rows: Vec<Vec<Cell>> = vec![HEAD.iter().map(|head| (head.to_string(), None)).collect()];
    rows.extend(fleet.members.iter().map(row));
    let mut text = painted(&rows, out);
    let mut hosts = vec![["HOST", "STATE", "ANSWERS", "FREE", "ROLES"].map(|head| (head.to_string(), None)).to_vec()];
    for host in &fleet.hosts {
        hosts.push(vec![
            (host.host.clone(), None),
            (host.grade.word().to_string(), Some(host.grade)),
            (host.up.map_or("unknown", |up| if up { "yes" } else { "no" }).to_string(), None),
            (host.free_percent.map_or("unknown".to_string(), |free| format!("{free} %")), None),
            (host.roles.join(", "), None),
        ]);
    }
    text.push_str(&format!("\n{}", painted(&hosts, out)));
    let of_members = fleet.members.iter().flat_map(|member| &member.alerts);
    let mut alerts: BTreeMap<_, Vec<&AlertStatus>> = BTreeMap::new();
    for alert in of_members.chain(&fleet.alerts) {
        alerts.entry((alert.muted, &alert.severity, &alert.alert)).or_default().push(alert);
    }
    if !alerts.is_empty() {
        let mut rows = vec![["ALERT", "SEVERITY", "SAYS"].map(|head| (head.to_string(), None)).to_vec()];
        for ((muted, severity, name), alike) in alerts {
            let more = if alike.len() > 1 { format!(", and {} more alike", alike.len() - 1) } else { String::new() };
            let says = format!("{}{more}{}", visible(&alike[0].summary), if muted { "  (muted)" } else { "" });
            let grade = Some(alike[0].grade()).filter(|_| !muted);
            rows.push(vec![(name.clone(), None), (severity.clone(), grade), (says, None)]);
        }
        text.push_str(&format!("\n{}", painted(&rows, out)));
    }
    let [ok, unknown, attention, broken] = fleet.counts();
    text.push_str(&format!("\n{ok} ok, {attention} to look at, {broken} broken, {unknown} unknown\n"));
    text
}

fn row(member: &MemberStatus) -> Vec<Cell> {
    let unknown = || "unknown".to_string();
    let each = |of: fn(&TenantStatus) -> Grade, words: &dyn Fn(&[TenantStatus]) -> String| -> Cell {
        match member.worst(of) {
            Some(Grade::Unknown) => (unknown(), Some(Grade::Unknown)),
            Some(grade) => (words(&member.tenants), Some(grade)),
            None => ("-".to_string(), None),
        }
    };
    let up = each(|tenant| tenant.up_grade, &|all| {
        format!("{} of {} up", all.iter().filter(|tenant| tenant.up == Some(true)).count(), all.len())
    });
    let certificate = each(|tenant| tenant.certificate_grade, &|all| {
        all.iter().filter_map(|tenant| tenant.certificate_days).min().map_or_else(unknown, |left| format!("{left} d"))
    });
    let backup = each(|tenant| tenant.backup_grade, &|all| match all.iter().any(|tenant| tenant.backup_never) {
        true => "never".to_string(),
        false => all.iter().filter_map(|tenant| tenant.backup_age_seconds).max().map_or_else(unknown, ago),
    });
    let verified = each(|tenant| tenant.verified_grade, &|all| {
        let worst = all.iter().max_by_key(|tenant| (tenant.verified_grade, tenant.verified_age_seconds));
        let of = |tenant: &TenantStatus| {
            let level = match (tenant.verified_grade, &tenant.verified) {
                (Grade::Broken, _) => "failed",
                (_, Some(level)) => level,
                (_, None) => "none",
            };
            format!("{level}, {}", tenant.verified_age_seconds.map_or_else(unknown, ago))
        };
        worst.map_or_else(unknown, of)
    });
    let zone = match &member.zone {
        None => ("-".to_string(), None),
        Some(zone) => {
            let words = match (zone.grade, zone.answers, zone.drift) {
                (None, ..) => "others".to_string(),
                (Some(Grade::Ok | Grade::Unknown), ..) => zone.grade.map_or("", Grade::word).to_string(),
                (_, Some(false), _) => "no answer".to_string(),
                (_, _, Some(drift @ 1..)) => format!("{drift} differ"),
                _ => "wrong".to_string(),
            };
            (words, zone.grade)
        }
    };
    let changes = |count: Option<u64>| match (member.changes.grade, count) {
        (Grade::Unknown, _) | (_, None) => (unknown(), Some(Grade::Unknown)),
        (_, Some(0)) => ("0".to_string(), Some(Grade::Ok)),
        (_, Some(count)) => (count.to_string(), Some(Grade::Attention)),
    };
    let releases: Vec<String> =
        member.tenants.iter().map(|tenant| format!("{} {}", tenant.application, tenant.release)).collect();
    let release = if releases.is_empty() { "-".to_string() } else { releases.join(", ") };
    let state = match (member.membership.as_str(), member.grade) {
        ("active", grade) => grade.word().to_string(),
        (membership, grade) => format!("{}, {membership}", grade.word()),
    };
    vec![
        (member.name.clone(), None),
        (state, Some(member.grade)),
        up,
        certificate,
        zone,
        backup,
        verified,
        changes(member.changes.pending),
        changes(member.changes.drifted),
        (release, None),
    ]
}

/// Lines up by what is seen, then paints.
fn painted(rows: &[Vec<Cell>], out: &Out) -> String {
    let plain: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|(text, _)| text.clone()).collect()).collect();
    let widths = super::table::widths(&plain);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, ((cell, grade), width)) in row.iter().zip(&widths).enumerate() {
            let fill = if at + 1 == row.len() { 0 } else { width - cell.chars().count() + 2 };
            let colour = grade.map(|grade| match grade {
                Grade::Ok => Colour::Green,
                Grade::Unknown => Colour::Cyan,
                Grade::Attention => Colour::Yellow,
                Grade::Broken => Colour::Red,
            });
            line.push_str(&colour.map_or(cell.clone(), |colour| out.paint(colour, cell)));
            line.push_str(&" ".repeat(fill));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Format;
    use crate::evidence::documents::fleet::sample::fleet;

    #[test]
    fn every_cell_has_words_and_columns_line_up_with_and_without_colour() {
        let plain = fleet_table(&fleet(), &Out::plain(Format::Text, false));
        let lines: Vec<&str> = plain.lines().collect();
        let cells = |line: &str| {
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!(cells(lines[0]), HEAD);
        let of = |name: &str| cells(lines.iter().find(|line| line.starts_with(name)).unwrap());
        assert_eq!(
            of("Comune di Malnate")[1..],
            ["ok", "1 of 1 up", "61 d", "ok", "9 h", "L6, 2 d", "0", "0", "albo 1.0.0"]
        );
        assert_eq!(of("Comune di Lozza")[1..7], ["broken", "1 of 2 up", "-1 d", "ok", "never", "L6, 2 d"]);
        assert_eq!(
            of("Comune di Varese")[1..],
            ["attention", "1 of 1 up", "61 d", "2 differ", "9 h", "L6, 12 d", "3", "1", "albo 1.0.0"]
        );
        assert_eq!(
            of("Comune di Cugliate")[1..],
            ["unknown", "unknown", "unknown", "others", "unknown", "unknown", "unknown", "unknown", "albo 1.0.0"]
        );
        assert_eq!(of("Comune di Monvalle")[1..], ["ok, leaving", "-", "-", "ok", "-", "-", "0", "0", "-"]);
        assert_eq!(of("db1")[1..4], ["unknown", "unknown", "unknown"]);
        assert!(!plain.contains('\u{1b}') && plain.contains("2 ok, 1 to look at, 1 broken, 1 unknown"), "{plain}");
        let coloured = fleet_table(&fleet(), &Out::coloured());
        assert!(coloured.contains("\u{1b}[31mbroken\u{1b}[0m"), "{coloured}");
        let mut bare = coloured;
        for code in ["31", "32", "33", "36", "0"] {
            bare = bare.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(bare, plain);
    }
}
