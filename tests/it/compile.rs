//! What the shipped inventories compile to, and that `compile` never crosses owners (invariants 1, 4 and 5).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use comuni::catalog::{Area, Catalog, Entry, HOST_OWNER};
use comuni::compile::{Compiled, Selection, compile};
use comuni::inventory::{self, Inventory};
use comuni::resources::Resource;

use crate::golden::Golden;

/// A certificate that lives for this run: no golden file holds a byte of it.
static AUTHORITY: LazyLock<String> = LazyLock::new(|| {
    let consortium = read("inventories/lab").consortium;
    comuni::authority::make(&consortium).unwrap().0
});

static LAB: LazyLock<Inventory> = LazyLock::new(|| with_authority("inventories/lab"));

static WHOLE: LazyLock<Compiled> = LazyLock::new(|| whole(&LAB));

fn read(folder: &str) -> Inventory {
    match inventory::load(Path::new(folder)) {
        Ok(loaded) => loaded.inventory,
        Err(diagnostics) => panic!("{}", diagnostics.render()),
    }
}

fn with_authority(folder: &str) -> Inventory {
    Inventory { authority: Some(AUTHORITY.clone()), ..read(folder) }
}

fn tenants(inventory: &Inventory) -> impl Iterator<Item = String> {
    inventory.members.values().flat_map(|body| body.tenants.keys().map(|name| format!("{}-{name}", body.code)))
}

fn whole(inventory: &Inventory) -> Compiled {
    compile(inventory, &Selection::default()).unwrap()
}

fn only(owner: &str) -> Selection {
    Selection { owners: [owner.to_string()].into(), ..Selection::default() }
}

fn slice(catalogs: &BTreeMap<String, Catalog>, takes: impl Fn(&Entry) -> bool) -> BTreeMap<String, Vec<Entry>> {
    catalogs
        .iter()
        .map(|(host, catalog)| (host.clone(), catalog.entries.iter().filter(|entry| takes(entry)).cloned().collect()))
        .collect()
}

/// One line for each entry: id, owner, tenant, area, stage, and the play it comes from.
fn listing<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut text = String::new();
    for Entry { id, owner, tenant, area, stage, origin, .. } in entries {
        let (area, stage) = (format!("{area:?}").to_lowercase(), format!("{stage:?}").to_lowercase());
        let tenant = tenant.as_deref().unwrap_or("-");
        writeln!(text, "{id}  {owner}  {tenant}  {area}  {stage}  {}: {}", origin.playbook, origin.play).unwrap();
    }
    text
}

fn content<'a>(compiled: &'a Compiled, host: &str, path: &str) -> &'a str {
    let found = compiled.catalogs[host].entries.iter().find_map(|entry| match &entry.resource {
        Resource::File(file) if file.path == path => Some(file.content.as_str()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{host} has no file {path}"))
}

/// All texts that look like a token, with the owner they name.
fn tokens(text: &str) -> Vec<(String, String)> {
    let end = |letter: char| !(letter.is_ascii_alphanumeric() || "_-/:#".contains(letter));
    let starts = text.match_indices("secret://").map(|(start, _)| &text[start..]);
    starts
        .map(|rest| &rest[..rest.find(end).unwrap_or(rest.len())])
        .map(|token| (token.to_string(), token.split('/').nth(2).unwrap().to_string()))
        .collect()
}

#[test]
fn every_host_has_what_its_golden_listing_says() {
    let mut golden = Golden::default();
    for (host, catalog) in &WHOLE.catalogs {
        golden.same(format!("compile/{host}.txt"), &listing(&catalog.entries));
    }
    golden.agree();
}

/// The lab has some tenants more, and all that production has.
#[test]
fn production_gets_the_same_entries_as_the_lab() {
    let inventory = with_authority("inventories/varese");
    let tenants: BTreeSet<String> = tenants(&inventory).collect();
    assert!(tenants.len() < self::tenants(&LAB).count());
    let varese = whole(&inventory);
    for (host, catalog) in &varese.catalogs {
        let lab = WHOLE.catalogs[host].entries.iter();
        let lab = lab.filter(|entry| entry.tenant.as_ref().is_none_or(|tenant| tenants.contains(tenant)));
        assert_eq!(listing(&catalog.entries), listing(lab), "{host}");
    }
    assert!(varese.archives.keys().all(|archive| WHOLE.archives.contains_key(archive)));
}

/// The files of one tenant, and of one host of each role, as they arrive (secrets as tokens).
#[test]
fn the_rendered_files_are_those_that_somebody_read() {
    let mut golden = Golden::default();
    for (host, paths) in [
        (
            "app2",
            &[
                "/etc/systemd/system/comuni-c_e707-albo.service",
                "/etc/nginx/comuni.d/c_e707-albo.conf",
                "/etc/comuni/tenants/c_e707-albo/environment",
                "/etc/comuni/tenants/c_e707-albo/pgpass",
                "/etc/logrotate.d/comuni-c_e707-albo",
                "/etc/systemd/system/comuni-c_e707-contabilita.service",
                "/etc/nginx/comuni.d/c_e707-contabilita.conf",
                "/etc/comuni/tenants/c_e707-contabilita/environment",
                "/etc/comuni/tenants/c_e707-contabilita/trytond.conf",
                "/etc/comuni/tenants/c_e707-contabilita/admin_password",
                "/etc/comuni/tenants/c_e707-dati/kinto.ini",
                "/etc/nginx/nginx.conf",
                "/etc/nftables.conf",
                "/etc/ssh/sshd_config.d/00-comuni.conf",
                "/etc/sudoers.d/comuni",
                "/etc/apt/apt.conf.d/52comuni-upgrades",
            ][..],
        ),
        (
            "db1",
            &[
                "/etc/nftables.conf",
                "/etc/postgresql/15/main/conf.d/comuni.conf",
                "/etc/postgresql/15/main/pg_hba.conf",
                "/etc/systemd/system/postgresql@15-main.service.d/comuni.conf",
                "/etc/ssh/sshd_config.d/00-comuni.conf",
            ],
        ),
        ("ops1", &["/etc/nftables.conf", "/etc/ssh/sshd_config.d/00-comuni.conf"]),
        ("mon1", &["/etc/nftables.conf", "/etc/ssh/sshd_config.d/00-comuni.conf"]),
    ] {
        for path in paths {
            golden.same(format!("compile/files/{host}{path}"), content(&WHOLE, host, path));
        }
    }
    golden.agree();
}

#[test]
fn what_is_compiled_for_one_owner_is_its_slice_of_the_whole_and_nothing_else() {
    let codes: BTreeSet<&str> = LAB.members.values().map(|body| body.code.as_str()).collect();
    for owner in codes.iter().copied().chain([HOST_OWNER]) {
        let compiled = compile(&LAB, &only(owner)).unwrap();
        let got = slice(&compiled.catalogs, |_| true);
        assert!(got.values().flatten().all(|entry| entry.owner == owner), "an entry of another than {owner}");
        assert_eq!(got, slice(&WHOLE.catalogs, |entry| entry.owner == owner), "the slice of {owner}");
        assert!(got.values().any(|entries| !entries.is_empty()), "{owner} owns something");
    }
    let known = slice(&WHOLE.catalogs, |entry| entry.owner == HOST_OWNER || codes.contains(entry.owner.as_str()));
    assert_eq!(known, slice(&WHOLE.catalogs, |_| true), "every entry has an owner that the inventory knows");
}

#[test]
fn lozza_alone_is_what_its_golden_listing_says() {
    let lozza = compile(&LAB, &only("c_e707")).unwrap();
    let mut text = String::new();
    for (host, catalog) in lozza.catalogs.iter().filter(|(_, catalog)| !catalog.entries.is_empty()) {
        write!(text, "# {host}\n{}\n", listing(&catalog.entries)).unwrap();
    }
    let mut golden = Golden::default();
    golden.same("compile/lozza.txt", &text);
    golden.agree();
    for body in LAB.members.values().filter(|body| body.slug != "lozza") {
        assert!(!text.contains(&body.code), "{} in what is Lozza's", body.slug);
    }
}

/// Stronger than taking a slice: the other thirteen bodies have no say in what one of them gets.
#[test]
fn a_member_gets_the_same_when_it_is_alone_in_the_inventory() {
    for (slug, body) in &LAB.members {
        let mut alone = LAB.clone();
        alone.members.retain(|name, _| name == slug);
        let owned = |entry: &Entry| entry.owner == body.code;
        assert_eq!(slice(&whole(&alone).catalogs, owned), slice(&WHOLE.catalogs, owned), "{slug}");
    }
}

#[test]
fn compiled_twice_gives_the_same_bytes() {
    let bytes = |compiled: &Compiled| serde_json::to_vec(&compiled.catalogs).unwrap();
    assert!(bytes(&whole(&with_authority("inventories/lab"))) == bytes(&WHOLE));
}

#[test]
fn every_token_belongs_to_the_owner_of_its_entry() {
    let mut seen = BTreeSet::new();
    for entry in WHOLE.catalogs.values().flat_map(|catalog| &catalog.entries) {
        for (token, owner) in tokens(&serde_json::to_string(&entry.resource).unwrap()) {
            // What the consortium's servers share is the machines' own.
            let owner = if owner == "consortium" { "host" } else { owner.as_str() };
            assert_eq!(owner, entry.owner, "{token} in {}", entry.id);
            let token = token.split('#').next().unwrap();
            // Both halves of an ssh key follow from one secret.
            let seed = token.strip_suffix("_private").or_else(|| token.strip_suffix("_public"));
            seen.insert(seed.unwrap_or(token).to_string());
        }
    }
    let required = comuni::secrets::required_tokens(&LAB);
    let leaves_control = |token: &String| !token.starts_with("secret://consortium/authority/");
    // These follow from which login role is in use.
    seen.retain(|token| !comuni::secrets::ACTIVE_TOKENS.iter().any(|name| token.ends_with(&format!("/{name}"))));
    assert_eq!(seen, required.into_iter().filter(leaves_control).collect(), "all that is made is used, and no other");
}

/// Every password of a role and every line of a password file is a token: `compile` has no value to put there.
#[test]
fn where_a_secret_stands_there_is_a_token() {
    let mut passwords = 0;
    for entry in WHOLE.catalogs.values().flat_map(|catalog| &catalog.entries) {
        match &entry.resource {
            // The exporter's account has none: it comes by the socket, as itself.
            Resource::PostgresRole(role) if role.login && entry.owner != "host" => {
                let password = role.password.as_deref().unwrap_or_default();
                assert_eq!(tokens(password).first().map(|(token, _)| token.as_str()), Some(password), "{}", entry.id);
                passwords += 1;
            }
            Resource::File(file) if file.path.ends_with("/pgpass") => {
                let lines = file.content.lines().filter(|line| !line.starts_with('#'));
                for line in lines {
                    assert!(line.contains(":secret://") && line.ends_with("#pgpass"), "{}: {line}", entry.id);
                    passwords += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(passwords, 4 * tenants(&LAB).count(), "two roles and two lines for each tenant");
}

#[test]
fn areas_divide_the_whole_without_rest() {
    let mut together = 0;
    for area in [Area::Host, Area::Tenant, Area::Backup, Area::Dns, Area::Monitoring] {
        let selection = Selection { areas: [area].into(), ..Selection::default() };
        let compiled = compile(&LAB, &selection).unwrap();
        assert_eq!(slice(&compiled.catalogs, |_| true), slice(&WHOLE.catalogs, |entry| entry.area == area));
        together += compiled.catalogs.values().map(|catalog| catalog.entries.len()).sum::<usize>();
    }
    assert_eq!(together, WHOLE.catalogs.values().map(|catalog| catalog.entries.len()).sum::<usize>());
}

#[test]
fn without_a_certificate_authority_nothing_is_compiled_and_the_remedy_is_said() {
    let failure = compile(&read("inventories/lab"), &Selection::default()).unwrap_err();
    assert_eq!(failure.kind.exit_code(), 65);
    assert_eq!(failure.message, "inventories/lab has no certificate authority yet (authority.pem)");
    assert_eq!(failure.hints, ["make it once: comuni -i inventories/lab secrets set --missing"]);
}

/// Alertmanager and the blackbox exporter read one file for all: without it a new zone would not be asked for, and its
/// member would not be told.
#[test]
fn a_member_can_come_with_what_its_hosts_have_in_one_file_for_all() {
    let alone = compile(&LAB, &only("c_e707")).unwrap();
    let with_shared = compile(&LAB, &Selection { with_shared: true, ..only("c_e707") }).unwrap();
    let ids = |compiled: &Compiled| -> BTreeSet<String> {
        compiled.catalogs.values().flat_map(|catalog| &catalog.entries).map(|entry| entry.id.clone()).collect()
    };
    let more: Vec<String> = ids(&with_shared).difference(&ids(&alone)).cloned().collect();
    assert_eq!(
        more,
        ["alertmanager.yml", "blackbox.yml", "comuni/routes"].map(|name| format!("file:/etc/prometheus/{name}"))
    );
}
