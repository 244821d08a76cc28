//! What is in a snapshot, looked at before anything of it is written: whoever makes snapshots may make strange ones.

use std::time::Duration;

use serde::Deserialize;

use crate::backup::fingerprint::shown;
use crate::backup::restic::{Refusal, Repository};
use crate::failure::{Failure, Kind, Result};
use crate::machine::Machine;

/// How long a listing may take.
const LONG: Duration = Duration::from_secs(3600);

/// How many strange names are named.
const SOME: usize = 5;

/// Bytes of the files in the snapshot below these paths, provided that nothing else is in it.
///
/// # Errors
/// Exit 4 when something in it lies elsewhere, goes up (`..`), or is a device.
pub fn bytes_below(machine: &mut dyn Machine, repository: &Repository, id: &str, roots: &[String]) -> Result<u64> {
    #[derive(Deserialize)]
    struct Node {
        path: Option<String>,
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        size: u64,
    }
    let (mut bytes, mut strange, mut count) = (0, Vec::new(), 0_u64);
    let command = repository.command(&["ls", "--json", "--no-lock", id]).within(LONG);
    let output = machine.follow(&command, &mut |line| {
        let Ok(Node { path: Some(path), kind, size }) = serde_json::from_str::<Node>(line) else { return Ok(()) };
        count += 1;
        match is_strange(&path, &kind, roots) {
            None => bytes += size,
            Some(why) => strange.push(format!("{} ({why})", shown(path.as_ref()))),
        }
        Ok(())
    })?;
    if output.status != 0 {
        return Err(Refusal::read(&output).into());
    }
    // restic 0.14 lists an unknown snapshot as an empty one.
    if count == 0 {
        return Err(Failure::new(Kind::Damage, format!("the snapshot {id} holds nothing")));
    }
    if !strange.is_empty() {
        let some = strange.iter().take(SOME).cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::new(
            Kind::Damage,
            format!("refused: the snapshot holds what no backup of this tenant holds: {some}; {} in all", strange.len()),
        )
        .hint("nothing was written; whoever could write into the repository (the application host) may have been broken into"));
    }
    Ok(bytes)
}

/// Why a path cannot be part of such a backup.
fn is_strange(path: &str, kind: &str, roots: &[String]) -> Option<&'static str> {
    if matches!(kind, "dev" | "chardev") {
        return Some("a device");
    }
    if !path.starts_with('/') || path.split('/').any(|name| name == "..") {
        return Some("goes up");
    }
    let below =
        |root: &String| path == root || path.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/'));
    let above = |root: &String| root.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')) && kind == "dir";
    if roots.iter().any(|root| below(root) || above(root)) { None } else { Some("lies elsewhere") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Fake;

    fn asked(lines: &str) -> Result<u64> {
        let mut host = Fake::new();
        host.answer(&["restic"], 0, lines, "");
        let roots = ["/var/lib/comuni/backup/c_e863-albo".to_string(), "/srv/comuni/c_e863/albo/data".to_string()];
        bytes_below(&mut host, &Repository::here("/r", None, "k".to_string()), "1", &roots)
    }

    #[test]
    fn row_36_a_snapshot_with_paths_elsewhere_or_devices_is_refused_before_anything_is_written() {
        let good = r#"{"struct_type":"snapshot"}
{"path":"/srv","type":"dir"}
{"path":"/srv/comuni/c_e863/albo/data","type":"dir"}
{"path":"/srv/comuni/c_e863/albo/data/due\nrighe","type":"file","size":7}
{"path":"/srv/comuni/c_e863/albo/data/link","type":"symlink"}
"#;
        assert_eq!(asked(good).unwrap(), 7);
        for (line, why) in [
            (r#"{"path":"/etc/cron.d/x","type":"file","size":1}"#, "lies elsewhere"),
            (r#"{"path":"/srv/comuni/c_e863/albo/data-x","type":"file"}"#, "lies elsewhere"),
            (r#"{"path":"/srv/comuni","type":"symlink"}"#, "lies elsewhere"),
            (r#"{"path":"/srv/comuni/c_e863/albo/data/../../x","type":"file"}"#, "goes up"),
            (r#"{"path":"/srv/comuni/c_e863/albo/data/sda","type":"dev"}"#, "a device"),
            (r#"{"path":"/etc/a\u001b[2Jb\n","type":"file"}"#, r"/etc/a\u{1b}[2Jb\u{a} (lies elsewhere)"),
        ] {
            let failure = asked(&format!("{good}{line}\n")).unwrap_err();
            assert_eq!(failure.kind, Kind::Damage);
            assert!(failure.message.contains(why), "{failure}");
        }
        assert!(asked("").unwrap_err().message.contains("holds nothing"));
    }
}
