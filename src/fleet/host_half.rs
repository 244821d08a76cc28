//! The host half as a file on the control machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::sha256;
use crate::failure::{Failure, Result};

/// The program that is sent to hosts, named by its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct HostHalf {
    /// The file's content.
    pub bytes: Arc<[u8]>,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
}

impl std::fmt::Debug for HostHalf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "HostHalf({}, {} bytes)", self.sha256, self.bytes.len())
    }
}

impl HostHalf {
    /// A host half with this content.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> HostHalf {
        let bytes = bytes.into();
        let sha256 = sha256(&bytes);
        HostHalf { bytes, sha256 }
    }

    /// Finds it: where `COMUNI_HOST` says, else beside our own executable, else in `../lib/comuni/` from there.
    ///
    /// # Errors
    /// When it is in none of these places or cannot be read.
    pub fn find() -> Result<HostHalf> {
        let named = std::env::var_os("COMUNI_HOST").filter(|path| !path.is_empty()).map(PathBuf::from);
        let executable = std::env::current_exe()
            .map_err(|error| Failure::operation(format!("cannot tell where our own executable is: {error}")))?;
        find_at(named.as_deref(), &executable)
    }
}

fn find_at(named: Option<&Path>, executable: &Path) -> Result<HostHalf> {
    let places = match named {
        Some(path) => vec![path.to_path_buf()],
        None => {
            let folder = executable.parent().unwrap_or(Path::new("/"));
            vec![folder.join("comuni-host"), folder.join("../lib/comuni/comuni-host")]
        }
    };
    for place in &places {
        match std::fs::read(place) {
            Ok(bytes) if bytes.is_empty() => {
                return Err(Failure::operation(format!("the host half {} is empty", place.display())).hint(REMEDY));
            }
            Ok(bytes) => return Ok(HostHalf::new(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::operation(format!("cannot read the host half {}: {error}", place.display())));
            }
        }
    }
    let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    Err(Failure::operation(format!("there is no host half to send to the hosts; looked for {}", looked.join(" and ")))
        .hint(REMEDY))
}

const REMEDY: &str = "run `./build`, which makes comuni and comuni-host together, or name the file in COMUNI_HOST";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_beside_the_executable_then_in_its_packages_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, lib) = (folder.path().join("bin"), folder.path().join("lib/comuni"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&lib).unwrap();
        let failure = find_at(None, &bin.join("comuni")).unwrap_err();
        assert!(failure.message.contains("bin/comuni-host and ") && failure.hints[0].contains("./build"));
        std::fs::write(lib.join("comuni-host"), "packaged").unwrap();
        assert_eq!(find_at(None, &bin.join("comuni")).unwrap(), HostHalf::new(*b"packaged"));
        std::fs::write(bin.join("comuni-host"), "built").unwrap();
        assert_eq!(find_at(None, &bin.join("comuni")).unwrap(), HostHalf::new(*b"built"));
    }

    #[test]
    fn a_named_file_is_the_only_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("comuni-host"), "beside").unwrap();
        let named = folder.path().join("named");
        let failure = find_at(Some(&named), &folder.path().join("comuni")).unwrap_err();
        assert!(failure.message.contains("named"), "{failure}");
        std::fs::write(&named, "").unwrap();
        assert!(find_at(Some(&named), &folder.path().join("comuni")).unwrap_err().message.contains("is empty"));
    }

    #[test]
    fn the_hash_is_the_one_that_sha256sum_prints() {
        let half = HostHalf::new(*b"");
        assert_eq!(half.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
