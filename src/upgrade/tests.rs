use std::path::Path;

use super::*;
use crate::machine::Fake;

const TENANT: &str = "c_e707-albo";
const SHOWN: &str = "/var/lib/comuni-maintenance/c_e707-albo";

fn begin() -> Step {
    Step::Begin(Begin {
        from: "1.0.0".to_string(),
        to: "1.1.0".to_string(),
        unit: "comuni-c_e707-albo.service".to_string(),
        page: SHOWN.to_string(),
        back: false,
    })
}

fn host() -> Fake {
    let mut host = Fake::new();
    host.answer(&["systemctl"], 0, "", "");
    host
}

fn takes(host: &mut Fake, one: &Step) -> Result<Answer> {
    step(host, TENANT, "anna@ced1", Some("1.0.0".to_string()), one)
}

fn phase(host: &Fake) -> Option<Phase> {
    under_way(host, TENANT).unwrap().map(|note| note.phase)
}

#[test]
fn each_step_is_on_the_disk_and_the_page_is_there_from_closing_to_opening() {
    let mut host = host();
    let snapshot = "a".repeat(64);
    let shown = |host: &Fake| host.stat(Path::new(SHOWN)).unwrap().is_some();
    for (one, wanted, page) in [
        (begin(), Phase::Begun, false),
        (Step::Close { silences: vec![("mon1".to_string(), "17".to_string())] }, Phase::Closed, true),
        (Step::Stop, Phase::Stopped, true),
        (Step::Saved { snapshot: snapshot.clone() }, Phase::Saved, true),
        (Step::Switch, Phase::Switched, true),
        // The way back and a path of several releases stop it again: that takes nothing back.
        (Step::Stop, Phase::Switched, true),
        (Step::Open, Phase::Opened, false),
    ] {
        takes(&mut host, &one).unwrap();
        assert_eq!((phase(&host), shown(&host)), (Some(wanted), page), "{one:?}");
    }
    let note = under_way(&host, TENANT).unwrap().unwrap();
    assert_eq!((note.snapshot, note.by.as_str()), (Some(snapshot), "anna@ced1"));
    assert!(note.closed.is_some() && note.opened.is_some());
    takes(&mut host, &Step::End).unwrap();
    assert_eq!(phase(&host), None);
    takes(&mut host, &Step::End).unwrap();
}

#[test]
fn what_does_not_follow_is_refused() {
    let mut host = host();
    for one in [Step::Close { silences: Vec::new() }, Step::Stop, Step::Switch, Step::Open, Step::Words] {
        assert!(takes(&mut host, &one).unwrap_err().message.contains("no upgrade of c_e707-albo is under way"));
    }
    takes(&mut host, &begin()).unwrap();
    let twice = takes(&mut host, &begin()).unwrap_err().message;
    assert!(twice.contains("from 1.0.0 to 1.1.0, begun by anna@ced1"), "{twice}");
    assert!(twice.contains("comuni upgrade albo --resume"), "{twice}");
    assert!(takes(&mut host, &Step::Switch).unwrap_err().message.contains("no safety snapshot"));
    assert_eq!(phase(&host), Some(Phase::Begun));
}

#[test]
fn a_look_says_what_runs_and_what_is_under_way() {
    let mut host = host();
    let stands = |host: &mut Fake| match takes(host, &Step::Look).unwrap() {
        Answer::Stands { note, release } => (note.map(|note| note.to.clone()), release.unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(stands(&mut host), (None, "1.0.0".to_string()));
    takes(&mut host, &begin()).unwrap();
    assert_eq!(stands(&mut host), (Some("1.1.0".to_string()), "1.0.0".to_string()));
}

#[test]
fn a_note_that_is_damaged_is_no_note() {
    let mut host = host();
    takes(&mut host, &begin()).unwrap();
    let path = Path::new("/var/lib/comuni/upgrade/c_e707-albo.json");
    host.write(path, b"{", &crate::machine::PRIVATE_FILE).unwrap();
    assert!(takes(&mut host, &Step::Stop).unwrap_err().message.contains("is damaged"));
}

#[test]
fn who_opens_again_learns_when_it_was_opened_unless_the_page_was_still_there() {
    let mut host = host();
    for one in [begin(), Step::Close { silences: Vec::new() }, Step::Saved { snapshot: "a".repeat(64) }, Step::Switch] {
        takes(&mut host, &one).unwrap();
    }
    let first = takes(&mut host, &Step::Open).unwrap();
    host.world.now += 36_000;
    assert_eq!(takes(&mut host, &Step::Open).unwrap(), first, "people have written for ten hours");
    // The host died between its note and the page.
    host.with_file(SHOWN, "", 0o644);
    let Answer::Done(now) = takes(&mut host, &Step::Open).unwrap() else { panic!() };
    assert_eq!((now, under_way(&host, TENANT).unwrap().unwrap().opened), (host.world.now, Some(now)));
    // Who goes back all the same says so first: nobody must go forward from there.
    takes(&mut host, &Step::Switch).unwrap();
    let note = under_way(&host, TENANT).unwrap().unwrap();
    assert_eq!((note.phase, note.opened), (Phase::Switched, None));
}

#[test]
fn a_way_back_is_brought_to_an_end_by_the_command_that_began_it() {
    let mut host = host();
    let Step::Begin(begin) = begin() else { panic!() };
    takes(&mut host, &Step::Begin(Begin { back: true, ..begin })).unwrap();
    let words = under_way(&host, TENANT).unwrap().unwrap().words(TENANT);
    assert!(words.contains("`comuni rollback albo --member c_e707` brings it to an end"), "{words}");
}
