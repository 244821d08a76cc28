//! Who comes when.

use super::window::Closed;

/// How many tenants are a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Count(u32),
    /// So many percent of those that are no canaries, rounded up.
    Percent(u32),
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || format!("`{text}` is no number of tenants (3) and no share of them (25%)");
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        match (digits.parse::<u32>().map_err(|_| wrong())?, percent) {
            (1..=100, true) => Ok(Share::Percent(digits.parse().map_err(|_| wrong())?)),
            (1.., false) => Ok(Share::Count(digits.parse().map_err(|_| wrong())?)),
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Share::Count(count) => write!(out, "{count}"),
            Share::Percent(percent) => write!(out, "{percent}%"),
        }
    }
}

impl Share {
    fn of(self, all: usize) -> usize {
        let size = match self {
            Share::Count(count) => count as usize,
            Share::Percent(percent) => (all * percent as usize).div_ceil(100),
        };
        size.max(1)
    }
}

/// Why a tenant is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The member, by slug.
    pub member: String,
    /// Why.
    pub closed: Closed,
}

/// Who comes when, by the members' slugs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waves {
    /// One after the other; the first are canaries, alone.
    pub waves: Vec<Vec<String>>,
    /// Left alone now.
    pub left: Vec<Left>,
}

/// Orders members. `members` are those whose tenant is to be upgraded, with what stands against doing it now.
pub fn waves(members: Vec<(String, Result<(), Closed>)>, canary: &[String], share: Share) -> Waves {
    let mut plan = Waves::default();
    let mut willing = Vec::new();
    for (member, allowed) in members {
        match allowed {
            Ok(()) => willing.push(member),
            Err(closed) => plan.left.push(Left { member, closed }),
        }
    }
    let mut first: Vec<String> = Vec::new();
    for member in canary.iter().filter(|member| willing.contains(member)) {
        if !first.contains(member) {
            first.push(member.clone());
        }
    }
    if first.is_empty() {
        first.extend(willing.first().cloned());
    }
    willing.retain(|member| !first.contains(member));
    plan.waves = first.into_iter().map(|member| vec![member]).collect();
    plan.waves.extend(willing.chunks(share.of(willing.len())).map(<[String]>::to_vec));
    plan
}
