use std::path::Path;

use serde_json::json;

use crate::executor::chain::{BEGINNING, append, verify};
use crate::machine::{Fake, Machine};

const PATH: &str = "/var/lib/comuni/evidence/key.jsonl";

fn three_lines() -> Fake {
    let mut host = Fake::new();
    append(&mut host, Path::new(PATH), vec![json!({ "verb": "apply", "b": 1, "a": [true, null] })]).unwrap();
    append(&mut host, Path::new(PATH), vec![json!({ "verb": "plan" }), json!("free text")]).unwrap();
    host
}

#[test]
fn lines_follow_each_other_across_appends() {
    let host = three_lines();
    let lines = verify(host.world.text(PATH).as_bytes()).unwrap();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lines[0].prev, BEGINNING);
    assert_eq!(lines[2].prev, lines[1].hash);
    assert_eq!(lines[1].record, json!({ "verb": "plan" }));
}

#[test]
fn an_append_says_the_newest_hash() {
    let mut host = three_lines();
    let appended = append(&mut host, Path::new(PATH), vec![json!(4)]).unwrap();
    assert_eq!(appended.head, verify(host.world.text(PATH).as_bytes()).unwrap()[3].hash);
    assert_eq!(appended.moved_aside, None);
    let again = append(&mut host, Path::new(PATH), Vec::new()).unwrap();
    assert_eq!(again.head, appended.head);
}

#[test]
fn the_first_broken_line_is_named_whatever_was_done_to_it() {
    let whole = three_lines().world.text(PATH);
    let lines: Vec<&str> = whole.lines().collect();
    let broken = |text: String| verify(text.as_bytes()).unwrap_err();

    let changed = broken(whole.replace("plan", "none"));
    assert_eq!((changed.line, changed.why.contains("hash")), (2, true));
    let dropped = broken(format!("{}\n{}\n", lines[0], lines[2]));
    assert_eq!((dropped.line, dropped.why.contains("follow")), (2, true));
    let beheaded = broken(format!("{}\n{}\n", lines[1], lines[2]));
    assert_eq!(beheaded.line, 1);
    let twice = broken(format!("{whole}{}\n", lines[2]));
    assert_eq!(twice.line, 4);
    let extended = broken(whole.replacen("{\"seq\"", "{\"extra\":1,\"seq\"", 1));
    assert_eq!(extended.line, 1);
    assert_eq!(broken(format!("{whole}{{")).line, 4);
}

#[test]
fn half_a_line_of_a_crash_is_moved_aside_and_said() {
    let mut host = three_lines();
    host.append(Path::new(PATH), b"{\"seq\":4,\"pr", &crate::executor::store::PRIVATE_FILE).unwrap();
    let appended = append(&mut host, Path::new(PATH), vec![json!("after the crash")]).unwrap();
    let aside = appended.moved_aside.unwrap();
    assert_eq!(host.world.text(&aside), "{\"seq\":4,\"pr");
    assert_eq!(verify(host.world.text(PATH).as_bytes()).unwrap().len(), 4);
}

#[test]
fn nothing_is_appended_to_a_newest_line_that_was_changed() {
    let mut host = three_lines();
    let forged = host.world.text(PATH).replace("free text", "fine text");
    *host.world.content_mut(PATH).unwrap() = forged.clone().into_bytes();
    let failure = append(&mut host, Path::new(PATH), vec![json!(4)]).unwrap_err();
    assert_eq!(failure.kind, crate::failure::Kind::Damage);
    assert_eq!(host.world.text(PATH), forged);
}
