//! What holds for every kind. A new kind needs nothing but a sample to be judged by them.

mod cases;
mod real;
mod real_knot;
mod samples;
mod server;
mod zones;

use std::collections::BTreeSet;

use super::{
    Action, Authority, Check, Context, File, Means, Resource, SecretTable, SecretValue, Signed, SigningRequest,
};
use crate::failure::Result;
use crate::machine::{Fake, Fault, Machine};
use samples::{Sample, samples};

/// A word that must appear nowhere but where it belongs.
const POISON: &str = "p:oi\\son";

/// The key of the hosts here.
pub const HOST_KEY: [u8; 32] = [7; 32];

/// Signs whatever it is asked to.
struct Seal;

impl Authority for Seal {
    fn sign(&mut self, request: SigningRequest) -> Result<Signed> {
        assert!(request.request.contains("CERTIFICATE REQUEST"), "{}", request.request);
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", request.id);
        Ok(Signed { certificate, not_after: 1_529_452_800 + 90 * 86_400 })
    }
}

/// The values of the tokens in the samples.
pub fn secrets() -> SecretTable {
    let secret = SecretValue { id: "1".to_string(), replaces: Vec::new(), value: POISON.to_string(), withheld: false };
    SecretTable { values: [("secret://c_e863/albo/database_password_a".to_string(), secret)].into() }
}

fn check_with(resource: &Resource, host: &Fake, secrets: &SecretTable) -> Result<Check> {
    resource.kind().check(host, &Context { secrets, host_key: &HOST_KEY, allowed: &BTreeSet::new() })
}

fn check(resource: &Resource, host: &Fake) -> Check {
    check_with(resource, host, &secrets()).unwrap_or_else(|failure| panic!("{}: {failure}", resource.id()))
}

fn fix(resource: &Resource, host: &mut Fake) -> Result<()> {
    let secrets = secrets();
    let context = Context { secrets: &secrets, host_key: &HOST_KEY, allowed: &BTreeSet::new() };
    resource.kind().fix(host, &mut Means { context, authority: &mut Seal })
}

fn fixed(sample: &Sample) -> Fake {
    let mut host = sample.host();
    fix(&sample.resource(), &mut host).unwrap_or_else(|failure| panic!("{}: {failure}", sample.id()));
    host
}

/// A resource of every kind, and a host that has it as it must be.
pub fn standing() -> Vec<(Resource, Fake)> {
    samples().iter().map(|sample| (sample.resource(), fixed(sample))).collect()
}

/// A resource of every kind, and a host that has it otherwise, or no more.
pub fn disturbed() -> Vec<(Resource, Fake)> {
    let disturb = |sample: &Sample| {
        let mut host = fixed(sample);
        (sample.disturb)(&mut host);
        (sample.resource(), host)
    };
    samples().iter().map(disturb).collect()
}

/// Kinds whose removal leaves the host as it is.
fn stays(sample: &Sample) -> bool {
    let resource = sample.resource();
    resource.kind().holds_data() || matches!(resource, Resource::Absent(_) | Resource::Package(_))
}

#[test]
fn every_kind_has_a_sample() {
    let refusal = serde_json::from_str::<Resource>(r#"{"no_kind": {}}"#).unwrap_err().to_string();
    let kinds: BTreeSet<_> = refusal.split('`').skip(3).step_by(2).map(str::to_string).collect();
    let sampled: BTreeSet<_> =
        samples().iter().map(|sample| sample.id().split(':').next().unwrap().to_string()).collect();
    assert!(kinds.len() >= 13, "{refusal}");
    assert_eq!(kinds, sampled);
}

#[test]
fn an_id_is_kind_and_name_and_no_two_are_equal() {
    let mut seen = BTreeSet::new();
    for sample in samples() {
        let (resource, id) = (sample.resource(), sample.id());
        let text = serde_json::to_value(&resource).unwrap();
        let kind = text.as_object().unwrap().keys().next().unwrap().clone();
        assert!(id.strip_prefix(&format!("{kind}:")).is_some_and(|name| !name.is_empty()), "{id}");
        assert!(seen.insert(id.clone()), "{id}");
    }
}

#[test]
fn a_resource_survives_being_written_and_read() {
    for sample in samples() {
        let resource = sample.resource();
        let text = serde_json::to_string(&resource).unwrap();
        assert_eq!(serde_json::from_str::<Resource>(&text).unwrap(), resource, "{text}");
    }
}

#[test]
fn an_unknown_field_is_refused() {
    for sample in samples() {
        let mut value = serde_json::to_value(sample.resource()).unwrap();
        let fields = value.as_object_mut().unwrap().values_mut().next().unwrap().as_object_mut().unwrap();
        fields.insert("no_such_field".to_string(), true.into());
        assert!(serde_json::from_value::<Resource>(value).is_err(), "{}", sample.id());
    }
}

#[test]
fn a_plan_changes_nothing() {
    for sample in samples() {
        let host = sample.host();
        let before = host.world.clone();
        assert!(matches!(check(&sample.resource(), &host), Check::Differs { .. }), "{}", sample.id());
        assert!(host.world == before && host.changes().is_empty(), "{}: {:?}", sample.id(), host.changes());
    }
}

#[test]
fn a_bare_host_is_planned_without_a_failure() {
    for sample in samples() {
        let found = check(&sample.resource(), &Fake::new());
        if let Check::Unknown { needs, why } = found {
            assert!(needs.is_some_and(|id| id.contains(':')) && !why.is_empty(), "{}", sample.id());
        }
    }
}

#[test]
fn what_was_fixed_is_correct() {
    for sample in samples() {
        assert_eq!(check(&sample.resource(), &fixed(&sample)), Check::Correct, "{}", sample.id());
    }
}

#[test]
fn what_was_disturbed_is_found_and_mended() {
    for sample in samples() {
        let mut host = fixed(&sample);
        (sample.disturb)(&mut host);
        let found = check(&sample.resource(), &host);
        assert!(matches!(&found, Check::Differs { changes, .. } if !changes.is_empty()), "{}: {found:?}", sample.id());
        fix(&sample.resource(), &mut host).unwrap_or_else(|failure| panic!("{}: {failure}", sample.id()));
        assert_eq!(check(&sample.resource(), &host), Check::Correct, "{}", sample.id());
    }
}

#[test]
fn a_fix_leaves_what_is_in_folders_and_beside_its_own_paths_as_it_is() {
    let databases = ["/etc/passwd", "/etc/group", "/var/lib/dpkg/status", "/var/lib/comuni/passwords.json"];
    for (resource, mut host) in disturbed() {
        if matches!(resource, Resource::Absent(_)) {
            continue;
        }
        for path in ["/srv/comuni/minutes.odt", "/srv/data/minutes.odt", "/etc/minutes.odt"] {
            host.with_file(path, "in nobody's inventory", 0o640);
        }
        let own = resource.kind().paths();
        let before = host.world.clone();
        fix(&resource, &mut host).unwrap_or_else(|failure| panic!("{}: {failure}", resource.id()));
        let others = before.paths().filter(|path| {
            let path = path.to_string_lossy();
            let below = |own: &String| {
                path == own.as_str() || path.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('-'))
            };
            !own.iter().any(below) && !databases.contains(&path.as_ref()) && !path.starts_with("/var/lib/dpkg/updates")
        });
        for path in others {
            assert_eq!(before.text(path), host.world.text(path), "{}: {}", resource.id(), path.display());
        }
    }
}

#[test]
fn what_was_removed_is_planned_again() {
    for sample in samples().iter().filter(|sample| !stays(sample)) {
        let mut host = fixed(sample);
        for _ in 0..2 {
            sample.resource().kind().remove(&mut host).unwrap_or_else(|failure| panic!("{}: {failure}", sample.id()));
        }
        let found = check(&sample.resource(), &host);
        assert!(matches!(found, Check::Differs { action: Action::Create, .. }), "{}: {found:?}", sample.id());
    }
}

#[test]
fn what_was_removed_leaves_nothing_behind() {
    for sample in samples().iter().filter(|sample| !stays(sample)) {
        let before: Vec<_> = sample.host().world.paths().map(|path| path.to_path_buf()).collect();
        let mut host = fixed(sample);
        sample.resource().kind().remove(&mut host).unwrap();
        let left: Vec<_> = host.world.paths().filter(|path| !before.contains(&path.to_path_buf())).collect();
        let shared = ["/opt/comuni", "/opt/comuni/releases", "/opt/comuni/releases/albo"];
        assert!(left.iter().all(|path| shared.contains(&path.to_str().unwrap())), "{}: {left:?}", sample.id());
    }
}

#[test]
fn a_cut_at_any_change_is_mended_by_the_next_run() {
    for sample in samples() {
        let undisturbed = fixed(&sample);
        let cuts = (0..undisturbed.changes().len()).flat_map(|at| [Fault::Before(at), Fault::After(at)]);
        for cut in cuts {
            let (mut host, resource) = (sample.host(), sample.resource());
            host.cut_off(cut);
            assert!(fix(&resource, &mut host).is_err(), "{} {cut:?}", sample.id());
            host.mend();
            if check(&resource, &host) != Check::Correct {
                fix(&resource, &mut host).unwrap_or_else(|failure| panic!("{} {cut:?}: {failure}", sample.id()));
            }
            assert_eq!(check(&resource, &host), Check::Correct, "{} {cut:?}", sample.id());
            assert!(host.world.paths().eq(undisturbed.world.paths()), "{} {cut:?} left something", sample.id());
            assert_eq!(host.world.units, undisturbed.world.units, "{} {cut:?}", sample.id());
        }
    }
}

#[test]
fn a_failed_fix_carries_the_words_of_the_command() {
    let mut tried = BTreeSet::new();
    for sample in samples() {
        for change in fixed(&sample).changes() {
            let Some(argv) = change.strip_prefix("run ") else { continue };
            let words: Vec<&str> = argv.split(' ').take(2).collect();
            let mut host = sample.host();
            host.answer(&words, 1, "", "the disk is on fire");
            let failure = fix(&sample.resource(), &mut host).expect_err(argv);
            assert!(failure.message.contains("the disk is on fire"), "{}: {failure}", sample.id());
            tried.insert(words[0].to_string());
        }
    }
    let programs = [
        "apt-get",
        "chmod",
        "groupadd",
        "kdig",
        "knotc",
        "kzonecheck",
        "openssl",
        "psql",
        "sleep",
        "sync",
        "systemctl",
        "tar",
        "useradd",
    ];
    assert_eq!(tried.iter().map(String::as_str).collect::<Vec<_>>(), programs);
}

#[test]
fn a_secret_is_only_where_it_belongs() {
    for sample in samples() {
        let (resource, mut host) = (sample.resource(), sample.host());
        let mut said = format!("{:?}", check(&resource, &host));
        fix(&resource, &mut host).unwrap();
        said += &host.changes().join("\n");
        said += &host.asked().join("\n");
        (sample.disturb)(&mut host);
        said += &format!("{:?}", check(&resource, &host));
        assert!(!said.contains(POISON) && !said.contains("p\\:oi"), "{}: {said}", sample.id());
        for path in host.world.paths() {
            let open = host.world.node(path).is_some_and(|node| node.stat().mode & 0o004 != 0);
            assert!(!open || !host.world.text(path).contains("oi\\"), "{}: {}", sample.id(), path.display());
        }
        assert!(!host.world.text("/var/lib/comuni/passwords.json").contains("oi\\"));
    }
}

#[test]
fn without_its_secret_a_resource_is_not_checked_and_never_correct() {
    let none = SecretTable::default();
    let mut counted = 0;
    for sample in samples().iter().filter(|sample| !sample.resource().kind().secrets().is_empty()) {
        for host in [sample.host(), fixed(sample)] {
            let found = check_with(&sample.resource(), &host, &none).unwrap();
            let Check::Unknown { needs: None, why } = found else { panic!("{}: {found:?}", sample.id()) };
            assert!(why.contains("not checked") && why.contains("secret://c_e863/albo"), "{why}");
        }
        counted += 1;
    }
    assert!(counted >= 2);
}

#[test]
fn whoever_knows_only_the_ids_of_secrets_hears_whether_anything_was_changed_since() {
    let mut ids = secrets();
    ids.values.values_mut().for_each(|value| (value.value, value.withheld) = (String::new(), true));
    let context = Context { secrets: &ids, host_key: &HOST_KEY, allowed: &BTreeSet::new() };
    let mut counted = 0;
    for sample in samples().iter().filter(|sample| !sample.resource().kind().secrets().is_empty()) {
        let (resource, mut host) = (sample.resource(), fixed(sample));
        assert!(matches!(resource.kind().check(&host, &context).unwrap(), Check::Unknown { .. }), "{}", sample.id());
        // As the manifest remembers it.
        let applied = match &resource {
            Resource::File(file) => {
                let content = host.read(file.path.as_ref()).unwrap().unwrap();
                Resource::File(File { content: context.fingerprint(&content).unwrap(), ..file.clone() })
            }
            other => other.clone(),
        };
        let unread = |host: &Fake| resource.kind().check_unread(host, &context, &applied).unwrap();
        assert_eq!(unread(&host), Check::Correct, "{}", sample.id());
        (sample.disturb)(&mut host);
        assert!(matches!(unread(&host), Check::Differs { .. }), "{}", sample.id());
        counted += 1;
    }
    assert!(counted >= 2);
}

#[test]
fn many_resources_ask_postgresql_and_systemd_once() {
    let mut host = Fake::new();
    samples::with_server(&mut host);
    samples::with_unit(&mut host);
    let resources: Vec<_> = samples().iter().map(Sample::resource).collect();
    let ours = |resource: &&Resource| {
        matches!(resource, Resource::PostgresRole(_) | Resource::PostgresDatabase(_) | Resource::PostgresGrant(_))
    };
    let tenants = ["c_a826", "c_e863", "c_e707"].map(|code| {
        let unit = format!("comuni-{code}-albo.service");
        host.world.units.insert(unit.clone(), crate::machine::Unit::default());
        Resource::Service(crate::resources::service::Service {
            unit,
            enabled: true,
            running: true,
            within_seconds: 180,
        })
    });
    for resource in resources.iter().filter(ours).chain(&tenants) {
        check(resource, &host);
    }
    let count = |program: &str| host.asked().iter().filter(|argv| argv.starts_with(program)).count();
    assert_eq!((count("psql"), count("systemctl")), (1, 1), "{:?}", host.asked());
}
