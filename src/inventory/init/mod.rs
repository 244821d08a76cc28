//! `comuni init DIR`: a small inventory that passes `validate`, to start from.

mod founding;

use std::fs;
use std::path::{Path, PathBuf};

pub use founding::{Founding, Machine, Technician};

use super::schema;
use crate::digest::sha256;
use crate::disk;
use crate::failure::{Failure, Result};

/// The examples to start from lie in `inventories/new`, where a person can read and validate them.
#[derive(rust_embed::Embed)]
#[folder = "inventories/new"]
struct Examples;

/// The files of a new inventory, by their path in it: of an example, or of a consortium that is being founded.
pub fn files(founding: Option<&Founding>) -> Vec<(String, String)> {
    let examples = Examples::iter().filter_map(|path| {
        let text = String::from_utf8(Examples::get(&path)?.data.into_owned()).ok()?;
        // Under its own name git would obey it here already.
        let path = if path == "gitignore" { ".gitignore".to_string() } else { path.into_owned() };
        Some((path, text))
    });
    let mut files: Vec<(String, String)> = match founding {
        None => examples.collect(),
        Some(founding) => founding.files(examples.collect()),
    };
    files.sort();
    files.extend(schema::files());
    files
}

/// Writes a new inventory into `directory` and returns what was written, in order.
///
/// # Errors
/// Wrong usage (64) when something is there already; an inventory that would not be valid (65), of which nothing is written;
/// an operation's failure (1) when a file cannot be written.
pub fn init(directory: &Path, founding: Option<&Founding>) -> Result<Vec<PathBuf>> {
    empty(directory)?;
    let files = files(founding);
    let shown = directory.display().to_string();
    let tried = std::env::temp_dir().join(format!("comuni-init-{}", sha256(format!("{} {shown}", std::process::id()))));
    // What it says is about files that will lie elsewhere.
    let in_place = |failure: Failure| Failure {
        message: failure.message.replace(&tried.display().to_string(), &shown),
        ..failure
    };
    let valid =
        write(&tried, &files).and_then(|_| super::load(&tried).map_err(|wrong| in_place(Failure::from(*wrong))));
    let swept = fs::remove_dir_all(&tried).map_err(|error| unwritten(&tried, &error));
    valid?;
    swept?;
    write(directory, &files)
}

/// Nothing is there that could be lost.
///
/// # Errors
/// Wrong usage (64) when something is.
pub fn empty(directory: &Path) -> Result<()> {
    let shown = directory.display();
    match fs::read_dir(directory) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::usage(format!("the folder {shown} is not empty"))
                    .hint("name a new or empty folder; nothing is ever overwritten"));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) if directory.is_file() => {
            return Err(Failure::usage(format!("{shown} is a file")).hint("name a new or empty folder"));
        }
        Err(error) => return Err(unwritten(directory, &error)),
    }
    Ok(())
}

/// Writes the schemas of all files into `directory`, over older ones, and returns what was written.
///
/// # Errors
/// An operation's failure (1) when a file cannot be written.
pub fn write_schemas(directory: &Path) -> Result<Vec<PathBuf>> {
    let bare = |(path, text): (String, String)| (path.trim_start_matches("schema/").to_string(), text);
    write(directory, &schema::files().into_iter().map(bare).collect::<Vec<_>>())
}

fn write(directory: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (name, text) in files {
        let path = directory.join(name);
        let whole = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| disk::replace(&path, text.as_bytes(), 0o644));
        whole.map_err(|error| unwritten(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::operation(format!("{} cannot be written: {error}", path.display()))
        .hint("check the rights of the folder and the space left")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn what_init_writes_passes_validate_with_only_the_host_key_open() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        let written = init(&new, None).unwrap();
        assert!(written.contains(&new.join("schema/member.json")));
        let loaded = crate::inventory::load(&new).map_err(|all| all.render()).unwrap();
        assert_eq!(loaded.warnings.counts(), (0, 1), "{}", loaded.warnings.render());
        assert_eq!(loaded.inventory.members["malnate"].tenants.len(), 1);
        for path in &written {
            let text = fs::read_to_string(path).unwrap();
            if let Some(schema) = text.strip_prefix("# yaml-language-server: $schema=") {
                let schema = schema.lines().next().unwrap();
                assert!(path.parent().unwrap().join(schema).is_file(), "{schema}");
            }
        }
    }

    #[test]
    fn a_consortium_of_another_province_is_valid_at_once_and_says_nothing_of_the_example() {
        let folder = tempfile::tempdir().unwrap();
        let founding = Founding {
            province: "CO".to_string(),
            body: "Provincia di Como".to_string(),
            name: "Lario: servizi \"comuni\"".to_string(),
            domain: "cloud.lario.example".to_string(),
            technicians: vec![Technician {
                name: "anna".to_string(),
                key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f".to_string(),
            }],
            recovery: Some("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".to_string()),
            machines: vec!["all1=10.0.0.5:application,database,control".parse().unwrap()],
        };
        let written = init(&folder.path().join("lario"), Some(&founding)).unwrap();
        let loaded = crate::inventory::load(&folder.path().join("lario")).map_err(|all| all.render()).unwrap();
        let consortium = &loaded.inventory.consortium;
        assert_eq!(
            (consortium.name.as_str(), consortium.domain.as_str()),
            (founding.name.as_str(), "cloud.lario.example")
        );
        assert_eq!(consortium.technicians["anna"], founding.technicians[0].key);
        assert_eq!(consortium.recovery, founding.recovery);
        assert_eq!(loaded.inventory.hosts["all1"].address, "10.0.0.5");
        assert!(loaded.inventory.members.is_empty());
        for path in written.iter().filter(|path| !path.starts_with(folder.path().join("lario/schema"))) {
            let text = fs::read_to_string(path).unwrap();
            assert!(!text.to_lowercase().contains("varese") && !text.contains("va.it"), "{}: {text}", path.display());
        }
    }

    #[test]
    fn what_would_not_be_valid_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let founding =
            Founding { province: "CO".to_string(), domain: "not a domain".to_string(), ..Founding::default() };
        let new = folder.path().join("new");
        assert_eq!(init(&new, Some(&founding)).unwrap_err().kind, Kind::Inventory);
        assert!(!new.exists());
    }

    #[test]
    fn a_folder_with_anything_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), "x").unwrap();
        assert_eq!(init(folder.path(), None).unwrap_err().kind, Kind::Usage);
        assert_eq!(init(&folder.path().join("precious"), None).unwrap_err().kind, Kind::Usage);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn schemas_are_written_over_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        write_schemas(folder.path()).unwrap();
        let written = write_schemas(folder.path()).unwrap();
        assert_eq!(written.len(), 5);
        assert!(written.iter().all(|path| path.parent() == Some(folder.path())));
    }
}
