//! The version of a zone before its last change, which its primary keeps for a way back.

use std::path::PathBuf;

use super::{Records, ZONES};
use crate::failure::{Failure, Result};
use crate::machine::Machine;

/// The records of a zone before its last change on this host, one a line, the SOA first; `None` when none are kept.
///
/// # Errors
/// When the name is none of a zone, or what is kept cannot be read.
pub fn previous_zone(host: &dyn Machine, name: &str) -> Result<Option<Vec<String>>> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    // The name becomes part of a path.
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(Failure::operation(format!("{name:?} is no name of a zone")));
    }
    let path = PathBuf::from(format!("{ZONES}/{name}.zone.prev"));
    let Some(bytes) = host.read(&path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')).collect();
    // Half a file is no version.
    let whole = Records::read(lines.iter().copied())?;
    if whole.serial.is_none() {
        return Err(Failure::operation(format!("{} has no SOA", path.display())));
    }
    Ok(Some(lines.into_iter().map(str::to_string).collect()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::machine::{Fake, Ownership};

    const OWNERSHIP: Ownership = Ownership { uid: 0, gid: 0, mode: 0o640 };

    #[test]
    fn the_version_before_is_read_without_comments_and_only_when_it_is_whole() {
        let mut host = Fake::default();
        assert_eq!(previous_zone(&host, "b.it").unwrap(), None);
        for folder in ["/var/lib", "/var/lib/knot", ZONES] {
            let _ = host.make_directory(Path::new(folder), &OWNERSHIP);
        }
        let path = PathBuf::from(format!("{ZONES}/b.it.zone.prev"));
        host.write(&path, b"; made\nb.it. 60 SOA ns.c.it. h.c.it. 7 4 3 2 1\n\nb.it. 60 NS ns.c.it.\n", &OWNERSHIP)
            .unwrap();
        let lines = previous_zone(&host, "b.it").unwrap().unwrap();
        assert_eq!(lines, ["b.it. 60 SOA ns.c.it. h.c.it. 7 4 3 2 1", "b.it. 60 NS ns.c.it."]);
        for half in ["", "b.it. 60 NS ns.c.it.\n", "b.it. 60 SOA ns.c\n"] {
            host.write(&path, half.as_bytes(), &OWNERSHIP).unwrap();
            assert!(previous_zone(&host, "b.it").is_err(), "{half:?}");
        }
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        for name in ["", "../../etc/shadow", "a/b", "..", "B.it", "b it"] {
            assert!(previous_zone(&Fake::default(), name).is_err(), "{name:?}");
        }
    }
}
