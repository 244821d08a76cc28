//! The look at real servers, whole and broken in every way that it must tell.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::knot::{Knot, Relay, Signing, free_port};
use super::*;
use crate::failure::Kind;

const ZONE: &str = "comune.malnate.va.it";

const TEXT: &str = "\
comune.malnate.va.it. 3600 SOA ns1.comune.malnate.va.it. dns.varese.example. 7 14400 3600 1209600 3600
comune.malnate.va.it. 3600 NS ns1.comune.malnate.va.it.
comune.malnate.va.it. 3600 NS ns2.comune.malnate.va.it.
comune.malnate.va.it. 3600 A 192.0.2.12
comune.malnate.va.it. 3600 MX 0 .
comune.malnate.va.it. 3600 TXT \"v=spf1 -all\"
comune.malnate.va.it. 3600 CAA 0 issue \"letsencrypt.org\"
_dmarc.comune.malnate.va.it. 3600 TXT \"v=DMARC1; p=reject\"
albo.comune.malnate.va.it. 3600 A 192.0.2.12
biblioteca.comune.malnate.va.it. 3600 NS ns1.biblioteca.comune.malnate.va.it.
ns1.biblioteca.comune.malnate.va.it. 3600 A 192.0.2.77
ns1.comune.malnate.va.it. 3600 A 127.0.0.1
ns2.comune.malnate.va.it. 3600 A 127.0.0.2
pec.comune.malnate.va.it. 3600 MX 10 mx.pec.example.
www.comune.malnate.va.it. 3600 CNAME comune.malnate.va.it.
";

const PATIENCE: Patience = Patience { wait: Duration::from_millis(400), tries: 2 };
const TRANSFER: &str = "    acl: anybody\n";
const ANYBODY: &str = "acl:\n  - id: anybody\n    address: 127.0.0.0/8\n    action: transfer\n";
const KEYED: &str = "key:\n  - id: carry\n    algorithm: hmac-sha256\n    secret: c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MDEyMzQ1Njc=\n\
                     acl:\n  - id: anybody\n    key: carry\n    action: transfer\n";

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn records(text: &str) -> Vec<Record> {
    let record = |line: &str| {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let kind: RecordType = words[2].parse().unwrap();
        let data = RData::try_from_str(kind, words[3]).unwrap();
        Record::from_rdata(Name::from_ascii(words[0]).unwrap(), words[1].parse().unwrap(), data)
    };
    text.lines().map(record).collect()
}

fn wanted(servers: &[SocketAddr]) -> Wanted {
    let server = |(place, address): (usize, &SocketAddr)| NameServer {
        name: name(&format!("ns{}.{ZONE}", place + 1)),
        addresses: vec![*address],
    };
    Wanted {
        zone: name(ZONE),
        owner: "c_e863".to_string(),
        service: Service::Ours,
        records: records(TEXT),
        servers: servers.iter().enumerate().map(server).collect(),
        pec: Some(name(&format!("pec.{ZONE}"))),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn known<'a>() -> Known<'a> {
    Known { delegation: None, remembered: &[], now: now() }
}

fn signing(ip: &str) -> Knot {
    Knot::start(ip, ZONE, TEXT, Signing::On, "", "")
}

/// A signing server that hands out its zone, and another that serves what the first does, changed.
fn pair(change: impl Fn(&str) -> String) -> (Knot, Knot) {
    let first = Knot::start("127.0.0.1", ZONE, TEXT, Signing::On, TRANSFER, ANYBODY);
    let copy = Knot::start("127.0.0.2", ZONE, &change(&first.served(ZONE)), Signing::Off, "", "");
    (first, copy)
}

fn checked(wanted: &Wanted, known: Known) -> Verdict {
    judge(wanted, &look(wanted, PATIENCE), known)
}

fn without(text: &str, start: &str) -> String {
    text.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\n")).collect()
}

/// The only finding of its kind.
#[track_caller]
fn finding(verdict: &Verdict, trouble: Trouble) -> Finding {
    let found: Vec<_> = verdict.findings.iter().filter(|finding| finding.trouble == trouble).collect();
    assert_eq!(found.len(), 1, "{trouble:?} in {:#?}", verdict.findings);
    found[0].clone()
}

fn troubles(verdict: &Verdict) -> Vec<Trouble> {
    verdict.findings.iter().map(|finding| finding.trouble).collect()
}

#[test]
fn two_servers_with_the_same_signed_zone_are_well() {
    let (first, copy) = pair(str::to_string);
    let mut wanted = wanted(&[first.address, copy.address]);
    let verdict = checked(&wanted, known());
    // The harness needs the transfer; nothing else may be told.
    assert_eq!(troubles(&verdict), [Trouble::OpenTransfer], "{:#?}", verdict.findings);
    assert_eq!(finding(&verdict, Trouble::OpenTransfer).places, [format!("ns1.{ZONE} ({})", first.address)]);
    assert_eq!(verdict.chain, Some(true));
    assert_eq!((verdict.drift, verdict.pec, verdict.answered), (0, Some(true), true));
    assert_eq!(verdict.ds.len(), 1);
    let days = (verdict.signed_until.unwrap() - now()) / 86400;
    assert!((12..=14).contains(&days), "{days}");

    wanted.servers.truncate(1);
    wanted.records.retain(|record| record.record_type() != RecordType::CAA);
    let unexpected = finding(&checked(&wanted, known()), Trouble::Unexpected);
    assert_eq!(unexpected.what, "comune.malnate.va.it CAA is served");
}

#[test]
fn a_server_that_is_dead_silent_or_without_tcp_is_told_apart() {
    let server = signing("127.0.0.1");
    let dead = SocketAddr::new("127.0.0.2".parse().unwrap(), free_port("127.0.0.2".parse().unwrap()));
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = Relay::start(server.address, |message| message);
    for (address, over_udp, over_tcp) in [
        (dead, Some("nothing listens there"), Some("nothing listens there")),
        (silent.local_addr().unwrap(), Some("no answer within 0.4 s"), Some("nothing listens there")),
        (relay.address, None, Some("nothing listens there")),
    ] {
        let verdict = checked(&wanted(&[server.address, address]), known());
        let mut told: Vec<(&str, bool)> = verdict
            .findings
            .iter()
            .filter(|finding| finding.trouble == Trouble::NoAnswer)
            .map(|finding| (finding.what.as_str(), finding.places[0].ends_with("over TCP")))
            .collect();
        told.sort();
        let both = over_udp == over_tcp;
        let mut expected: Vec<(&str, bool)> = over_udp.map(|why| (why, false)).into_iter().collect();
        expected.extend(over_tcp.filter(|_| !both).map(|why| (why, true)));
        expected.sort();
        assert_eq!(told, expected);
        assert_eq!(verdict.kind(), Some(Kind::Damage));
        assert_eq!(verdict.chain, Some(true), "the other server proves the zone");
    }
}

#[test]
fn when_nobody_answers_anywhere_nothing_is_concluded_and_when_another_zone_is_answered_it_is_damage() {
    let dead = SocketAddr::new("127.0.0.1".parse().unwrap(), free_port("127.0.0.1".parse().unwrap()));
    let gone = checked(&wanted(&[dead]), known());
    assert!(!gone.answered);
    assert_eq!((gone.drift, gone.pec, gone.chain), (records(TEXT).len() - 1, Some(false), Some(false)));

    let mut alone = gone.clone();
    nobody_answers(&mut [&mut alone]);
    assert_eq!(alone.kind(), Some(Kind::Inconclusive));

    let server = signing("127.0.0.1");
    let (mut gone, mut well) = (gone, checked(&wanted(&[server.address]), known()));
    nobody_answers(&mut [&mut gone, &mut well]);
    assert_eq!((gone.kind(), well.kind()), (Some(Kind::Damage), None), "{:?}", well.findings);
}

#[test]
fn a_server_without_the_zone_is_lame() {
    let server = signing("127.0.0.1");
    let other =
        Knot::start("127.0.0.2", "example.", "@ 3600 SOA a. b. 1 2 3 4 5\n@ 3600 NS a.\n", Signing::Off, "", "");
    let verdict = checked(&wanted(&[server.address, other.address]), known());
    assert_eq!(troubles(&verdict), [Trouble::Lame]);
    let lame = finding(&verdict, Trouble::Lame);
    assert!(lame.what.contains("Query Refused"), "{lame:?}");
    assert_eq!(lame.places, [format!("ns2.{ZONE} ({})", other.address)]);
}

#[test]
fn an_answer_without_authority_is_lame_even_when_it_is_right() {
    let server = signing("127.0.0.1");
    let cache = Relay::start(server.address, |mut message| {
        message.metadata.authoritative = false;
        message
    });
    let verdict = checked(&wanted(&[server.address, cache.address]), known());
    assert!(finding(&verdict, Trouble::Lame).what.contains("without authority"));
}

#[test]
fn an_empty_answer_is_never_a_good_one() {
    let server = signing("127.0.0.1");
    let empty = Relay::start(server.address, |mut message| {
        message.answers.clear();
        message
    });
    let verdict = checked(&wanted(&[empty.address]), known());
    assert!(finding(&verdict, Trouble::Lame).what.contains("without a SOA record"));
    assert_eq!((verdict.drift, verdict.chain, verdict.pec), (records(TEXT).len() - 1, Some(false), Some(false)));
}

#[test]
fn a_secondary_that_fell_behind_and_lacks_a_record_is_told_with_both() {
    let (first, copy) = pair(|text| without(text, "albo."));
    first.reload(ZONE, &TEXT.replace("1209600", "1209601").replace(" 7 14400", " 9 14400"));
    let mut wanted = wanted(&[first.address, copy.address]);
    wanted.records = records(&TEXT.replace("1209600", "1209601"));
    let verdict = checked(&wanted, known());
    let place = vec![format!("ns2.{ZONE} ({})", copy.address)];
    let old = finding(&verdict, Trouble::OldSerial);
    assert_eq!((&old.places, old.trouble.kind()), (&place, Some(Kind::Stale)));
    let missing = finding(&verdict, Trouble::Missing);
    assert_eq!(
        (missing.what.as_str(), &missing.places),
        ("albo.comune.malnate.va.it A does not exist; wanted: 192.0.2.12", &place)
    );
    assert!(finding(&verdict, Trouble::Differs).what.contains("SOA"));
    assert_eq!(verdict.drift, 2);
    assert_eq!(verdict.kind(), Some(Kind::Damage), "the worse of both");
}

#[test]
fn what_is_served_otherwise_or_beyond_the_inventory_is_told_once_for_all_servers() {
    let text = TEXT
        .replace("albo.comune.malnate.va.it. 3600 A 192.0.2.12", "albo.comune.malnate.va.it. 3600 A 192.0.2.99")
        .replace("www.comune.malnate.va.it. 3600", "www.comune.malnate.va.it. 60")
        .replace("mx.pec.example.", "mx.other.example.")
        + "vecchio.comune.malnate.va.it. 3600 A 192.0.2.50\n";
    let server = Knot::start("127.0.0.1", ZONE, &text, Signing::On, "", "");
    let verdict = checked(&wanted(&[server.address]), known());
    let said: Vec<&str> = verdict.findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "albo.comune.malnate.va.it A is 192.0.2.99; wanted: 192.0.2.12",
            "www.comune.malnate.va.it CNAME has TTL 60; wanted: 3600",
            "vecchio.comune.malnate.va.it A is served",
            "pec.comune.malnate.va.it MX is 10 mx.other.example.; wanted: 10 mx.pec.example.",
        ]
    );
    assert_eq!((verdict.drift, verdict.pec, verdict.kind()), (4, Some(false), Some(Kind::Damage)));
}

#[test]
fn signatures_that_end_soon_are_stale_and_ended_ones_are_damage() {
    let server = signing("127.0.0.1");
    let wanted = wanted(&[server.address]);
    let seen = look(&wanted, PATIENCE);
    let at = |days: i64| judge(&wanted, &seen, Known { now: now() + days * 86400, ..known() });
    assert_eq!(at(8).kind(), None);
    let soon = at(10);
    assert_eq!(
        (troubles(&soon), soon.kind(), soon.chain),
        (vec![Trouble::SignatureEnds], Some(Kind::Stale), Some(true))
    );
    let ended = at(15);
    assert_eq!((ended.kind(), ended.chain), (Some(Kind::Damage), Some(false)));
    assert!(ended.findings.iter().all(|finding| finding.what.contains("its signature expired on ")), "{ended:?}");
    assert!(at(-2).findings[0].what.contains("the clocks differ"));
}

#[test]
fn a_changed_record_a_missing_signature_and_a_gap_in_the_chain_of_names_are_told() {
    let (first, copy) = pair(|text| {
        let spoilt = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let has = |kinds: &[&str]| words.windows(kinds.len()).any(|window| window == kinds);
            line.starts_with("_dmarc.") && (has(&["RRSIG", "TXT"]) || has(&["NSEC", "albo.comune.malnate.va.it."]))
        };
        let kept = text.lines().filter(|line| !spoilt(line));
        kept.map(|line| line.replace("192.0.2.12", "192.0.2.13") + "\n").collect()
    });
    let verdict = checked(&wanted(&[first.address, copy.address]), known());
    let bad: Vec<&str> = verdict
        .findings
        .iter()
        .filter(|finding| finding.trouble == Trouble::BadSignature)
        .map(|finding| finding.what.as_str())
        .collect();
    assert_eq!(
        bad,
        [
            "_dmarc.comune.malnate.va.it TXT: it has no signature",
            "albo.comune.malnate.va.it A: its signature does not fit what is served",
            "comune.malnate.va.it A: its signature does not fit what is served",
            "the chain of its names (NSEC) does not lead around the zone: what else it serves is not seen",
        ]
    );
    assert_eq!(verdict.chain, Some(false));
}

#[test]
fn a_zone_without_keys_and_servers_with_different_keys_are_told() {
    let unsigned = Knot::start("127.0.0.1", ZONE, TEXT, Signing::Off, "", "");
    let verdict = checked(&wanted(&[unsigned.address]), known());
    assert_eq!((troubles(&verdict), verdict.chain), (vec![Trouble::Unsigned], Some(false)));

    let (first, rebuilt) = (signing("127.0.0.1"), signing("127.0.0.2"));
    let verdict = checked(&wanted(&[first.address, rebuilt.address]), known());
    assert_eq!(troubles(&verdict), [Trouble::KeysDiffer; 2]);
    assert_eq!(verdict.chain, Some(false));
}

#[test]
fn keys_that_are_not_those_seen_before_are_told() {
    let server = signing("127.0.0.1");
    let wanted = wanted(&[server.address]);
    let seen = look(&wanted, PATIENCE);
    let ds = judge(&wanted, &seen, known()).ds;
    assert_eq!(judge(&wanted, &seen, Known { remembered: &ds, ..known() }).kind(), None);
    let others = ["1 13 2 AB".to_string()];
    let verdict = judge(&wanted, &seen, Known { remembered: &others, ..known() });
    assert_eq!((troubles(&verdict), verdict.chain), (vec![Trouble::KeysChanged], Some(false)));
    // As the server itself says it.
    let keys = server.dig(&[ZONE, "CDS", "+short"]);
    assert_eq!(keys.trim().to_uppercase().replace(' ', ""), ds[0].replace(' ', ""));
}

#[test]
fn what_the_parent_says_is_compared() {
    let server = signing("127.0.0.1");
    let wanted = wanted(&[server.address, server.address]);
    let seen = look(&wanted, PATIENCE);
    let ds = judge(&wanted, &seen, known()).ds[0].clone();
    let parent = |lines: &str| {
        let text = format!("@ 3600 SOA a.va.it. b. 1 2 3 4 5\n@ 3600 NS a.va.it.\na.va.it. 3600 A 127.0.0.3\n{lines}");
        let parent = Knot::start("127.0.0.3", "va.it", &text, Signing::Off, "", "");
        let delegation = delegation(&wanted.zone, Way::Parent(parent.address), PATIENCE);
        judge(&wanted, &seen, Known { delegation: Some(&delegation), ..known() })
    };
    let servers = format!("{ZONE}. 3600 NS ns1.{ZONE}.\n{ZONE}. 3600 NS ns2.{ZONE}.\nns1.{ZONE}. 3600 A 127.0.0.1\n");
    let well = parent(&format!("{servers}ns2.{ZONE}. 3600 A 127.0.0.1\n{ZONE}. 3600 DS {ds}\n"));
    assert_eq!((troubles(&well), well.chain), (vec![], Some(true)));

    let without_ds = parent(&format!("{servers}ns2.{ZONE}. 3600 A 127.0.0.1\n"));
    assert_eq!((troubles(&without_ds), without_ds.kind()), (vec![Trouble::NoDs], None));
    assert!(without_ds.findings[0].what.contains(&ds));

    let digest = "AB".repeat(32);
    let wrong = parent(&format!("{servers}ns2.{ZONE}. 3600 A 127.0.0.9\n{ZONE}. 3600 DS 1 13 2 {digest}\n"));
    assert_eq!((troubles(&wrong), wrong.chain), (vec![Trouble::ChainBroken, Trouble::Glue], Some(false)));

    let moved = parent(&format!(
        "{ZONE}. 3600 NS ns1.{ZONE}.\n{ZONE}. 3600 NS dns.other.example.\nns1.{ZONE}. 3600 A 127.0.0.1\n"
    ));
    let told = finding(&moved, Trouble::Delegation).what;
    assert!(told.contains(&format!("names dns.other.example, ns1.{ZONE}; ours are ns1.{ZONE}, ns2.{ZONE}")), "{told}");

    let none = parent("");
    assert_eq!((troubles(&none), none.kind()), (vec![Trouble::NoDelegation], Some(Kind::Inconclusive)));
}

#[test]
fn a_resolver_leads_to_the_parent_and_to_others_servers() {
    // It answers for the whole way down, as a resolver does.
    let text = "@ 3600 SOA a. b. 1 2 3 4 5\n@ 3600 NS a.\nva.it. 3600 NS a.va.it.\na.va.it. 3600 A 127.0.0.3\n";
    let resolver = Knot::start("127.0.0.3", ".", text, Signing::Off, "", "");
    let servers = servers_of(&Name::root(), resolver.address, PATIENCE);
    assert!(servers.unwrap_err().contains("knows no name server"), "the root's server has no address there");
    let refused = delegation(&name(ZONE), Way::Resolver(SocketAddr::from(([127, 0, 0, 1], 1))), PATIENCE);
    assert!(refused.unwrap_err().contains("the resolver 127.0.0.1:1: nothing listens there"));
}

#[test]
fn a_server_that_looks_up_foreign_names_is_told() {
    let server = signing("127.0.0.1");
    let open = Relay::start(server.address, |mut message| {
        if message.queries[0].name().is_root() {
            message.metadata.recursion_available = true;
            message.metadata.response_code = ResponseCode::NoError;
            message.answers = records(". 3600 NS a.root-servers.net.");
        }
        message
    });
    let verdict = checked(&wanted(&[open.address]), known());
    assert!(troubles(&verdict).contains(&Trouble::OpenRecursion));
}

#[test]
fn a_zone_is_transferred_with_its_key_and_not_without() {
    let server = Knot::start("127.0.0.1", ZONE, TEXT, Signing::On, TRANSFER, KEYED);
    let key = Key::parse("hmac-sha256:carry:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MDEyMzQ1Njc=").unwrap();
    let moved = transfer(server.address, &name(ZONE), Some(&key), PATIENCE).unwrap();
    let plain: Vec<_> = records(TEXT).iter().map(|record| (record.name.clone(), record.record_type())).collect();
    assert!(plain.iter().all(|set| moved.iter().any(|record| (record.name.clone(), record.record_type()) == *set)));
    assert_eq!(moved.iter().filter(|record| record.record_type() == RecordType::SOA).count(), 1);

    // An empty answer with NOTAUTH or REFUSED is no empty zone.
    for key in [None, Some(Key::parse("carry:d3Jvbmc=").unwrap()), Some(Key::parse("other:d3Jvbmc=").unwrap())] {
        let failure = transfer(server.address, &name(ZONE), key.as_ref(), PATIENCE).unwrap_err();
        assert!(failure.message.contains("it answers Not authorized"), "{failure:?}");
    }
    assert!(transfer(server.address, &name("example"), Some(&key), PATIENCE).is_err());
    assert!(!format!("{key:?}").contains("c2Vj"));
}

#[test]
fn a_key_that_is_none_is_refused_without_its_secret() {
    for text in ["secret", "hmac-md5:a:c2VjcmV0", "hmac-sha256:a:secret!", "a:b:c:d"] {
        let failure = Key::parse(text).unwrap_err();
        assert_eq!(failure.kind, Kind::Usage);
        assert!(!failure.message.contains("secret!"), "{failure:?}");
    }
}

#[test]
fn others_zones_need_hold_only_what_is_needed_under_any_ttl() {
    let server = Knot::start("127.0.0.1", ZONE, TEXT, Signing::Off, "", "");
    let mut wanted = wanted(&[server.address]);
    wanted.service = Service::Others;
    wanted.records =
        records("albo.comune.malnate.va.it. 300 A 192.0.2.12\nwww.comune.malnate.va.it. 300 A 192.0.2.12\n");
    let well = checked(&wanted, known());
    assert_eq!((well.kind(), well.drift, well.chain), (None, 0, None), "{:?}", well.findings);
    wanted.records =
        records("albo.comune.malnate.va.it. 300 A 192.0.2.14\nsportello.comune.malnate.va.it. 300 A 192.0.2.12\n");
    let wrong = checked(&wanted, known());
    assert_eq!(troubles(&wrong), [Trouble::Missing, Trouble::Differs]);
}

#[test]
fn metrics_have_every_zone_also_the_silent_one() {
    let server = signing("127.0.0.1");
    let dead = SocketAddr::new("127.0.0.1".parse().unwrap(), free_port("127.0.0.1".parse().unwrap()));
    let (well, gone) = (wanted(&[server.address]), wanted(&[dead]));
    let zones: Vec<_> = [&well, &gone].map(|wanted| (wanted, look(wanted, PATIENCE))).into_iter().collect();
    let verdicts: Vec<_> = zones.iter().map(|(wanted, seen)| judge(wanted, seen, known())).collect();
    for ((wanted, seen), verdict) in zones.iter().zip(&verdicts) {
        let page = textfile(&[Measured { wanted, seen, verdict }], 1_764_000_000);
        let value = |metric: &str| {
            let line = page
                .lines()
                .find(|line| line.starts_with(&format!("{metric}{{")))
                .unwrap_or_else(|| panic!("no {metric}:\n{page}"));
            line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()
        };
        let fine = i64::from(verdict.answered);
        assert_eq!(value("comune_dns_ok"), fine);
        assert_eq!(value("comune_dns_pec_ok"), fine);
        assert_eq!(value("comune_dnssec_chain_ok"), fine);
        assert_eq!(value("comune_dns_drift_records") == 0, verdict.answered);
        assert_eq!(value("comune_dns_rrsig_expiry_timestamp_seconds") > now(), verdict.answered);
        assert_eq!(value("comune_dns_serial") > 0, verdict.answered);
        assert!(page.contains("comune_dns_check_timestamp_seconds 1764000000\n"));
        assert!(page.contains("comune_dns_pec_ok{comune=\"c_e863\",zone=\"comune.malnate.va.it\"}"));
    }
}

#[test]
fn records_of_the_inventory_travel_and_read_back_as_they_were() {
    let text = format!(
        "@ 3600 SOA ns1 dns\\.posta 0 14400 3600 1209600 3600\n@ NS ns1\n@ A 192.0.2.1\n@ AAAA 2001:db8::1\n@ MX 10 mx\n\
         @ TXT \"v=spf1 -all; \\\"a\\\" \\\\ \\200\" \"{0}\" \"{0}\"\nempty TXT \"\"\n@ CAA 128 issue \"ca.example; a=b\"\nwww CNAME @\n\
         _sip._tcp SRV 1 2 5060 sip.example.\n_25._tcp.mx TLSA 3 1 1 {hex}\nmx SSHFP 4 2 {hex}\nsub NS ns.sub.comune.malnate.va.it.\nsub DS 1 13 2 {hex}\n1 PTR a.example.\n",
        "x".repeat(200),
        hex = "ab".repeat(32)
    );
    let apex = crate::dns::Name::absolute(ZONE).unwrap();
    let (zone, findings) = crate::dns::text::read(&text, &apex);
    assert!(findings.is_empty(), "{findings:?}");
    let travelled = bridge::records(&zone).unwrap();
    assert_eq!(travelled.len(), zone.records.len());
    let (back, findings) = crate::dns::text::read(&bridge::text(&travelled), &apex);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(back.lines(), zone.lines());
}
