//! `comuni dns export` and `comuni dns import`: zones go out and come in as zone files.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

use crate::golden::root;

pub fn comuni(inventory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("comuni").unwrap();
    for variable in ["COMUNI_INVENTORY", "COMUNI_IDENTITY", "COMUNI_SSH_KEY"] {
        command.env_remove(variable);
    }
    command.arg("-i").arg(inventory).args(arguments).output().unwrap()
}

pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn export(inventory: &Path, zone: &str) -> String {
    let (code, stdout, stderr) = said(&comuni(inventory, &["dns", "export", zone]));
    assert_eq!(code, 0, "{stderr}");
    stdout
}

/// A copy of the aggregation that can be written to.
pub fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["consortium.yml", "hosts.yml", "applications", "members"] {
        let (from, to) = (root().join("inventories/varese").join(name), folder.path().join(name));
        if from.is_file() {
            fs::copy(from, to).unwrap();
            continue;
        }
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    folder
}

/// The lines of a zone file that a member says: not the SOA, not the name servers, not the tenant.
fn own(zone: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = zone.lines().filter(|line| !line.starts_with(';')).map(words);
    lines.filter(|line| !line.contains(" SOA ") && !line.contains(" NS ") && !line.starts_with("albo.")).collect()
}

pub const VARESE: &str = "\
$ORIGIN comune.varese.it.
$TTL 86400
@ SOA ns.provider.example. hostmaster.provider.example. (
    2026110101 ; serial
    28800 7200 1209600 3600 )
  NS ns.provider.example.
  NS ns2.provider.example.
  3600 A 192.0.2.7
  3600 MX 10 mail
  3600 TXT \"v=spf1 mx include:spf.provider.example -all\"
  TXT \"google-site-verification=abc\"
mail 3600 A 192.0.2.8
www 3600 CNAME @
_dmarc 3600 TXT \"v=DMARC1; p=reject\"
pec 3600 MX 10 mx.pec.example.
albo 3600 A 192.0.2.9
sportello CNAME www
k1._domainkey 3600 TXT ( \"v=DKIM1; k=ed25519; \"
    \"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\" )
";

#[test]
fn a_zone_goes_out_by_its_name_or_its_member() {
    let varese = root().join("inventories/varese");
    let by_zone = export(&varese, "comune.malnate.va.it");
    assert_eq!(by_zone, fs::read_to_string(root().join("tests/golden/zones/comune.malnate.va.it.zone")).unwrap());
    assert_eq!(export(&varese, "COMUNE.malnate.va.it."), by_zone);
    assert_eq!(export(&varese, "Malnate"), by_zone);
    assert!(export(&varese, "vedano-olona").starts_with("; Zone cloud.comune.vedano-olona.va.it.\n"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    let output = comuni(&varese, &["dns", "export", "malnate", "--output", file.to_str().unwrap()]);
    assert_eq!(said(&output).1, "");
    assert_eq!(fs::read_to_string(file).unwrap(), by_zone);
    let (_, json, _) = said(&comuni(&varese, &["--format", "json", "dns", "export", "malnate"]));
    assert!(json.lines().nth(1).unwrap().contains("comune.malnate.va.it. 3600 SOA "), "{json}");
}

#[test]
fn what_we_do_not_serve_is_wrong_usage_with_near_names() {
    let varese = root().join("inventories/varese");
    for (zone, part) in [
        ("comune.malnata.va.it", "did you mean comune.malnate.va.it?"),
        ("varese", "`comuni dns records varese`"),
        ("nowhere", "no member has this name"),
    ] {
        let (code, stdout, stderr) = said(&comuni(&varese, &["dns", "export", zone]));
        assert_eq!((code, stdout.as_str()), (64, ""), "{zone}");
        assert!(stderr.contains(part), "{zone}: {stderr}");
    }
}

#[test]
fn a_zone_of_others_comes_in_and_is_served_as_it_was() {
    let folder = copy();
    let file = folder.path().join("varese.zone");
    // The TXT records have two TTLs as they come from the provider: that is put right before.
    fs::write(&file, VARESE.replace("  TXT \"google", "  3600 TXT \"google")).unwrap();
    let arguments = ["dns", "import", "comune.varese.it", file.to_str().unwrap()];
    let member = folder.path().join("members/varese.yml");
    let before = fs::read_to_string(&member).unwrap();

    let (code, shown, stderr) = said(&comuni(folder.path(), &arguments));
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read_to_string(&member).unwrap(), before, "without --write nothing is written");
    for left in [
        "SOA ns.provider.example.",
        "NS ns2.provider.example.",
        "albo.comune.varese.it. 3600 A 192.0.2.9: it is a tenant's",
    ] {
        assert!(stderr.contains(left), "{left}: {stderr}");
    }

    let (code, written, stderr) = said(&comuni(folder.path(), &[&arguments[..], &["--write"]].concat()));
    assert_eq!((code, &written), (0, &shown), "{stderr}");
    let after = fs::read_to_string(&member).unwrap();
    assert!(after.contains(&shown) && after.starts_with("# yaml-language-server"), "{after}");
    assert!(after.contains("placement: { application: app1, database: db1 }"), "the rest of the file stays: {after}");
    assert_eq!(
        shown,
        "domain:
  zone: comune.varese.it
  mode: primary
  site: { addresses: [\"192.0.2.7\"], www: true }
  mail:
    exchangers:
      - { preference: 10, host: mail.comune.varese.it }
    spf: \"v=spf1 mx include:spf.provider.example -all\"
    dmarc: \"v=DMARC1; p=reject\"
    dkim:
      \"k1\": \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"
  pec:
    exchangers:
      - { preference: 10, host: mx.pec.example }
  issuers: []
  records:
    - { name: \"@\", type: TXT, values: [\"google-site-verification=abc\"] }
    - { name: \"mail\", type: A, values: [\"192.0.2.8\"] }
    - { name: \"sportello\", type: CNAME, values: [www.comune.varese.it.], ttl: 86400 }
"
    );
    assert_eq!(
        own(&export(folder.path(), "comune.varese.it")),
        [
            "comune.varese.it. 3600 A 192.0.2.7",
            "comune.varese.it. 3600 MX 10 mail.comune.varese.it.",
            "comune.varese.it. 3600 TXT \"google-site-verification=abc\"",
            "comune.varese.it. 3600 TXT \"v=spf1 mx include:spf.provider.example -all\"",
            "_dmarc.comune.varese.it. 3600 TXT \"v=DMARC1; p=reject\"",
            "k1._domainkey.comune.varese.it. 3600 TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"",
            "mail.comune.varese.it. 3600 A 192.0.2.8",
            "pec.comune.varese.it. 3600 MX 10 mx.pec.example.",
            "sportello.comune.varese.it. 86400 CNAME www.comune.varese.it.",
            "www.comune.varese.it. 3600 CNAME comune.varese.it.",
        ]
    );
}

#[test]
fn what_breaks_rules_is_written_and_told_with_its_place() {
    let folder = copy();
    let file = folder.path().join("varese.zone");
    fs::write(&file, VARESE).unwrap();
    let arguments = ["dns", "import", "comune.varese.it", file.to_str().unwrap(), "--write"];
    let (code, _, stderr) = said(&comuni(folder.path(), &arguments));
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains("(DNS-TTL-DIFFERS)") && stderr.contains("members/varese.yml"), "{stderr}");
    assert!(stderr.contains("write waivers for them"), "{stderr}");
}

#[test]
fn what_cannot_be_taken_is_refused_and_nothing_is_written() {
    let folder = copy();
    let file = folder.path().join("a.zone");
    let member = folder.path().join("members/varese.yml");
    let before = fs::read_to_string(&member).unwrap();
    for (text, zone, code, parts) in [
        (
            "$TTL 1h\n@ SOA a. b. 1 2 3 4 5\nwww A 192.0.2.300\n",
            "comune.varese.it",
            65,
            &["a.zone:3:1", "(DNS-SYNTAX)"][..],
        ),
        ("$TTL 1h\nwww A 192.0.2.3\n", "comune.varese.it", 65, &["no SOA of comune.varese.it."]),
        (VARESE, "comune.varesse.it", 64, &["no member has the zone", "did you mean comune.varese.it?"]),
        (VARESE, "a..b", 64, &["is no name of a zone"]),
    ] {
        fs::write(&file, text).unwrap();
        let output = comuni(folder.path(), &["dns", "import", zone, file.to_str().unwrap(), "--write"]);
        let (exit, stdout, stderr) = said(&output);
        assert_eq!((exit, stdout.as_str()), (code, ""), "{stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{parts:?}: {stderr}");
    }
    // A file of an inventory that is only included is not written.
    let lab = tempfile::tempdir().unwrap();
    fs::write(lab.path().join("consortium.yml"), format!("include: {}\n", folder.path().display())).unwrap();
    fs::write(&file, VARESE).unwrap();
    let output = comuni(lab.path(), &["dns", "import", "comune.varese.it", file.to_str().unwrap(), "--write"]);
    let (exit, _, stderr) = said(&output);
    assert_eq!(exit, 64, "{stderr}");
    assert!(stderr.contains("lies in an inventory that is included"), "{stderr}");
    assert_eq!(fs::read_to_string(&member).unwrap(), before);
}
