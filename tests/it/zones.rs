//! Zones: every kind of bad one is caught before a server sees it, and what is imported is served as it was.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use comuni::dns::{self, Data, Name, Network, Profile, Type, Zone, rules, text};
use comuni::inventory::types::Domain;
use comuni::inventory::zones::{self, Scene};
use comuni::inventory::{self, Inventory};

use crate::golden::{Golden, root};

/// The 33 kinds of bad zone that were held against the tools of Knot, BIND, NSD and octoDNS, and the rule that catches each.
const BAD: [(&str, &str); 33] = [
    ("01-cname-beside-data", "DNS-CNAME-BESIDE"),
    ("02-cname-at-apex", "DNS-CNAME-APEX"),
    ("03-two-cnames", "DNS-CNAME-TWICE"),
    ("04-cname-loop", "DNS-CNAME-LOOP"),
    ("05-cname-dangling", "DNS-CNAME-DANGLING"),
    ("06-apex-ns-missing", "DNS-NS-MISSING"),
    ("07-one-ns-only", "DNS-NS-FEW"),
    ("08-ns-without-glue", "DNS-NS-GLUE"),
    ("09-ns-to-cname", "DNS-TARGET-CNAME"),
    ("10-mx-to-cname", "DNS-TARGET-CNAME"),
    ("11-mx-target-missing", "DNS-TARGET-MISSING"),
    ("12-mx-ip-literal", "DNS-TARGET-ADDRESS"),
    ("13-null-mx-beside-others", "DNS-MX-NULL"),
    ("14-srv-target-missing", "DNS-TARGET-MISSING"),
    ("15-out-of-zone", "DNS-OUT-OF-ZONE"),
    ("16-label-too-long", "DNS-NAME"),
    ("17-target-without-final-dot", "DNS-FINAL-DOT"),
    ("18-txt-too-long", "DNS-TXT-LENGTH"),
    ("19-ttl-beyond-31-bits", "DNS-TTL-RANGE"),
    ("20-two-spf", "DNS-SPF-TWICE"),
    ("21-spf-too-many-lookups", "DNS-SPF-LOOKUPS"),
    ("22-ds-at-apex", "DNS-DS-STRAY"),
    ("23-spf-syntax", "DNS-SPF-SYNTAX"),
    ("24-dmarc-policy-typo", "DNS-DMARC-SYNTAX"),
    ("25-caa-tag-typo", "DNS-CAA-SYNTAX"),
    ("26-ttls-differ", "DNS-TTL-DIFFERS"),
    ("27-duplicate-record", "DNS-DUPLICATE"),
    ("28-soa-retry-above-refresh", "DNS-SOA-RETRY"),
    ("29-data-below-a-cut", "DNS-BELOW-CUT"),
    ("30-mname-without-final-dot", "DNS-SOA-NAMES"),
    ("31-ttl-absurd", "DNS-TTL-RANGE"),
    ("32-ns-on-one-private-address", "DNS-NS-ONE-ADDRESS"),
    ("33-private-address", "DNS-ADDRESS-RESERVED"),
];

fn name(text: &str) -> Name {
    Name::absolute(text).unwrap()
}

/// The profile of a comune's zone with one tenant.
fn profile(zone: &Zone) -> Profile {
    let pec = name("pec.comune.malnate.va.it");
    Profile {
        whole: true,
        home: None,
        pec_said: zone.has(&pec, Type::Mx),
        pec: Some(pec),
        networks: ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]
            .map(|text| Network::read(text).unwrap())
            .to_vec(),
        issuers: vec!["letsencrypt.org".to_string()],
        servers: vec![
            (name("ns1.cloud.varese.example"), "192.0.2.15".parse().unwrap()),
            (name("ns2.cloud.varese.example"), "198.51.100.53".parse().unwrap()),
        ],
        tenants: vec![(name("albo.comune.malnate.va.it"), "192.0.2.12".parse().unwrap(), 12)],
    }
}

fn findings(text: &str) -> Vec<dns::Finding> {
    let (zone, mut findings) = text::read(text, &name("comune.malnate.va.it"));
    findings.extend(dns::check(&zone, &profile(&zone)));
    findings.sort_by_key(|finding| finding.place);
    findings
}

fn told(findings: &[dns::Finding]) -> String {
    let mut text = String::new();
    for found in findings {
        let word = if found.rule.error { "error" } else { "warning" };
        let also = found.also.map(|line| format!(" (see line {line})")).unwrap_or_default();
        writeln!(text, "line {}: {word} {}: {}{also}\n  {}", found.place, found.rule.id, found.message, found.help)
            .unwrap();
    }
    text
}

#[test]
fn every_kind_of_bad_zone_is_caught_offline() {
    let folder = root().join("tests/golden/dns");
    let mut golden = Golden::default();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".zone").map(str::to_string))
        .collect();
    names.sort();
    let mut broken: Vec<&str> = Vec::new();
    for case in &names {
        let found = findings(&fs::read_to_string(folder.join(format!("{case}.zone"))).unwrap());
        golden.same_file(&folder.join(format!("{case}.txt")), &told(&found));
        broken.extend(found.iter().map(|found| found.rule.id));
        assert_eq!(found.is_empty(), case == "00-clean", "{case}: {found:#?}");
    }
    golden.agree();

    let mut matrix = String::new();
    let mut caught = 0;
    for (case, rule) in BAD {
        let found = findings(&fs::read_to_string(folder.join(format!("{case}.zone"))).unwrap());
        let hit = found.iter().any(|found| found.rule.id == rule);
        caught += usize::from(hit);
        writeln!(matrix, "{} {case:32} {rule}", if hit { "caught" } else { "MISSED" }).unwrap();
    }
    assert_eq!(caught, BAD.len(), "\n{matrix}");

    // Every rule has a zone that breaks it; this one is about the inventory's names.
    let silent: Vec<&str> =
        rules::ALL.iter().map(|rule| rule.id).filter(|id| !broken.contains(id) && *id != "DNS-ZONE-NAME").collect();
    assert_eq!(silent, [""; 0], "rules that no zone of tests/golden/dns breaks");
}

#[test]
fn the_rules_are_in_the_documentation() {
    let mut page = String::from(
        "# The rules of zones\n\n<!-- written from the code: UPDATE_GOLDEN=1 cargo test --test it zones:: -->\n\n\
         `comuni validate` holds every zone that we serve against these rules, without any network. An error keeps the\n\
         inventory from being used; a warning asks for a look. *Can be waived*: `waivers:` of the member's `domain:` or of\n\
         the consortium's `dns:` bears with it, with a reason and an end ([zones.md](zones.md)).\n\n\
         | rule | | can be waived | asks |\n|---|---|---|---|\n",
    );
    for rule in rules::ALL {
        let (weight, waivable) = (if rule.error { "error" } else { "warning" }, if rule.waivable { "yes" } else { "" });
        writeln!(page, "| `{}` | {weight} | {waivable} | {} |", rule.id, rule.asks).unwrap();
    }
    let mut golden = Golden::default();
    golden.same_file(&root().join("docs/dns-rules.md"), &page);
    golden.agree();
}

fn varese() -> Inventory {
    inventory::load(Path::new("inventories/varese")).map_err(|all| all.render()).unwrap().inventory
}

#[test]
fn the_shipped_zones_are_served_as_they_are_written() {
    let inventory = varese();
    let mut golden = Golden::default();
    let mut served = 0;
    for body in inventory.members.values() {
        let Some(zone) = zones::of(&inventory, body) else { continue };
        served += 1;
        let file = format!("tests/golden/zones/{}.zone", zone.zone.name.plain());
        golden.same_file(&root().join(file), &zone.zone.to_file());
    }
    golden.agree();
    assert_eq!(served, 12, "all fourteen but the two whose zone others serve");
}

/// The lines of a zone that a member says: the rest follows from the consortium and the tenants.
fn own(zone: &Zone, tenants: &[Name]) -> Vec<String> {
    let tenants: Vec<&Name> = tenants.iter().collect();
    let mut own = zone.clone();
    own.records.retain(|record| zones::is_said(record, &zone.name, &tenants));
    own.lines()
}

/// `domain:` as a reader of the written YAML gets it.
fn read_back(block: &str) -> Domain {
    let mut sources = inventory::source::Sources::default();
    let file = sources.add("member.yml", block);
    let mut findings = Vec::new();
    let tree = inventory::node::parse(&sources, file, &mut findings).unwrap_or_else(|| panic!("{findings:?}\n{block}"));
    assert_eq!(findings, [], "{block}");
    serde_json::from_value(tree.at(&["domain"]).unwrap().to_json()).unwrap_or_else(|error| panic!("{error}\n{block}"))
}

/// Imports a zone for a member and builds the zone of what was written.
fn served_after_import(inventory: &Inventory, slug: &str, zone: &Zone) -> (Vec<String>, Vec<String>) {
    let scene = Scene::of(inventory).unwrap();
    let body = &inventory.members[slug];
    let imported = zones::import(&scene, slug, &body.member, zone);
    let block = zones::yaml::domain(&imported.domain);
    let domain = read_back(&block);
    assert_eq!(domain, imported.domain, "{block}");
    let mut member = body.member.clone();
    member.domain = Some(domain);
    let after = scene.zone(slug, &member).unwrap();
    assert_eq!(after.unreadable, [], "{block}");
    let tenants: Vec<Name> = after.tenants.iter().map(|(name, ..)| name.clone()).collect();
    (own(zone, &tenants), own(&after.zone, &tenants))
}

#[test]
fn an_imported_zone_is_served_as_it_was() {
    let inventory = varese();
    for (slug, body) in &inventory.members {
        let Some(served) = zones::of(&inventory, body) else { continue };
        if body.member.domain.is_none() {
            continue;
        }
        let text = served.zone.to_file();
        let (zone, findings) = text::read(&text, &served.zone.name);
        assert_eq!(findings, [], "{text}");
        let (before, after) = served_after_import(&inventory, slug, &zone);
        assert_eq!(before, after, "{slug}");
    }
}

mod property {
    use super::*;
    use proptest::prelude::*;

    fn owner() -> impl Strategy<Value = String> {
        let fixed = ["@", "www", "pec", "_dmarc", "sel._domainkey", "a.sel._domainkey", "sportello", "a.b", "*", "cut"];
        proptest::sample::select(fixed.to_vec()).prop_map(str::to_string)
    }

    fn data() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(|four| format!("A {}", std::net::Ipv4Addr::from(four))),
            any::<[u8; 16]>().prop_map(|six| format!("AAAA {}", std::net::Ipv6Addr::from(six))),
            (any::<u16>(), "[a-z]{1,9}").prop_map(|(preference, host)| format!("MX {preference} {host}.example.")),
            Just("MX 0 .".to_string()),
            Just("CNAME @".to_string()),
            "[a-z]{1,9}".prop_map(|host| format!("CNAME {host}")),
            Just("TXT \"v=spf1 mx -all\"".to_string()),
            Just("TXT \"v=spf1 -all\"".to_string()),
            Just("TXT \"v=DMARC1; p=reject\"".to_string()),
            Just("TXT \"v=DKIM1; p=\"".to_string()),
            "[ -!#-\\[\\]-~à-ü€]{0,300}".prop_map(|text| format!("TXT \"{}\"", text.replace('\\', "\\\\"))),
            Just("CAA 0 issue \"letsencrypt.org\"".to_string()),
            Just("CAA 0 issuewild \";\"".to_string()),
            Just("CAA 0 iodef \"mailto:dns@cloud.varese.example\"".to_string()),
            (any::<u16>(), any::<u16>()).prop_map(|(weight, port)| format!("SRV 1 {weight} {port} sip")),
            Just("NS ns1.example.".to_string()),
            Just(format!("DS 1 13 2 {}", "ab".repeat(32))),
            Just("TLSA 3 1 1 abcd".to_string()),
            Just("SSHFP 4 2 abcd".to_string()),
            Just("PTR host.example.".to_string()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn any_zone_is_served_as_it_was(
            lines in proptest::collection::vec((owner(), proptest::sample::select(vec![3600u32, 600]), data()), 0..24)
        ) {
            let inventory = varese_once();
            let mut file = String::from("$TTL 3600\n@ SOA ns.old.example. dns.old.example. 7 14400 3600 1209600 3600\n@ NS ns.old.example.\n");
            for (owner, ttl, data) in lines {
                writeln!(file, "{owner} {ttl} {data}").unwrap();
            }
            let (zone, findings) = text::read(&file, &name("comune.malnate.va.it"));
            prop_assert!(findings.iter().all(|found| found.rule.id == "DNS-TXT-LENGTH"), "{findings:?}");
            let (before, after) = served_after_import(inventory, "malnate", &zone);
            prop_assert_eq!(before, after, "{}", file);
        }
    }

    fn varese_once() -> &'static Inventory {
        static VARESE: std::sync::LazyLock<Inventory> = std::sync::LazyLock::new(varese);
        &VARESE
    }
}

#[test]
fn a_waiver_that_has_ended_is_told_again() {
    let folder = Path::new("tests/golden/inventory/zone-waivers/in");
    let load = || inventory::load(folder).map_err(|all| all.render()).unwrap();
    let before = load().on("2027-01-31").map_err(|all| all.render()).unwrap();
    assert_eq!(before.waived.len(), 1);
    assert_eq!((before.waived[0].rule, before.waived[0].reason.as_str()), ("DNS-TTL-LOW", "its server moves"));
    let count = before.warnings.counts().1;
    let after = load().on("2027-02-01").map_err(|all| all.render()).unwrap();
    assert_eq!((after.waived.len(), after.warnings.counts()), (0, (0, count + 1)));
    assert!(
        after.warnings.render().contains("(DNS-TTL-LOW); the waiver ended on 2027-01-31"),
        "{}",
        after.warnings.render()
    );
}

#[test]
fn mail_in_the_name_of_a_comune_is_let_pass_for_ninety_days_and_no_longer() {
    let folder = crate::zone_files::copy();
    let file = folder.path().join("members/malnate.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    let waiver =
        "  waivers:\n    - { rule: DNS-DMARC-NONE, reason: reports are read first, until: 2027-03-31 }\ncontacts:";
    let text = text.replace("v=DMARC1; p=quarantine", "v=DMARC1; p=none").replacen("contacts:", waiver, 1);
    std::fs::write(&file, text).unwrap();
    let on =
        |today: &str| inventory::load(folder.path()).and_then(|loaded| loaded.on(today)).map_err(|all| all.render());
    let waived = |today: &str| on(today).unwrap().waived.iter().filter(|one| one.rule == "DNS-DMARC-NONE").count();
    assert_eq!((waived("2026-12-31"), waived("2027-03-31")), (1, 1), "90 days before its end, and on it");
    for (today, words) in [
        ("2026-12-30", "(DNS-DMARC-NONE); its waiver may last until 2027-03-30, not 2027-03-31"),
        ("2027-04-01", "(DNS-DMARC-NONE); the waiver ended on 2027-03-31"),
    ] {
        let told = on(today).unwrap().warnings.render();
        assert!(waived(today) == 0 && told.contains(words), "{today}: {told}");
    }
}

#[test]
fn the_text_of_a_record_is_cut_in_pieces_by_us() {
    let long = "k".repeat(600);
    let text = Data::Txt(long.into_bytes()).to_string();
    assert_eq!(text.split(' ').map(str::len).collect::<Vec<_>>(), [257, 257, 92]);
}
