//! What Knot and the name servers say. Their words are taken as they come from outside: what is not understood is no answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::records::{Key, Records};
use crate::failure::{Failure, Result};
use crate::machine::{Command, Machine, Output};
use crate::resources::differences::{Known, after};

/// Status of a program that is not there.
const NOT_FOUND: i32 = 127;
/// Questions that one kdig puts: its arguments must stay short enough for the kernel.
const AT_A_TIME: usize = 100;

/// What knotc says of a Knot that is busy with another knotc: its socket is there, and its queue is full or too slow.
const NOT_HEARD: [&str; 2] = ["connection timeout", "OS lacked necessary resources"];
/// How long Knot may take to answer. What takes longer waits for something that will not end by itself.
const ANSWER: Duration = Duration::from_secs(20);
/// How long Knot may take to load, sign or write.
const ACT: Duration = Duration::from_secs(60);

/// What the name server of this host has of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::resources) struct State {
    /// None when the zone is configured and not loaded.
    pub(in crate::resources) serial: Option<u32>,
    /// Somebody has begun to change it by hand (`knotc zone-begin`), and Knot lets nobody else.
    pub(in crate::resources) transaction: bool,
    /// Somebody has had it frozen (`knotc zone-freeze`): Knot loads nothing new.
    pub(in crate::resources) frozen: bool,
}

/// The zones that the name server of this host is configured for.
pub(in crate::resources) type Status = BTreeMap<String, State>;

/// The serial of a zone; none when it is not loaded.
pub(in crate::resources) fn serial(status: &Status, zone: &str) -> Option<u32> {
    status.get(zone)?.serial
}

impl State {
    /// A change would wait for somebody who may have gone long ago.
    ///
    /// # Errors
    /// With what holds the zone, and how that ends.
    pub(in crate::resources) fn must_be_free(&self, zone: &str) -> Result<()> {
        let (what, end) = match (self.transaction, self.frozen) {
            (true, _) => ("a change by hand has been begun in Knot and neither committed nor given up", "zone-abort"),
            (false, true) => ("it is frozen in Knot, which loads nothing new then", "zone-thaw"),
            (false, false) => return Ok(()),
        };
        Err(Failure::operation(format!("{zone} cannot be changed: {what}"))
            .hint(format!("Knot does not know who it was; ask who works on this host, or end it: knotc {end} {zone}")))
    }
}

/// Asks the name server of this host for all its zones at once.
pub(in crate::resources) fn status(host: &dyn Machine) -> Result<Known<Status>> {
    let question = Command::new(["knotc", "zone-status"]).within(ANSWER);
    let answer = host.query(&question)?;
    let words = String::from_utf8_lossy(&answer.stderr).trim().to_string();
    if NOT_HEARD.iter().any(|sign| words.contains(sign)) {
        return Err(Failure::operation(format!("Knot runs here and does not listen to knotc: {words}")).hint(
            "it takes one command at a time, and one waits for something: look at `ps -C knotc -o pid,args`, and when none \
             of them will end, systemctl kill -s KILL knot; systemctl start knot",
        ));
    }
    if answer.status == NOT_FOUND || words.contains("failed to connect to socket") {
        return Ok(Known::After(after("service:knot.service", "Knot does not run here")));
    }
    let text = answer.succeeded(&question)?.text();
    Ok(Known::Now(text.lines().filter_map(zone_status).collect()))
}

/// As [`status`], asked anew: for who waits until Knot has done what it was told.
pub(in crate::resources) fn status_now(host: &mut dyn Machine) -> Result<Status> {
    let question = Command::new(["knotc", "zone-status"]).within(ANSWER);
    let text = host.run(&question)?.succeeded(&question)?.text();
    Ok(text.lines().filter_map(zone_status).collect())
}

/// `[comune.malnate.va.it.] role: master | serial: 2026112501 | transaction: none | freeze: no | ...`
fn zone_status(line: &str) -> Option<(String, State)> {
    let (name, facts) = line.strip_prefix('[')?.split_once(".] ")?;
    let fact = |name: &str| facts.split(" | ").find_map(|fact| fact.strip_prefix(name)?.strip_prefix(": "));
    let state = State {
        serial: fact("serial")?.trim().parse().ok(),
        transaction: fact("transaction").is_some_and(|word| word.trim() != "none"),
        frozen: fact("freeze").is_some_and(|word| word.trim() != "no"),
    };
    Some((name.to_lowercase(), state))
}

/// The records that the name server of this host serves of a zone; one question covers all zones.
pub(super) fn served(host: &dyn Machine, zone: &str) -> Result<Records> {
    let question = Command::new(["knotc", "zone-read", "--"]).within(ANSWER);
    let text = host.query(&question)?.succeeded(&question)?.text();
    let mark = format!("[{zone}.] ");
    Records::read(text.lines().filter_map(|line| line.strip_prefix(&mark)))
}

/// Has a zone's text examined by Knot's own checker.
pub(super) fn examine(host: &dyn Machine, zone: &str, text: &str) -> Result<()> {
    let command = Command::new(["kzonecheck", "-o", zone, "-"]).stdin(text);
    host.query(&command)?.succeeded(&command).map(drop).map_err(|failure| {
        failure
            .context(format!("the new zone {zone} was refused"))
            .hint("mend its records in the inventory; nothing was changed")
    })
}

/// The public keys (Base64) with which this host can sign a zone; none when it has none, or no store of keys yet.
pub(super) fn keys(host: &dyn Machine, zone: &str) -> Result<Vec<String>> {
    let list = host.query(&Command::new(["keymgr", zone, "list"]))?;
    let mut found = Vec::new();
    for tag in list.text().lines().filter_map(|line| Some(line.split_whitespace().nth(1)?.to_string())) {
        let shown = host.query(&Command::new(["keymgr", zone, "dnskey", &tag]))?;
        found.extend(shown.text().split_whitespace().last().map(ToString::to_string));
    }
    Ok(found)
}

/// Tells the name server of this host something and waits until it is done.
pub(in crate::resources) fn tell(host: &mut dyn Machine, words: &[&str]) -> Result<Output> {
    let command = Command::new(["knotc", "-b"].iter().chain(words).copied()).within(ACT);
    host.run(&command)?.succeeded(&command)
}

/// How a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::resources) enum Way {
    Udp,
    Tcp,
}

impl std::fmt::Display for Way {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(if *self == Way::Udp { "UDP" } else { "TCP" })
    }
}

/// What a name server answered to one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::resources) struct Answer {
    /// `NOERROR`, `NXDOMAIN`, `REFUSED`...
    pub(in crate::resources) status: String,
    /// It speaks for the zone itself (AA).
    pub(in crate::resources) authoritative: bool,
    /// The lines of its answer section.
    pub(in crate::resources) lines: Vec<String>,
}

impl Answer {
    /// The serial, when this is an authoritative answer with an SOA.
    pub(in crate::resources) fn serial(&self) -> Option<u32> {
        let lines = self.lines.iter().map(String::as_str).filter(|_| self.authoritative && self.status == "NOERROR");
        Records::read(lines).ok()?.serial
    }
}

/// What a name server answered, and what kdig said of questions that stayed without an answer.
#[derive(Debug, Clone, Default)]
pub(in crate::resources) struct Answers {
    found: BTreeMap<Key, Answer>,
    /// Why some are missing.
    pub(in crate::resources) words: String,
}

impl Answers {
    /// The answer to a question; none when none came.
    pub(in crate::resources) fn to(&self, question: &Key) -> Option<&Answer> {
        self.found.get(question)
    }
}

/// The commands that put these questions to a name server, a second for each.
pub(super) fn questions(address: IpAddr, way: Way, keys: &[Key]) -> Vec<Command> {
    let common =
        ["kdig", "+noidn", "+norec", "+timeout=1", "+retry=0", if way == Way::Tcp { "+tcp" } else { "+notcp" }];
    let commands = keys.chunks(AT_A_TIME).map(|keys| {
        let mut argv: Vec<String> = common.iter().map(ToString::to_string).collect();
        argv.push(format!("@{address}"));
        for key in keys {
            argv.extend(["-q".to_string(), key.name.clone(), "-t".to_string(), key.kind.clone()]);
        }
        Command::new(argv)
    });
    commands.collect()
}

/// Puts questions anew, whatever was answered before.
pub(in crate::resources) fn ask(host: &mut dyn Machine, address: IpAddr, way: Way, keys: &[Key]) -> Result<Answers> {
    let mut answers = Answers::default();
    for command in questions(address, way, keys) {
        let output = host.run(&command)?;
        answers.take(&command, output)?;
    }
    Ok(answers)
}

/// As [`ask`], for a plan: changes nothing, and may remember.
pub(super) fn ask_quietly(host: &dyn Machine, address: IpAddr, way: Way, keys: &[Key]) -> Result<Answers> {
    let mut answers = Answers::default();
    for command in questions(address, way, keys) {
        let output = host.query(&command)?;
        answers.take(&command, output)?;
    }
    Ok(answers)
}

impl Answers {
    /// kdig ends with 1 when a question stayed without an answer; the others are printed all the same.
    fn take(&mut self, command: &Command, output: Output) -> Result<()> {
        if output.status == NOT_FOUND {
            return output.succeeded(command).map(drop);
        }
        self.found.extend(parse(&output.text()));
        if output.status != 0 {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = said.lines().last().unwrap_or("it said nothing");
            self.words = last.trim_start_matches(";; ERROR: ").to_string();
        }
        Ok(())
    }
}

fn parse(text: &str) -> BTreeMap<Key, Answer> {
    let mut found = BTreeMap::new();
    for block in text.split(";; ->>HEADER<<-").skip(1) {
        let mut answer = Answer::default();
        let (mut question, mut section) = (None, "");
        for (number, line) in block.lines().enumerate() {
            if number == 0 {
                let status = line.split("status: ").nth(1).and_then(|rest| rest.split(';').next());
                answer.status = status.unwrap_or_default().trim().to_string();
            } else if let Some(flags) = line.strip_prefix(";; Flags: ") {
                let flags = flags.split(';').next().unwrap_or_default();
                answer.authoritative = flags.split_whitespace().any(|flag| flag == "aa");
            } else if line.is_empty() {
                section = "";
            } else if line.ends_with(" SECTION:") {
                section = line;
            } else if section == ";; QUESTION SECTION:" {
                let words: Vec<&str> = line.trim_start_matches(";;").split_whitespace().collect();
                if let [name, _, kind] = words[..] {
                    question = Some(Key::new(name, kind));
                }
            } else if section == ";; ANSWER SECTION:" {
                answer.lines.push(line.to_string());
            }
        }
        if let Some(question) = question {
            found.insert(question, answer);
        }
    }
    found
}

/// Whether `one` comes after `other` (RFC 1982): serials go round.
pub(in crate::resources) fn is_later(one: u32, other: u32) -> bool {
    one != other && one.wrapping_sub(other) < 1 << 31
}

/// The addresses of name servers as such.
pub(in crate::resources) fn addresses(texts: &[String]) -> Result<Vec<IpAddr>> {
    let parse = |text: &String| {
        text.parse().map_err(|_| {
            Failure::operation(format!("{text:?} is no address of a name server"))
                .hint("name servers are given by IP address in the consortium's `dns.servers`")
        })
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KDIG: &str = "\
;; ->>HEADER<<- opcode: QUERY; status: NOERROR; id: 51480
;; Flags: qr aa; QUERY: 1; ANSWER: 1; AUTHORITY: 0; ADDITIONAL: 0

;; QUESTION SECTION:
;; comune.lozza.va.it. \t\tIN\tSOA

;; ANSWER SECTION:
comune.lozza.va.it. \t3600\tIN\tSOA\tns1.b.it. h.b.it. 2026112504 14400 3600 1209600 3600

;; Received 108 B
;; From 10.77.6.14@53(TCP) in 0.8 ms

;; ->>HEADER<<- opcode: QUERY; status: REFUSED; id: 28478
;; Flags: qr; QUERY: 1; ANSWER: 0; AUTHORITY: 0; ADDITIONAL: 0

;; QUESTION SECTION:
;; other.it.\t\tIN\tSOA

;; Received 27 B
";

    #[test]
    fn answers_are_told_apart_by_their_questions() {
        let found = parse(KDIG);
        let lozza = &found[&Key::new("comune.lozza.va.it", "SOA")];
        assert_eq!(lozza.serial(), Some(2_026_112_504));
        let other = &found[&Key::new("other.it", "SOA")];
        assert_eq!((other.status.as_str(), other.authoritative, other.serial()), ("REFUSED", false, None));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_answer_that_is_not_authoritative_has_no_serial() {
        let found = parse(&KDIG.replace("qr aa;", "qr ra;"));
        assert_eq!(found[&Key::new("comune.lozza.va.it", "SOA")].serial(), None);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for text in ["", ";; ->>HEADER<<-", ";; ->>HEADER<<-\n;; QUESTION SECTION:\n;; x", "garbage\n\0\u{fffd}"] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn serials_go_round() {
        for (one, other, later) in
            [(2, 1, true), (1, 2, false), (1, 1, false), (0, u32::MAX, true), (u32::MAX, 0, false)]
        {
            assert_eq!(is_later(one, other), later, "{one} {other}");
        }
    }

    #[test]
    fn the_status_of_a_zone_is_its_serial_or_none() {
        let line = "[comune.lozza.va.it.] role: master | serial: 2026112504 | catalog: @c. | re-sign: +7D";
        let state = |serial| State { serial, ..State::default() };
        assert_eq!(zone_status(line), Some(("comune.lozza.va.it".to_string(), state(Some(2_026_112_504)))));
        assert_eq!(zone_status("[b.it.] role: master | serial: -"), Some(("b.it".to_string(), state(None))));
        assert_eq!(zone_status("error: (no such zone found)"), None);
    }

    #[test]
    fn a_zone_that_somebody_else_holds_is_named_with_the_way_out() {
        for (facts, words) in [
            ("transaction: open | freeze: no", Some("knotc zone-abort b.it")),
            ("transaction: none | freeze: yes", Some("knotc zone-thaw b.it")),
            ("transaction: none | freeze: no", None),
        ] {
            let (_, state) = zone_status(&format!("[b.it.] role: master | serial: 1 | {facts}")).unwrap();
            let hint = state.must_be_free("b.it").err().map(|failure| failure.hints[0].clone());
            assert_eq!(hint.is_some(), words.is_some(), "{facts}");
            assert!(words.is_none_or(|words| hint.unwrap().ends_with(words)), "{facts}");
        }
    }
}
