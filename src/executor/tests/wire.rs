use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::executor::wire::Wire;
use crate::protocol::{FromHost, ToHost, read_line, write_line};

fn pair(silence: Duration) -> (Wire, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Wire::open(theirs.try_clone().unwrap(), theirs, silence), ours)
}

#[test]
fn silence_ends_the_wait_for_a_message() {
    let (wire, _control) = pair(Duration::from_millis(200));
    let begin = Instant::now();
    let failure = wire.receive().unwrap_err();
    assert!(failure.message.contains("nothing was heard"), "{failure}");
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_sign_of_life_or_half_a_message_is_no_silence() {
    let (wire, mut control) = pair(Duration::from_millis(300));
    for piece in [&b"\"alive\"\n"[..], b"\"al", b"ive", b"\"\n"] {
        std::thread::sleep(Duration::from_millis(150));
        control.write_all(piece).unwrap();
        wire.check().unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    wire.check().unwrap_err();
}

#[test]
fn messages_that_we_are_too_slow_for_are_no_silence() {
    let (wire, mut control) = pair(Duration::from_millis(100));
    for _ in 0..8 {
        write_line(&mut control, &ToHost::ReadEvidence { newest: 1 }).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    wire.check().unwrap();
}

#[test]
fn nobody_is_silent_after_the_last_word() {
    let (wire, mut control) = pair(Duration::from_millis(100));
    write_line(&mut control, &ToHost::End).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    wire.check().unwrap();
    assert_eq!(wire.receive().unwrap(), ToHost::End);
}

#[test]
fn a_closed_connection_is_noticed_without_waiting_for_silence() {
    let (wire, control) = pair(Duration::from_secs(60));
    drop(control);
    wire.receive().unwrap_err();
    wire.check().unwrap_err();
    wire.send(FromHost::Alive).unwrap_err();
}

#[test]
fn a_message_that_cannot_be_read_is_a_failure_with_its_beginning() {
    let (wire, mut control) = pair(Duration::from_secs(60));
    control.write_all(b"{\"onboard\":1}\n").unwrap();
    let failure = wire.receive().unwrap_err();
    assert!(failure.message.contains("onboard"), "{failure}");
}

#[test]
fn signs_of_life_are_given_while_working_and_not_while_waiting() {
    let (wire, mut control) = pair(Duration::from_secs(60));
    let mut input = std::io::BufReader::new(control.try_clone().unwrap());
    control.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert_eq!(read_line::<FromHost>(&mut input).unwrap(), Some(FromHost::Alive));
    let waiting = std::thread::spawn(move || wire.receive().map(|_| ()));
    std::thread::sleep(Duration::from_millis(100));
    control.set_read_timeout(Some(Duration::from_millis(2600))).unwrap();
    read_line::<FromHost>(&mut input).unwrap_err();
    write_line(&mut control, &ToHost::End).unwrap();
    waiting.join().unwrap().unwrap();
}

#[test]
fn the_end_is_written_before_it_is_said_to_be() {
    let (wire, control) = pair(Duration::from_secs(60));
    let mut input = std::io::BufReader::new(control);
    for _ in 0..100 {
        wire.send(FromHost::Recorded).unwrap();
    }
    wire.end().unwrap();
    let events: Vec<_> = (0..101).map(|_| read_line::<FromHost>(&mut input).unwrap()).collect();
    assert_eq!(events.last(), Some(&Some(FromHost::End)));
}
