//! From one release to another.

use std::cmp::Ordering;

use crate::failure::{Failure, Result};
use crate::inventory::types::Application;
use crate::inventory::version;

/// How a tenant comes to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The releases that it goes through, the wanted one last; none when it runs that already.
    pub releases: Vec<String>,
    /// The release that it comes from works on what they all make of its data.
    pub reversible: bool,
}

/// The way from a release to another, through those that are required.
///
/// # Errors
/// Exit 64 when the catalogue has no such release, the wanted one is older, or what it requires does not lead there.
pub fn path(name: &str, application: &Application, from: &str, to: &str) -> Result<Path> {
    let known = |release: &str| {
        application.releases.get(release).ok_or_else(|| {
            let all: Vec<&str> = application.releases.keys().map(String::as_str).collect();
            Failure::usage(format!("the catalogue has no release {release} of {name}"))
                .hint(format!("it has {}", all.join(", ")))
        })
    };
    known(to)?;
    if version::compare(to, from) == Ordering::Less {
        return Err(Failure::usage(format!("{to} is older than {from}, which runs"))
            .hint(format!("comuni rollback {name} --member MEMBER goes back, and says what would be lost")));
    }
    let mut releases = Vec::new();
    let mut at = to.to_string();
    while version::compare(&at, from) == Ordering::Greater {
        let required = known(&at)?.requires.clone();
        releases.push(at.clone());
        match required {
            Some(required) if version::compare(&required, from) == Ordering::Greater => {
                // Each must be older than the one that requires it, so this ends.
                if version::compare(&required, &at) != Ordering::Less {
                    return Err(Failure::inventory(format!("{name}: {at} requires {required}, which is not older")));
                }
                at = required;
            }
            _ => break,
        }
    }
    releases.reverse();
    let reversible = releases.iter().all(|release| application.releases[release].reversible);
    Ok(Path { releases, reversible })
}
