//! Files for somebody else's eyes: encrypted while they are written, and never on the disk as they were.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use age::stream::StreamWriter;
use age::{Encryptor, ssh, x25519};
use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::failure::{Failure, Result};

/// No file of a public key is longer, in bytes.
const LONGEST: u64 = 16 * 1024;

/// The public key of somebody who is handed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(String);

/// A file that is being encrypted.
pub struct Sealed {
    out: StreamWriter<Summed>,
}

/// Writes through, and sums up what it wrote.
struct Summed {
    file: File,
    sha256: Sha256,
    bytes: u64,
}

impl Write for Summed {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let count = self.file.write(piece)?;
        self.sha256.update(&piece[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PublicKey {
    /// Reads the first key of a file: `age1...`, or `ssh-ed25519 ...` as in a file `.pub`. Lines that begin with `#` are
    /// passed over.
    ///
    /// # Errors
    /// Exit 64 when there is none, or one of another kind, or a private one.
    pub fn of_file(path: &Path) -> Result<PublicKey> {
        let place = path.display();
        let unreadable = |error: io::Error| Failure::usage(format!("{place}: the public key cannot be read: {error}"));
        if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST {
            return Err(Failure::usage(format!("{place} is too long for a public key")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        if text.contains("PRIVATE KEY") || text.contains("AGE-SECRET-KEY-") {
            return Err(Failure::usage(format!("{place} holds a private key: nobody but its owner may have it"))
                .hint("tell them that it came to you; it must be replaced")
                .hint("ask for the public one: `age-keygen -y FILE` prints it, and ssh keeps it in a file `.pub`"));
        }
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let key = PublicKey(line.unwrap_or_default().to_string());
        match key.recipient() {
            Some(_) => Ok(key),
            None => Err(Failure::usage(format!("{place}: the key is neither age1... nor ssh-ed25519")).hint(
                "`age-keygen -o FILE` or `ssh-keygen -t ed25519` makes one; only its public half is needed here",
            )),
        }
    }

    /// As it stands in the file.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn recipient(&self) -> Option<Box<dyn age::Recipient>> {
        if let Ok(key) = x25519::Recipient::from_str(&self.0) {
            return Some(Box::new(key));
        }
        match ssh::Recipient::from_str(&self.0) {
            Ok(key @ ssh::Recipient::SshEd25519(..)) => Some(Box::new(key)),
            _ => None,
        }
    }
}

impl Sealed {
    /// Begins to encrypt to one key, into an empty file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(file: File, key: &PublicKey) -> io::Result<Sealed> {
        let recipient = key.recipient().ok_or_else(|| io::Error::other("the key is none"))?;
        let only: &dyn age::Recipient = recipient.as_ref();
        let encryptor = Encryptor::with_recipients(std::iter::once(only)).map_err(io::Error::other)?;
        let out = encryptor.wrap_output(Summed { file, sha256: Sha256::new(), bytes: 0 })?;
        Ok(Sealed { out })
    }

    /// Ends the file and waits until it is on the disk. Gives the SHA-256 (hex) and the bytes of what is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<(String, u64)> {
        let Summed { file, sha256, bytes } = self.out.finish()?;
        file.sync_all()?;
        Ok((hex(&sha256.finalize()), bytes))
    }
}

impl Write for Sealed {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.out.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use age::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone_and_its_sum_is_that_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        let file = folder.path().join("key.pub");
        std::fs::write(&file, format!("# of the comune\n{}\n", own.to_public())).unwrap();
        let key = PublicKey::of_file(&file).unwrap();
        let place = folder.path().join("x.age");
        let content = vec![7_u8; 300_000];
        let mut sealed = Sealed::begin(File::create(&place).unwrap(), &key).unwrap();
        content.chunks(1000).for_each(|piece| sealed.write_all(piece).unwrap());
        let (sum, bytes) = sealed.finish().unwrap();
        let written = std::fs::read(&place).unwrap();
        assert_eq!((sum, bytes), (hex(&Sha256::digest(&written)), written.len() as u64));
        let open = |key: &x25519::Identity| {
            let mut clear = Vec::new();
            let decryptor = age::Decryptor::new(&written[..]).unwrap();
            decryptor.decrypt(std::iter::once(key as &dyn age::Identity)).ok()?.read_to_end(&mut clear).unwrap();
            Some(clear)
        };
        assert_eq!((open(&own), open(&other)), (Some(content), None));
    }

    #[test]
    fn a_private_key_is_refused_and_so_is_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &str| {
            let file = folder.path().join("key");
            std::fs::write(&file, text).unwrap();
            PublicKey::of_file(&file).unwrap_err().message
        };
        let private = x25519::Identity::generate();
        assert!(refused(private.to_string().expose_secret()).contains("holds a private key"));
        assert!(refused("-----BEGIN OPENSSH PRIVATE KEY-----\n").contains("holds a private key"));
        assert!(refused("ssh-rsa AAAA x\n").contains("neither age1"));
        assert!(refused("").contains("neither age1"));
    }
}
