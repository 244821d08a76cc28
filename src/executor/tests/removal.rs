use super::harness::{Host, directory, failed, file, findings, fixed, fragment, outcome, owned_by, service, wants};
use crate::catalog::{Area, Entry};
use crate::protocol::{FromHost, Outcome, Request};
use crate::resources::{Action, Directory, Notification, Resource, Symlink};

fn removes(heard: &[FromHost]) -> Vec<String> {
    let removed =
        |finding: &crate::protocol::Finding| matches!(finding.outcome, Outcome::Differs { action: Action::Remove, .. });
    findings(heard).into_iter().filter(removed).map(|finding| finding.id).collect()
}

fn data() -> Entry {
    owned_by("c_e863", Directory { data: true, ..directory("/etc/comuni/data") })
}

#[test]
fn what_is_no_longer_wanted_goes_in_reverse_order_and_services_stop_first() {
    let mut host = Host::new().with_running("albo.service");
    let kept = owned_by("host", directory("/etc/comuni/kept"));
    host.apply(wants(vec![
        kept.clone(),
        owned_by("c_e863", directory("/etc/comuni/tenant")),
        owned_by("c_e863", service("albo.service")),
        owned_by("c_e863", file("/etc/comuni/tenant/env", "x")),
    ]));
    let heard = host.apply(wants(vec![kept]));
    let order = ["service:albo.service", "file:/etc/comuni/tenant/env", "directory:/etc/comuni/tenant"];
    assert_eq!(fixed(&heard), order);
    assert_eq!(failed(&heard).len(), 0);
    assert_eq!(host.fake.world.notes["unit albo.service"], "inactive");
    assert!(!host.is_there("/etc/comuni/tenant"));
    assert_eq!(host.manifest().records.len(), 1);
}

#[test]
fn removals_are_told_last_and_a_plan_only_tells_them() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("c_e863", file("/etc/comuni/old", "x"))]));
    let heard = host.plan(wants(vec![owned_by("c_e863", file("/etc/comuni/new", "x"))]));
    let ids: Vec<_> = findings(&heard).into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["file:/etc/comuni/new", "file:/etc/comuni/old"]);
    assert!(host.is_there("/etc/comuni/old"));
}

#[test]
fn what_holds_data_is_said_to_be_kept_and_is_kept() {
    let mut host = Host::new();
    host.apply(wants(vec![data()]));
    for _ in 0..2 {
        let heard = host.apply(wants(Vec::new()));
        let found = outcome(&heard, "directory:/etc/comuni/data");
        assert!(matches!(found, Outcome::Differs { action: Action::Keep, .. }), "{found:?}");
        assert_eq!(fixed(&heard), [] as [&str; 0]);
        assert!(host.is_there("/etc/comuni/data"));
        assert!(host.manifest().records[0].kept);
    }
    host.apply(wants(vec![data()]));
    assert!(!host.manifest().records[0].kept, "it is wanted again");
}

#[test]
fn what_holds_data_beside_folders_is_kept_too() {
    use crate::resources::{Group, PostgresDatabase};
    let group = Resource::Group(Group { name: "c_e863_albo".to_string() });
    let database = Resource::PostgresDatabase(PostgresDatabase {
        name: "c_e863_albo".to_string(),
        owner: "c_e863_albo".to_string(),
        connection_limit: 10,
    });
    let mut host = Host::new();
    host.fake.with_file("/etc/group", "c_e863_albo:x:990:\n", 0o644);
    host.apply(wants(vec![owned_by("c_e863", group)]));
    let mut manifest = host.manifest();
    let record = manifest.records[0].clone();
    let id = database.id();
    manifest.records.push(crate::executor::manifest::Record { id, resource: database, ..record });
    host.fake.with_file("/var/lib/comuni/manifest.json", serde_json::to_string(&manifest).unwrap(), 0o600);
    let heard = host.apply(wants(Vec::new()));
    for id in ["group:c_e863_albo", "postgres_database:c_e863_albo"] {
        let found = outcome(&heard, id);
        assert!(matches!(found, Outcome::Differs { action: Action::Keep, .. }), "{id}: {found:?}");
    }
    assert_eq!((removes(&heard).len(), fixed(&heard).len(), host.ran("groupdel")), (0, 0, 0));
}

#[test]
fn removals_are_looked_for_only_among_what_was_compiled() {
    let mut host = Host::new();
    host.apply(wants(vec![
        owned_by("host", file("/etc/comuni/host", "x")),
        owned_by("c_e863", file("/etc/comuni/malnate", "x")),
        owned_by("c_e707", file("/etc/comuni/lozza", "x")),
    ]));
    let none = || wants(Vec::new());
    let lozza = Request { owners: ["c_e707".to_string()].into(), ..none() };
    assert_eq!(removes(&host.plan(lozza)), ["file:/etc/comuni/lozza"]);
    let baseline = Request { areas: [Area::Host].into(), ..none() };
    assert_eq!(removes(&host.plan(baseline)), ["file:/etc/comuni/host"]);
    assert_eq!(removes(&host.plan(none())).len(), 3);
}

#[test]
fn a_member_without_a_file_is_told_and_nothing_of_it_is_removed() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("c_e863", file("/etc/comuni/malnate", "x"))]));
    let lost = Request { members: ["c_e707".to_string()].into(), ..wants(Vec::new()) };
    let heard = host.apply(lost);
    let FromHost::Hold { unknown_members, .. } = &heard[1] else { panic!("{heard:?}") };
    assert_eq!(unknown_members.iter().collect::<Vec<_>>(), ["c_e863"]);
    assert_eq!(removes(&heard), [] as [&str; 0]);
    assert!(host.is_there("/etc/comuni/malnate"));
}

#[test]
fn a_removed_fragment_is_told_to_its_daemon() {
    let mut host = Host::new().with_running("nginx.service");
    host.fake.with_directory("/etc/nginx/comuni.d", 0o755);
    host.apply(wants(vec![owned_by("c_e863", fragment("c_e863-albo", "server {}\n"))]));
    let before = host.ran("reload-or-restart nginx.service");
    let heard = host.apply(wants(Vec::new()));
    assert_eq!(fixed(&heard), ["file:/etc/nginx/comuni.d/c_e863-albo.conf"]);
    assert_eq!(host.ran("reload-or-restart nginx.service"), before + 1);
}

#[test]
fn a_path_that_changed_its_kind_is_not_removed_behind_the_new_one() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("host", file("/etc/comuni/current", "x"))]));
    let link = Symlink {
        path: "/etc/comuni/current".to_string(),
        target: "releases/1".to_string(),
        notify: None::<Notification>,
    };
    host.fake.world.take("/etc/comuni/current");
    let heard = host.apply(wants(vec![owned_by("host", Resource::Symlink(link))]));
    assert_eq!(failed(&heard).len(), 0);
    assert!(host.is_there("/etc/comuni/current"));
    let ids: Vec<_> = host.manifest().records.into_iter().map(|record| record.id).collect();
    assert_eq!(ids, ["symlink:/etc/comuni/current"]);
}

#[test]
fn a_removal_that_fails_fails_its_owner_and_stays_ours() {
    let mut host = Host::new();
    host.apply(wants(vec![owned_by("c_e863", file("/etc/comuni/changed", "x"))]));
    host.fake.world.take("/etc/comuni/changed");
    host.fake.with_file("/etc/comuni/changed/into-a-folder", "x", 0o644);
    let heard = host.apply(wants(vec![owned_by("c_e707", file("/etc/comuni/lozza", "x"))]));
    assert!(failed(&heard)["c_e863"].contains("/etc/comuni/changed must be a file"));
    assert_eq!(fixed(&heard), ["file:/etc/comuni/lozza"]);
    assert!(host.manifest().record("file:/etc/comuni/changed").is_some());
}

#[test]
fn a_folder_in_which_something_would_be_left_stays_with_it() {
    let mut host = Host::new();
    let folder = || owned_by("c_e863", directory("/etc/comuni/full"));
    host.apply(wants(vec![folder(), owned_by("c_e863", file("/etc/comuni/full/ours", "x"))]));
    host.fake.with_file("/etc/comuni/full/photo.jpg", "x", 0o644);
    let heard = host.apply(wants(Vec::new()));
    let found = outcome(&heard, "directory:/etc/comuni/full");
    assert!(matches!(found, Outcome::Differs { action: Action::Keep, .. }), "{found:?}");
    assert_eq!((fixed(&heard), failed(&heard).len()), (vec!["file:/etc/comuni/full/ours".to_string()], 0));
    assert!(host.is_there("/etc/comuni/full/photo.jpg"));
    host.fake.world.take("/etc/comuni/full/photo.jpg");
    assert_eq!(fixed(&host.apply(wants(Vec::new()))), ["directory:/etc/comuni/full"]);
}

#[test]
fn a_release_that_another_tenant_still_uses_stays() {
    let mut host = Host::new();
    let release = crate::resources::Release {
        application: "albo".to_string(),
        release: "1.0.0".to_string(),
        sha256: "ab".repeat(32),
    };
    let folder = format!("/opt/comuni/releases/albo/{}", release.sha256);
    host.fake.with_directory(&folder, 0o755);
    host.fake.world.put("/opt/comuni/releases/albo/1.0.0", crate::machine::Node::link(&release.sha256));
    let of = |owner: &str| {
        let entry = owned_by(owner, Resource::Release(release.clone()));
        Entry { id: format!("{}@{owner}-albo", entry.id), ..entry }
    };
    host.apply(wants(vec![of("c_e863"), of("c_e707")]));
    let heard = host.apply(wants(vec![of("c_e707")]));
    assert_eq!(fixed(&heard), ["release:albo/1.0.0@c_e863-albo"]);
    assert!(host.is_there(&folder), "the other tenant lost its release");
    host.apply(wants(Vec::new()));
    assert!(!host.is_there(&folder));
}

#[test]
fn a_release_stays_while_a_tenant_could_not_leave_it() {
    let mut host = Host::new().with_running("nginx.service");
    host.fake.with_directory("/etc/nginx/comuni.d", 0o755);
    let release = |release: &str, digit: &str| {
        let sha256 = digit.repeat(64);
        let (application, release) = ("albo".to_string(), release.to_string());
        owned_by("c_e863", Resource::Release(crate::resources::Release { application, release, sha256 }))
    };
    let (old, new) = (release("1.0.0", "a"), release("1.1.0", "b"));
    let folder = |digit: &str| format!("/opt/comuni/releases/albo/{}", digit.repeat(64));
    for digit in ["a", "b"] {
        host.fake.with_directory(&folder(digit), 0o755);
    }
    let site = |content: &str| owned_by("c_e863", fragment("c_e863-albo", content));
    host.apply(wants(vec![old, site("root 1.0.0;\n")]));
    host.fake.world.notes.insert("refuses nginx.service".into(), "/etc/nginx/comuni.d/c_e863-albo.conf".into());
    let heard = host.apply(wants(vec![new.clone(), site("root 1.1.0; poison\n")]));
    assert!(failed(&heard)["c_e863"].contains("it was put back"), "{heard:?}");
    assert!(host.is_there(&folder("a")), "the site was put back to a release that is gone");
    host.apply(wants(vec![new, site("root 1.1.0;\n")]));
    assert!(!host.is_there(&folder("a")) && host.is_there(&folder("b")));
}

#[test]
fn a_purge_takes_the_data_of_its_owner_and_of_nobody_else() {
    let mut host = Host::new();
    let other = owned_by("c_e707", Directory { data: true, ..directory("/etc/comuni/other") });
    host.apply(wants(vec![data(), other.clone()]));
    host.fake.with_file("/etc/comuni/data/deep/letter", "x", 0o600);
    let purged =
        Request { owners: ["c_e863".to_string()].into(), purge: ["c_e863".to_string()].into(), ..wants(Vec::new()) };
    let heard = host.apply(purged.clone());
    assert_eq!(fixed(&heard), ["directory:/etc/comuni/data"]);
    assert!(!host.is_there("/etc/comuni/data/deep/letter") && host.is_there("/etc/comuni/other"));
    let owners: Vec<String> = host.manifest().records.iter().map(|record| record.owner.clone()).collect();
    assert_eq!(owners, ["c_e707"]);
    assert_eq!(fixed(&host.apply(purged)), [] as [&str; 0], "twice is fine");
    // Who is not named is kept as ever, whoever else is purged.
    let heard = host.apply(Request { purge: ["c_e863".to_string()].into(), ..wants(Vec::new()) });
    assert!(matches!(outcome(&heard, &other.id), Outcome::Differs { action: Action::Keep, .. }));
    assert!(host.is_there("/etc/comuni/other"));
}
