use serde_json::{Value, json};

use super::harness::Host;
use crate::executor::evidence::{append, read};
use crate::protocol::{FromHost, ToHost};

fn chains(host: &Host, newest: u32) -> (Vec<(String, Vec<Value>)>, Vec<String>) {
    match read(&host.fake, &host.settings, newest).unwrap() {
        FromHost::Evidence { chains, broken } => (chains, broken),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_the_key_that_sshd_saw_whatever_control_says() {
    let mut host = Host::new();
    let records = vec![json!({ "verb": "apply", "who": "the mayor" })];
    append(&mut host.fake, &host.settings, Some("SHA256:a/b+c"), records).unwrap();
    let (chains, broken) = chains(&host, 10);
    assert_eq!(chains[0].0, "a_b-c");
    assert_eq!(chains[0].1[0]["record"], json!({ "verb": "apply", "who": "SHA256:a/b+c" }));
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn each_key_has_its_chain_and_the_newest_are_given() {
    let mut host = Host::new();
    for number in 0..5 {
        append(&mut host.fake, &host.settings, Some("SHA256:anna"), vec![json!({ "n": number })]).unwrap();
    }
    append(&mut host.fake, &host.settings, Some("SHA256:bruno"), vec![json!({ "n": 9 })]).unwrap();
    let (chains, _) = chains(&host, 2);
    let numbers: Vec<(String, Vec<Value>)> = chains
        .into_iter()
        .map(|(writer, lines)| (writer, lines.iter().map(|line| line["record"]["n"].clone()).collect()))
        .collect();
    assert_eq!(numbers, [("anna".to_string(), vec![json!(3), json!(4)]), ("bruno".to_string(), vec![json!(9)])]);
}

#[test]
fn a_broken_chain_is_told_with_its_place_and_its_good_lines_are_given() {
    let mut host = Host::new();
    let records = vec![json!({ "n": 1 }), json!({ "n": 2 }), json!({ "n": 3 })];
    append(&mut host.fake, &host.settings, None, records).unwrap();
    let path = "/var/lib/comuni/evidence/unknown.jsonl";
    let forged = host.text(path).replace("\"n\":2", "\"n\":7");
    *host.fake.world.content_mut(path).unwrap() = forged.into_bytes();
    let (chains, broken) = chains(&host, 10);
    assert_eq!(chains[0].1.len(), 1);
    assert_eq!(broken, ["unknown: line 2: its content does not match its hash"]);
}

#[test]
fn after_a_break_a_new_chain_begins_and_the_old_one_is_kept() {
    let mut host = Host::new();
    append(&mut host.fake, &host.settings, None, vec![json!({ "n": 1 }), json!({ "n": 2 })]).unwrap();
    let path = "/var/lib/comuni/evidence/unknown.jsonl";
    let forged = host.text(path).replace("\"n\":1", "\"n\":7");
    *host.fake.world.content_mut(path).unwrap() = forged.clone().into_bytes();
    append(&mut host.fake, &host.settings, None, vec![json!({ "n": 3 })]).unwrap();
    append(&mut host.fake, &host.settings, None, vec![json!({ "n": 4 })]).unwrap();
    let (chains, broken) = chains(&host, 10);
    let numbers: Vec<Value> =
        chains.iter().flat_map(|(_, lines)| lines).map(|line| line["record"]["n"].clone()).collect();
    assert_eq!(numbers, [json!(3), json!(4)]);
    let kept = format!("{path}.broken-{}", host.fake.world.now);
    assert_eq!(host.text(&kept), forged);
    assert_eq!(broken.len(), 1);
    assert!(broken[0].contains("line 1") && broken[0].contains("a new chain was begun"), "{broken:?}");
}

#[test]
fn evidence_needs_no_catalog() {
    let mut host = Host::new();
    let (ended, heard) = host.converse(|control| {
        control.send(ToHost::Append { records: vec![json!({ "verb": "plan" })] });
        control.send(ToHost::ReadEvidence { newest: 1 });
        control.end();
    });
    ended.unwrap();
    let FromHost::Appended { head } = &heard[1] else { panic!("{heard:?}") };
    let FromHost::Evidence { chains, .. } = &heard[2] else { panic!("{heard:?}") };
    assert_eq!(chains[0].1[0]["hash"], json!(head));
}
