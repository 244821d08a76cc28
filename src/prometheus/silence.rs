//! Silences of exactly one tenant, each with an end. Only what Alertmanager says afterwards counts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ALERTMANAGER, JOURNALS, Question, answer, ask, command, well};
use crate::failure::{Failure, Result};
use crate::machine::{Machine, utc};

/// No silence is set for longer, in seconds: what takes more than a day is nobody's maintenance any more.
pub const LONGEST_SILENCE: u32 = 86_400;

/// A silence to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Code of the member: `c_e863`.
    pub member: String,
    /// Name of the application.
    pub application: String,
    /// For how long from now, in seconds, at most [`LONGEST_SILENCE`].
    pub seconds: u32,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// Sets a silence. Gives its id and its end in seconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// When it would not end within a day, has no reason, or Alertmanager does not have it afterwards as it must be.
pub fn silence(machine: &mut dyn Machine, wanted: &Silence) -> Result<(String, i64)> {
    if wanted.seconds == 0 || wanted.seconds > LONGEST_SILENCE {
        return Err(Failure::operation(format!(
            "a silence lasts from 1 to {LONGEST_SILENCE} seconds, not {}",
            wanted.seconds
        )));
    }
    if wanted.reason.trim().is_empty() {
        return Err(Failure::operation("a silence has a reason").hint("say who is at work on what: others read it"));
    }
    let now = machine.now();
    let until = now + i64::from(wanted.seconds);
    let body = json!({
        "matchers": matchers(&wanted.member, &wanted.application),
        "startsAt": utc(now),
        "endsAt": utc(until),
        "createdBy": wanted.author,
        "comment": wanted.reason,
    });
    let words = ["--header", "Content-Type: application/json", "--data-binary", "@-"];
    let set = command(&words, &format!("{ALERTMANAGER}/silences")).stdin(body.to_string());
    let (status, said) = answer("Alertmanager", machine.run(&set)?)?;
    well("Alertmanager", status, &said)?;
    let id = said["silenceID"].as_str().unwrap_or_default().to_string();
    let there = ask(machine, &Question::Silences)?;
    let is_set = |silence: &Value| {
        silence["id"] == json!(id) && is_active(silence) && is_of(silence, &wanted.member, &wanted.application)
    };
    if !there.as_array().is_some_and(|all| all.iter().any(is_set)) {
        return Err(
            Failure::operation(format!("Alertmanager took the silence {id} and does not have it")).hint(JOURNALS)
        );
    }
    Ok((id, until))
}

/// Lifts the silence with this `id`, or all of exactly this tenant. Gives the ids of those that were active and are not any
/// more.
///
/// # Errors
/// When the silence is not this tenant's, or Alertmanager still has it afterwards.
pub fn lift(machine: &mut dyn Machine, member: &str, application: &str, id: Option<&str>) -> Result<Vec<String>> {
    let active = |machine: &dyn Machine| -> Result<Vec<String>> {
        let all = ask(machine, &Question::Silences)?;
        let own = all.as_array().into_iter().flatten().filter(|one| is_active(one) && is_of(one, member, application));
        Ok(own.filter_map(|one| one["id"].as_str().map(str::to_string)).collect())
    };
    let wanted = |found: &String| id.is_none_or(|id| id == found);
    let due: Vec<String> = active(machine)?.into_iter().filter(wanted).collect();
    for id in &due {
        // An id that is no id cannot come from Alertmanager, and would be another path.
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(Failure::operation(format!("{id:?} is no id of a silence")));
        }
        let (status, said) = answer(
            "Alertmanager",
            machine.run(&command(&["--request", "DELETE"], &format!("{ALERTMANAGER}/silence/{id}")))?,
        )?;
        well("Alertmanager", status, &said)?;
    }
    match active(machine)?.into_iter().find(|found| due.contains(found)) {
        Some(left) => {
            Err(Failure::operation(format!("Alertmanager was told to end the silence {left} and still has it"))
                .hint(JOURNALS))
        }
        None => Ok(due),
    }
}

/// What alerts of the tenant have, and no other alert has both.
fn matchers(member: &str, application: &str) -> Value {
    let exactly = |name: &str, value: &str| json!({ "name": name, "value": value, "isRegex": false, "isEqual": true });
    json!([exactly("member", member), exactly("application", application)])
}

fn is_active(silence: &Value) -> bool {
    matches!(silence["status"]["state"].as_str(), Some("active" | "pending"))
}

fn is_of(silence: &Value, member: &str, application: &str) -> bool {
    let wanted = matchers(member, application);
    let (Some(has), Some(wanted)) = (silence["matchers"].as_array(), wanted.as_array()) else { return false };
    let same = |one: &Value, other: &Value| {
        let exact = one["isRegex"] != json!(true) && one["isEqual"] != json!(false);
        exact && one["name"] == other["name"] && one["value"] == other["value"]
    };
    has.len() == wanted.len() && wanted.iter().all(|wanted| has.iter().any(|one| same(one, wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Command, Fake, Output, Program};

    /// An Alertmanager that keeps what it is told, and ends silences unless it is deaf.
    fn alertmanager(fake: &mut Fake, deaf: bool) {
        let program: Program = if deaf {
            |world, command| model(world, command, true)
        } else {
            |world, command| model(world, command, false)
        };
        fake.program("curl", program);
    }

    fn model(world: &mut crate::machine::World, command: &Command, deaf: bool) -> Output {
        let said = |body: String| Output { status: 0, stdout: format!("{body}\n200").into(), stderr: Vec::new() };
        let mut all: Vec<Value> = serde_json::from_str(&world.text("/silences")).unwrap_or_default();
        let url = command.argv.last().unwrap();
        let answer = if command.argv.contains(&"DELETE".to_string()) {
            let id = url.rsplit('/').next().unwrap();
            let ended = all.iter_mut().filter(|one| !deaf && one["id"] == json!(id));
            ended.for_each(|one| one["status"] = json!({ "state": "expired" }));
            String::new()
        } else if command.stdin.is_empty() {
            Value::Array(all.clone()).to_string()
        } else {
            let mut new: Value = serde_json::from_slice(&command.stdin).unwrap();
            let id = format!("a-{}", all.len());
            new["id"] = json!(id);
            new["status"] = json!({ "state": "active" });
            if !deaf {
                all.push(new);
            }
            json!({ "silenceID": id }).to_string()
        };
        let ownership = crate::machine::Ownership { uid: 0, gid: 0, mode: 0o644 };
        let text = Value::Array(all).to_string();
        world.put("/silences", crate::machine::Node::file(text.as_bytes(), &ownership));
        said(answer)
    }

    fn wanted() -> Silence {
        Silence {
            member: "c_e863".into(),
            application: "albo".into(),
            seconds: 7200,
            author: "SHA256:abc".into(),
            reason: "upgrade".into(),
        }
    }

    #[test]
    fn a_silence_is_of_one_tenant_and_is_lifted_alone() {
        let mut fake = Fake::new();
        alertmanager(&mut fake, false);
        let now = fake.now();
        let (first, until) = silence(&mut fake, &wanted()).unwrap();
        assert_eq!(until, now + 7200);
        let (other, _) = silence(&mut fake, &Silence { member: "c_e707".into(), ..wanted() }).unwrap();
        let (second, _) = silence(&mut fake, &wanted()).unwrap();
        assert_eq!(lift(&mut fake, "c_e863", "albo", Some(&second)).unwrap(), [second]);
        assert_eq!(lift(&mut fake, "c_e863", "albo", Some(&other)).unwrap(), [""; 0], "it is another tenant's");
        assert_eq!(lift(&mut fake, "c_e863", "albo", None).unwrap(), [first]);
        assert_eq!(lift(&mut fake, "c_e707", "albo", None).unwrap(), [other]);
    }

    #[test]
    fn what_alertmanager_does_not_have_is_not_set_and_what_it_has_is_not_lifted() {
        let mut fake = Fake::new();
        alertmanager(&mut fake, true);
        assert!(silence(&mut fake, &wanted()).unwrap_err().message.contains("does not have it"));
        alertmanager(&mut fake, false);
        silence(&mut fake, &wanted()).unwrap();
        alertmanager(&mut fake, true);
        assert!(lift(&mut fake, "c_e863", "albo", None).unwrap_err().message.contains("still has it"));
    }

    #[test]
    fn one_without_an_end_or_a_reason_is_refused() {
        let mut fake = Fake::new();
        for wrong in [
            Silence { seconds: 0, ..wanted() },
            Silence { seconds: LONGEST_SILENCE + 1, ..wanted() },
            Silence { reason: " ".into(), ..wanted() },
        ] {
            assert!(silence(&mut fake, &wrong).is_err());
        }
        assert!(fake.changes().is_empty());
    }

    #[test]
    fn a_wider_silence_is_not_the_tenants() {
        let of = |matchers: Value| is_of(&json!({ "matchers": matchers }), "c_e863", "albo");
        let exactly =
            |name: &str, value: &str| json!({ "name": name, "value": value, "isRegex": false, "isEqual": true });
        assert!(of(json!([exactly("application", "albo"), exactly("member", "c_e863")])));
        assert!(!of(json!([exactly("member", "c_e863")])));
        assert!(!of(json!([exactly("member", "c_e863"), { "name": "application", "value": "albo", "isRegex": true }])));
        assert!(!of(json!([exactly("member", "c_e863"), exactly("application", "albo"), exactly("host", "app1")])));
    }
}
