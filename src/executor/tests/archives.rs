use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::executor::archives::store_piece;
use crate::executor::key::sha256;
use crate::machine::Fake;
use crate::protocol::FromHost;

const FOLDER: &str = "/var/lib/comuni/archives";

fn send(host: &mut Fake, name: &str, offset: u64, piece: &[u8], last: bool) -> Option<Result<(), String>> {
    let data = STANDARD.encode(piece);
    match store_piece(host, Path::new(FOLDER), name.to_string(), offset, &data, last).unwrap()? {
        FromHost::ArchiveStored { error, .. } => Some(error.map_or(Ok(()), Err)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pieces_become_an_archive_under_its_hash() {
    let (mut host, name) = (Fake::new(), sha256(b"one two"));
    assert_eq!(send(&mut host, &name, 0, b"one", false), None);
    assert!(host.world.node(format!("{FOLDER}/{name}")).is_none(), "half an archive under its name");
    assert_eq!(send(&mut host, &name, 3, b" two", true), Some(Ok(())));
    assert_eq!(host.world.text(format!("{FOLDER}/{name}")), "one two");
    assert!(host.world.node(format!("{FOLDER}/{name}.part")).is_none());
}

#[test]
fn a_wrong_hash_is_refused_and_nothing_of_it_stays() {
    let (mut host, name) = (Fake::new(), sha256(b"the right one"));
    let error = send(&mut host, &name, 0, b"another", true).unwrap().unwrap_err();
    assert!(error.contains(&sha256(b"another")), "{error}");
    assert!(host.world.node(format!("{FOLDER}/{name}")).is_none());
    assert!(host.world.node(format!("{FOLDER}/{name}.part")).is_none());
}

#[test]
fn a_piece_that_does_not_follow_is_refused_and_a_new_beginning_is_taken() {
    let (mut host, name) = (Fake::new(), sha256(b"abcdef"));
    send(&mut host, &name, 0, b"abc", false);
    let error = send(&mut host, &name, 4, b"ef", true).unwrap().unwrap_err();
    assert!(error.contains("begins at 4, but 3 bytes"), "{error}");
    assert_eq!(send(&mut host, &name, 0, b"abcdef", true), Some(Ok(())));
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    let mut host = Fake::new();
    let error = send(&mut host, "../../../etc/cron.d/x", 0, b"", true).unwrap().unwrap_err();
    assert!(error.contains("SHA-256"), "{error}");
}
