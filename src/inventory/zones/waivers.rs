//! Findings that are borne with, each with a reason and an end.

use jiff::ToSpan;
use jiff::civil::Date;

use super::super::types::Waiver;
use super::Waived;
use crate::dns::{Finding, Name, Rule, Type, rules};

/// Days that a DMARC policy of `none` is borne with: it is for looking at reports, not for staying.
const BEGINNING: i64 = 90;

impl Waived {
    /// The last day (ISO 8601) on which a waiver that holds today may still do so; `None` when its rule sets no end.
    pub fn latest(&self, today: &str) -> Option<String> {
        if self.rule != rules::DMARC_NONE.id {
            return None;
        }
        let today: Date = today.parse().ok()?;
        Some(today.checked_add(BEGINNING.days()).ok()?.to_string())
    }

    /// It ends as soon as its rule asks.
    pub fn is_short(&self, today: &str) -> bool {
        self.latest(today).is_none_or(|latest| self.until <= latest)
    }
}

/// The first waiver that covers a finding of the zone `apex`.
pub fn covering<'w>(finding: &Finding, apex: &Name, waivers: &'w [Waiver]) -> Option<(usize, &'w Waiver)> {
    if !finding.rule.waivable {
        return None;
    }
    waivers.iter().enumerate().find(|(_, waiver)| {
        let name = |text: &String| Name::relative(text, apex).is_ok_and(|name| name.to_string() == finding.owner);
        let kind = |text: &String| finding.kind.is_some() && Type::read(text) == finding.kind;
        Rule::of(&waiver.rule) == Some(finding.rule)
            && waiver.name.as_ref().is_none_or(name)
            && waiver.kind.as_ref().is_none_or(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::rules;

    fn waiver(rule: &str, name: Option<&str>, kind: Option<&str>) -> Waiver {
        let text = |text: &str| text.to_string();
        Waiver {
            rule: text(rule),
            name: name.map(text),
            kind: kind.map(text),
            reason: text("a move"),
            until: text("2027-01-31"),
        }
    }

    #[test]
    fn a_waiver_covers_its_rule_name_and_type_and_nothing_else() {
        let apex = Name::absolute("comune.malnate.va.it").unwrap();
        let owner = Name::relative("pec", &apex).unwrap();
        let low = Finding::of(&rules::TTL_LOW, "low").at(&owner, Some(Type::Mx), 1);
        for (rule, name, kind, covers) in [
            ("DNS-TTL-LOW", None, None, true),
            ("DNS-TTL-LOW", Some("pec"), Some("mx"), true),
            ("DNS-TTL-LOW", Some("pec.comune.malnate.va.it."), None, true),
            ("DNS-TTL-LOW", Some("@"), None, false),
            ("DNS-TTL-LOW", None, Some("TXT"), false),
            ("DNS-PEC-MIXED", None, None, false),
        ] {
            let covered = covering(&low, &apex, &[waiver(rule, name, kind)]).is_some();
            assert_eq!(covered, covers, "{rule} {name:?} {kind:?}");
        }
        let hard = Finding::of(&rules::CNAME_BESIDE, "both").at(&owner, Some(Type::Cname), 1);
        assert!(covering(&hard, &apex, &[waiver("DNS-CNAME-BESIDE", None, None)]).is_none());
    }
}
