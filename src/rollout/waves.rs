//! Who comes when.

use super::window::Closed;
use crate::inventory::types::Share;

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
