//! `domain:` as YAML, and its place in a member's file.

use super::super::types::{Domain, DomainMode, Exchanger};

/// The key `domain:` with all below it, as a person would write it.
pub fn domain(domain: &Domain) -> String {
    let mode = match domain.mode {
        DomainMode::Primary => "primary",
        DomainMode::Subzone => "subzone",
        DomainMode::External => "external",
    };
    let mut text = format!("domain:\n  zone: {}\n  mode: {mode}\n", scalar(&domain.zone));
    if let Some(site) = &domain.site {
        let www = if site.www { ", www: true" } else { "" };
        text.push_str(&format!("  site: {{ addresses: [{}]{www}{} }}\n", scalars(&site.addresses), ttl(site.ttl)));
    }
    if let Some(mail) = &domain.mail {
        text.push_str("  mail:\n");
        exchangers(&mail.exchangers, &mut text);
        for (key, value) in [("spf", &mail.spf), ("dmarc", &mail.dmarc)] {
            text.extend(value.iter().map(|value| format!("    {key}: {}\n", scalar(value))));
        }
        if !mail.dkim.is_empty() {
            text.push_str("    dkim:\n");
            text.extend(mail.dkim.iter().map(|(name, value)| format!("      {}: {}\n", scalar(name), scalar(value))));
        }
        text.extend(mail.ttl.iter().map(|ttl| format!("    ttl: {ttl}\n")));
    }
    if let Some(pec) = &domain.pec {
        text.push_str("  pec:\n");
        exchangers(&pec.exchangers, &mut text);
        if pec.name != "pec" {
            text.push_str(&format!("    name: {}\n", scalar(&pec.name)));
        }
        text.extend(pec.ttl.iter().map(|ttl| format!("    ttl: {ttl}\n")));
    }
    if let Some(issuers) = &domain.issuers {
        text.push_str(&format!("  issuers: [{}]\n", scalars(issuers)));
    }
    if !domain.records.is_empty() {
        text.push_str("  records:\n");
    }
    for record in &domain.records {
        let (name, values) = (scalar(&record.name), scalars(&record.values));
        let line = format!("{{ name: {name}, type: {}, values: [{values}]{} }}", record.kind, ttl(record.ttl));
        text.push_str(&format!("    - {line}\n"));
    }
    if let Some(ttl) = domain.move_ttl {
        text.push_str(&format!("  move_ttl: {ttl}\n"));
    }
    if !domain.waivers.is_empty() {
        text.push_str("  waivers:\n");
    }
    for waiver in &domain.waivers {
        text.push_str(&format!("    - rule: {}\n", scalar(&waiver.rule)));
        for (key, value) in [("name", &waiver.name), ("type", &waiver.kind)] {
            text.extend(value.iter().map(|value| format!("      {key}: {}\n", scalar(value))));
        }
        text.push_str(&format!("      reason: {}\n      until: {}\n", scalar(&waiver.reason), scalar(&waiver.until)));
    }
    text
}

/// The text of a member's file with another `domain:`; all else of it stays, comments and blank lines too.
pub fn replaced(file: &str, block: &str) -> String {
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    let is_key = |line: &&str| {
        line.strip_prefix("domain:").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    };
    let Some(start) = lines.iter().position(is_key) else {
        let gap = if file.is_empty() || file.ends_with('\n') { "" } else { "\n" };
        return format!("{file}{gap}{block}");
    };
    let inside = |line: &&str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
    let mut end = start + 1;
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        match line {
            line if inside(line) => end = at + 1,
            line if line.trim().is_empty() => {}
            _ => break,
        }
    }
    [lines[..start].concat(), block.to_string(), lines[end..].concat()].concat()
}

fn exchangers(exchangers: &[Exchanger], text: &mut String) {
    if exchangers.is_empty() {
        text.push_str("    exchangers: []\n");
        return;
    }
    text.push_str("    exchangers:\n");
    for one in exchangers {
        text.push_str(&format!("      - {{ preference: {}, host: {} }}\n", one.preference, scalar(&one.host)));
    }
}

fn ttl(ttl: Option<u32>) -> String {
    ttl.map_or_else(String::new, |ttl| format!(", ttl: {ttl}"))
}

fn scalars(values: &[String]) -> String {
    values.iter().map(|value| scalar(value)).collect::<Vec<_>>().join(", ")
}

/// The name of a body stands bare too, as a person would write it.
pub fn words(text: &str) -> String {
    const OTHERS: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];
    let bare = text.starts_with(char::is_alphabetic)
        && text.ends_with(char::is_alphanumeric)
        && text.chars().all(|c| c.is_alphanumeric() || " .-'@/".contains(c))
        && !OTHERS.contains(&text.to_lowercase().as_str());
    if bare { text.to_string() } else { serde_json::Value::from(text).to_string() }
}

/// A name stands bare; anything that a reader could take for something else stands in quotes.
fn scalar(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.contains('.')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
    // A string of JSON is one of YAML too.
    if bare { text.to_string() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_the_key_is_replaced() {
        let file =
            "# head\nname: Malnate\ndomain:   # old\n  zone: a.it\n\n  mode: external\n\n# next\nplacement: {}\n";
        assert_eq!(replaced(file, "domain: new\n"), "# head\nname: Malnate\ndomain: new\n\n# next\nplacement: {}\n");
        assert_eq!(
            replaced("name: a\ndomain: { zone: a.it }\nkind: x\n", "domain: new\n"),
            "name: a\ndomain: new\nkind: x\n"
        );
        assert_eq!(replaced("name: a", "domain: new\n"), "name: a\ndomain: new\n");
        assert_eq!(replaced("domains: 1\n", "domain: new\n"), "domains: 1\ndomain: new\n");
    }
}
