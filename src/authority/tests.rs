use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::failure::Kind;
use crate::inventory::types::Consortium;
use crate::resources::Certificate;
use crate::secrets::example;

const INSIDE: &str = "albo.lozza.va.example";
const NOW: i64 = 1_800_000_000;

fn consortium() -> Consortium {
    example::consortium(&[], None)
}

fn wanted(authority: &str, names: &[&str]) -> Certificate {
    Certificate {
        path: "/etc/comuni/tenants/c_e707-albo/certificate.pem".to_string(),
        key: "/etc/comuni/tenants/c_e707-albo/key.pem".to_string(),
        names: names.iter().map(|name| name.to_string()).collect(),
        owner: "root".to_string(),
        group: "www-data".to_string(),
        key_mode: 0o640,
        lifetime_days: 90,
        renew_days: 30,
        authority: fingerprint(authority).unwrap(),
        notify: None,
    }
}

/// A request that asks for more than it will get.
fn request(names: &[&str]) -> (KeyPair, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    (key, pem)
}

fn parsed<R>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> R) -> R {
    let der = first_certificate(pem).unwrap();
    look(&X509Certificate::from_der(&der).unwrap().1)
}

#[test]
fn an_authority_is_limited_to_its_domains_and_has_nothing_below_it() {
    let (certificate, key) = make(&consortium()).unwrap();
    check_key(&key).unwrap();
    parsed(&certificate, |authority| {
        let basic = authority.basic_constraints().unwrap().unwrap();
        assert!(basic.value.ca && basic.critical);
        assert_eq!(basic.value.path_len_constraint, Some(0));
        let usage = authority.key_usage().unwrap().unwrap().value;
        assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
        assert!(authority.name_constraints().unwrap().unwrap().critical);
        let years =
            (authority.validity().not_after.timestamp() - authority.validity().not_before.timestamp()) / 31_557_600;
        assert_eq!(years, 10);
        assert_eq!(authority.subject().to_string(), "CN=Comuni in cloud, O=Provincia di Varese");
    });
}

#[test]
fn an_authority_without_limits_or_with_senseless_ones_is_not_made() {
    for permitted in [vec![], vec!["*.va.example"], vec![".va.example"], vec!["va example"], vec![""]] {
        let mut consortium = consortium();
        consortium.authority.permitted = permitted.iter().map(|domain| domain.to_string()).collect();
        assert_eq!(make(&consortium).unwrap_err().kind, Kind::Inventory, "{permitted:?}");
    }
}

#[test]
fn a_leaf_has_what_the_catalog_says_and_only_the_key_of_the_request() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let (host_key, request) = request(&["www.example", "evil.va.example"]);
    let names = [INSIDE, "www.albo.lozza.va.example"];
    let signed = signer.sign_at(&wanted(&authority, &names), &request, NOW).unwrap();

    assert_eq!(signed.certificate.matches(BEGIN).count(), 1, "the root is in the hosts' bundle");
    assert_eq!(signed.not_after, NOW + 90 * 86_400);
    parsed(&signed.certificate, |leaf| {
        assert_eq!(leaf.public_key().subject_public_key.data.as_ref(), host_key.public_key_raw());
        assert_eq!(leaf.subject().to_string(), format!("CN={INSIDE}"));
        assert_eq!(leaf.validity().not_before.timestamp(), NOW - 300);
        assert_eq!(leaf.validity().not_after.timestamp(), signed.not_after);
        let alternative = leaf.subject_alternative_name().unwrap().unwrap().value;
        let found: Vec<String> = alternative.general_names.iter().map(|name| name.to_string()).collect();
        assert_eq!(found, names.map(|name| format!("DNSName({name})")));
        assert!(!leaf.is_ca());
        let usage = leaf.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && !usage.key_cert_sign() && !usage.key_encipherment());
        let extended = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && !extended.client_auth && !extended.any);
    });
}

#[test]
fn serial_numbers_are_random() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let (_, request) = request(&[INSIDE]);
    let serial = || {
        let signed = signer.sign(&wanted(&authority, &[INSIDE]), &request).unwrap();
        parsed(&signed.certificate, |leaf| leaf.serial.to_bytes_be())
    };
    let (one, two) = (serial(), serial());
    assert_ne!(one, two);
    assert_eq!(one.len(), 16);
}

#[test]
fn names_outside_the_limits_are_refused_with_the_limits() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let (_, request) = request(&[INSIDE]);
    for names in [vec!["www.example"], vec![INSIDE, "va.example.it"], vec!["altrova.example"]] {
        let failure = signer.sign(&wanted(&authority, &names), &request).unwrap_err();
        assert!(failure.message.contains("outside"), "{failure}");
        assert!(failure.hints[0].contains("va.example"));
    }
    for names in [vec![], vec!["*.va.example"], vec!["a..va.example"]] {
        assert!(signer.sign(&wanted(&authority, &names), &request).is_err(), "{names:?}");
    }
}

#[test]
fn a_catalog_for_another_authority_is_not_signed() {
    let (authority, key) = make(&consortium()).unwrap();
    let (other, _) = make(&consortium()).unwrap();
    let (_, request) = request(&[INSIDE]);
    let signer = Signer::new(&authority, &key).unwrap();
    assert!(signer.sign(&wanted(&other, &[INSIDE]), &request).unwrap_err().message.contains("another authority"));
}

#[test]
fn certificate_and_key_of_two_authorities_make_no_signer() {
    let (authority, key) = make(&consortium()).unwrap();
    let (other, other_key) = make(&consortium()).unwrap();
    assert!(Signer::new(&authority, &other_key).unwrap_err().message.contains("does not belong"));
    assert!(Signer::new("", &key).is_err());
    assert!(Signer::new(&authority, "poison").is_err());
    Signer::new(&format!("{authority}{other}"), &key).expect("the first certificate of a bundle signs");
    assert!(Signer::new(&format!("{other}{authority}"), &key).is_err());
}

#[test]
fn a_certificate_that_is_no_limited_authority_makes_no_signer() {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default().self_signed(&key).unwrap().pem();
    assert!(Signer::new(&leaf, &key.serialize_pem()).unwrap_err().message.contains("not that of an authority"));
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let unlimited = params.self_signed(&key).unwrap().pem();
    assert!(Signer::new(&unlimited, &key.serialize_pem()).unwrap_err().message.contains("not limited"));
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let (_, good) = request(&[INSIDE]);
    let body: String = good.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut der = BASE64_STANDARD.decode(body).unwrap();
    let last = der.len() - 1;
    der[last] ^= 1;
    let forged = BASE64_STANDARD.encode(&der);
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let other_curve = CertificateParams::default().serialize_request(&p384).unwrap().pem().unwrap();
    for (request, why) in [
        ("", "damaged"),
        ("?", "not PEM"),
        ("AAAA", "damaged"),
        (forged.as_str(), "not signed with its own key"),
        (other_curve.as_str(), "not for a P-256 key"),
    ] {
        let failure = signer.sign(&wanted(&authority, &[INSIDE]), request).unwrap_err();
        assert!(failure.message.contains(why), "{failure}");
    }
}

#[test]
fn no_leaf_outlives_the_authority_and_an_expired_one_signs_nothing() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let end = parsed(&authority, |authority| authority.validity().not_after.timestamp());
    let (_, request) = request(&[INSIDE]);
    let late = signer.sign_at(&wanted(&authority, &[INSIDE]), &request, end - 86_400).unwrap();
    assert_eq!(late.not_after, end);
    let expired = signer.sign_at(&wanted(&authority, &[INSIDE]), &request, end).unwrap_err();
    assert!(expired.message.contains("expired"));
}

#[test]
fn a_name_too_long_for_a_common_name_still_gets_its_certificate() {
    let (authority, key) = make(&consortium()).unwrap();
    let signer = Signer::new(&authority, &key).unwrap();
    let long = format!("{}.{}.va.example", "a".repeat(60), "b".repeat(60));
    let (_, request) = request(&[INSIDE]);
    let signed = signer.sign(&wanted(&authority, &[&long]), &request).unwrap();
    parsed(&signed.certificate, |leaf| assert_eq!(leaf.subject().to_string(), "O=Comuni in cloud"));
}

#[test]
fn the_fingerprint_is_that_of_the_first_certificate() {
    let (one, _) = make(&consortium()).unwrap();
    let (two, _) = make(&consortium()).unwrap();
    assert_eq!(fingerprint(&format!("# said by anna\n{one}{two}")).unwrap(), fingerprint(&one).unwrap());
    assert_ne!(fingerprint(&one).unwrap(), fingerprint(&two).unwrap());
    for nothing in ["", BEGIN, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"] {
        assert_eq!(fingerprint(nothing).unwrap_err().kind, Kind::Inventory);
    }
}

#[test]
fn nothing_prints_the_key() {
    let (authority, key) = make(&consortium()).unwrap();
    let middle = key.lines().nth(1).unwrap();
    assert!(!format!("{:?}", Signer::new(&authority, &key).unwrap()).contains(middle));
    let failure = Signer::new(&authority, &key.replacen("MIG", "MIF", 1)).unwrap_err();
    assert!(!format!("{failure:?}").contains(middle));
}

/// What other people's software says to it.
mod openssl {
    use super::*;

    fn run(folder: &Path, arguments: &[&str]) -> Output {
        Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl")
    }

    fn text(output: &Output) -> String {
        String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
    }

    fn there() -> bool {
        Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
    }

    #[test]
    fn openssl_agrees_on_what_is_inside_and_outside() {
        if !there() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (authority, key) = make(&consortium()).unwrap();
        let (older, _) = make(&consortium()).unwrap();
        fs::write(at("authority.pem"), &authority).unwrap();
        fs::write(at("bundle.pem"), format!("{older}{authority}")).unwrap();

        let asked =
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=x -out request.pem";
        let made = run(folder.path(), &asked.split(' ').collect::<Vec<_>>());
        assert!(made.status.success(), "{}", text(&made));
        let request = fs::read_to_string(at("request.pem")).unwrap();
        let signer = Signer::new(&authority, &key).unwrap();
        fs::write(at("inside.pem"), signer.sign(&wanted(&authority, &[INSIDE]), &request).unwrap().certificate)
            .unwrap();

        for bundle in ["authority.pem", "bundle.pem"] {
            let verified = run(
                folder.path(),
                &[
                    "verify",
                    "-x509_strict",
                    "-purpose",
                    "sslserver",
                    "-verify_hostname",
                    INSIDE,
                    "-CAfile",
                    bundle,
                    "inside.pem",
                ],
            );
            assert!(verified.status.success(), "{}", text(&verified));
        }

        // Signed past our own checks, as a thief of the key would.
        let outside = "albo.lozza.example";
        let issuer = rcgen::Issuer::from_ca_cert_pem(&authority, read_key(&key).unwrap()).unwrap();
        let host = KeyPair::generate().unwrap();
        let stolen = CertificateParams::new(vec![outside.to_string()]).unwrap().signed_by(&host, &issuer).unwrap();
        fs::write(at("outside.pem"), stolen.pem()).unwrap();
        let refused = run(folder.path(), &["verify", "-CAfile", "authority.pem", "outside.pem"]);
        assert!(!refused.status.success());
        assert!(text(&refused).contains("permitted subtree violation"), "{}", text(&refused));
        for address in ["192.0.2.1", "2001:db8::1"] {
            let stolen = CertificateParams::new(vec![address.to_string()]).unwrap().signed_by(&host, &issuer).unwrap();
            fs::write(at("address.pem"), stolen.pem()).unwrap();
            let refused = run(folder.path(), &["verify", "-CAfile", "authority.pem", "address.pem"]);
            assert!(!refused.status.success(), "{address}");
            assert!(text(&refused).contains("excluded subtree violation"), "{}", text(&refused));
        }
    }

    #[test]
    fn openssl_reads_a_p256_key_and_the_same_fingerprint() {
        if !there() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (authority, key) = make(&consortium()).unwrap();
        fs::write(folder.path().join("key.pem"), key.as_bytes()).unwrap();
        fs::write(folder.path().join("authority.pem"), &authority).unwrap();
        let shown = run(folder.path(), &["pkey", "-in", "key.pem", "-noout", "-text"]);
        assert!(text(&shown).contains("prime256v1"), "{}", text(&shown));
        let shown = run(folder.path(), &["x509", "-in", "authority.pem", "-noout", "-fingerprint", "-sha256"]);
        let theirs = text(&shown).trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
        assert_eq!(fingerprint(&authority).unwrap(), theirs);
    }
}
