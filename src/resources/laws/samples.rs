//! A resource of every kind, as a rendered playbook gives it (numbers and booleans as text), on a host that lacks it.

use super::super::Resource;
use super::server;
use crate::machine::{Fake, Node, Ownership};

/// A resource, the host it is missing on, and what somebody might do to it there.
pub(super) struct Sample {
    text: String,
    scene: fn(&mut Fake),
    pub(super) disturb: fn(&mut Fake),
}

impl Sample {
    pub(super) fn resource(&self) -> Resource {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.text))
    }

    pub(super) fn id(&self) -> String {
        self.resource().id()
    }

    pub(super) fn host(&self) -> Fake {
        let mut host = Fake::new();
        (self.scene)(&mut host);
        host
    }
}

fn sample(text: &str, scene: fn(&mut Fake), disturb: fn(&mut Fake)) -> Sample {
    Sample { text: text.to_string(), scene, disturb }
}

const UNIT: &str = "[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=multi-user.target\n";
pub(super) const ARCHIVE: &str = "drwxr-xr-x 0/0 0 2018-06-20 00:00 albo-1.0.0/\n\
    -rwxrwxr-x 0/0 5 2018-06-20 00:00 albo-1.0.0/albo.py\tprint\n\
    drwxr-xr-x 0/0 0 2018-06-20 00:00 albo-1.0.0/static/\n";

pub(super) fn archive_hash() -> String {
    crate::digest::sha256(ARCHIVE)
}

pub(super) const ZONE: &str = r#"{"zone": {"name": "b.it", "servers": ["192.0.2.1", "192.0.2.2"], "protected": ["b.it/NS"],
    "records": ["b.it. 3600 SOA ns1.c.it. h.c.it. 0 4 3 2 1", "b.it. 3600 NS ns1.c.it.", "b.it. 3600 NS ns2.c.it.",
    "www.b.it. 3600 A 192.0.2.7"]}}"#;
const ZONE_BY_HAND: &str = "b.it. 3600 SOA ns1.c.it. h.c.it. 5 4 3 2 1\nb.it. 3600 NS ns1.c.it.\nb.it. 3600 NS ns2.c.it.\nwww.b.it. 3600 A 192.0.2.8\n";
pub(super) const ZONE_CATALOG: &str =
    r#"{"zone_catalog": {"name": "catalog.b.it", "zones": ["b.it"], "servers": ["192.0.2.1", "192.0.2.2"]}}"#;

pub(super) fn with_name_server(host: &mut Fake) {
    host.world.notes.insert("knot".to_string(), String::new());
    host.with_file("/etc/group", "root:x:0:\nknot:x:120:\n", 0o644);
    host.with_file("/etc/knot/comuni.d/b.it.conf", "zone:\n  - domain: b.it\n", 0o640);
    for folder in ["zones", "offered", "check"] {
        host.with_directory(&format!("/var/lib/knot/{folder}"), 0o750);
    }
}

fn nothing(_host: &mut Fake) {}

fn with_account(host: &mut Fake) {
    host.with_file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nc_e863_albo:x:101:101::/srv:/bin/false\n", 0o644);
    host.with_file("/etc/group", "root:x:0:\nc_e863_albo:x:101:\nadm:x:4:\n", 0o644);
    host.with_directory("/etc/comuni/tls", 0o755);
}

pub(super) fn with_server(host: &mut Fake) {
    server::install(host);
    server::add_role(host, "c_e863_albo");
    server::add_role(host, "c_e863_albo_b");
    server::add_database(host, "other");
}

pub(super) fn with_unit(host: &mut Fake) {
    host.with_file("/etc/systemd/system/comuni-c_e863-albo.service", UNIT, 0o644);
}

fn with_archive(host: &mut Fake) {
    host.with_file(&format!("/var/lib/comuni/archives/{}", archive_hash()), ARCHIVE, 0o600);
}

fn with_package(host: &mut Fake) {
    host.world.offered.insert("nginx".to_string());
    host.world.unheard.insert("rclone".to_string());
}

fn overwrite(host: &mut Fake, path: &str, content: &str) {
    *host.world.content_mut(path).unwrap() = content.as_bytes().to_vec();
}

pub(super) fn samples() -> Vec<Sample> {
    let release =
        format!(r#"{{"release": {{"application": "albo", "release": "1.0.0", "sha256": "{}"}}}}"#, archive_hash());
    vec![
        sample(
            r#"{"absent": {"path": "/etc/nginx/sites-enabled/default", "notify": "reload nginx"}}"#,
            |host| host.with_file("/etc/nginx/sites-enabled/default", "server {}", 0o644),
            |host| host.with_file("/etc/nginx/sites-enabled/default", "server {}", 0o644),
        ),
        sample(
            r#"{"certificate": {"path": "/etc/comuni/tls/albo.crt", "key": "/etc/comuni/tls/albo.key", "names":
                ["albo.comune.malnate.va.it"], "owner": "root", "group": "c_e863_albo", "key_mode": "0640",
                "lifetime_days": "90", "renew_days": "30", "authority": "ab"}}"#,
            with_account,
            |host| overwrite(host, "/etc/comuni/tls/albo.key", "damaged"),
        ),
        sample(
            r#"{"directory": {"path": "/srv/comuni", "owner": "c_e863_albo", "mode": "0750", "exclusive": "true"}}"#,
            with_account,
            |host| host.world.put("/srv/comuni", Node::directory(&Ownership { uid: 9, gid: 0, mode: 0o755 })),
        ),
        sample(r#"{"directory": {"path": "/srv/data", "mode": "0700", "data": "true"}}"#, nothing, |host| {
            host.world.put("/srv/data", Node::directory(&Ownership { uid: 0, gid: 0, mode: 0o777 }))
        }),
        sample(
            r#"{"file": {"path": "/etc/albo.conf", "content": "port = 1\n", "notify": "restart albo.service"}}"#,
            nothing,
            |host| overwrite(host, "/etc/albo.conf", "port = 2\n"),
        ),
        sample(
            r#"{"file": {"path": "/etc/pgpass", "content": "*:secret://c_e863/albo/database_password_a#pgpass\n",
                "owner": "c_e863_albo", "mode": "0600"}}"#,
            with_account,
            |host| overwrite(host, "/etc/pgpass", "*:p\\:oi\\\\son2\n"),
        ),
        sample(
            r#"{"file": {"path": "/etc/link.conf", "content": "x"}}"#,
            |host| host.world.put("/etc/link.conf", Node::link("/nowhere")),
            |host| host.world.put("/etc/link.conf", Node::file(b"x", &Ownership { uid: 4, gid: 4, mode: 0o666 })),
        ),
        sample(r#"{"group": {"name": "c_e863_web"}}"#, nothing, |host| overwrite(host, "/etc/group", "root:x:0:\n")),
        sample(r#"{"package": {"names": ["nginx", "rclone"]}}"#, with_package, |host| {
            host.with_file("/var/lib/dpkg/updates/0001", "", 0o644);
            let cut =
                "Package: nginx\nStatus: install ok installed\n\nPackage: rclone\nStatus: install ok half-configured\n";
            overwrite(host, "/var/lib/dpkg/status", cut);
        }),
        sample(r#"{"postgres_database": {"name": "c_e863_albo", "owner": "c_e863_albo"}}"#, with_server, |host| {
            server::disturb(host, "databases", "c_e863_albo", "connection_limit", 3.into());
        }),
        sample(
            r#"{"postgres_grant": {"database": "other", "roles": ["c_e863_albo"], "privileges": ["connect"]}}"#,
            with_server,
            |host| server::disturb(host, "databases", "other", "grants", serde_json::json!([["", "connect"]])),
        ),
        sample(r#"{"postgres_role": {"name": "c_d951_albo", "login": "false"}}"#, with_server, |host| {
            server::disturb(host, "roles", "c_d951_albo", "powers", true.into());
        }),
        sample(
            r#"{"postgres_role": {"name": "c_e863_albo_a", "login": "true", "connection_limit": "20", "acts_as":
                "c_e863_albo", "member_of": ["c_e863_albo"],
                "password": "secret://c_e863/albo/database_password_a"}}"#,
            with_server,
            |host| server::disturb(host, "roles", "c_e863_albo_a", "verifier", "another".into()),
        ),
        sample(&release, with_archive, |host| {
            host.world.put("/opt/comuni/releases/albo/1.0.0", Node::link("somewhere-else"));
        }),
        sample(
            r#"{"service": {"unit": "comuni-c_e863-albo.service", "enabled": "true", "running": "true"}}"#,
            with_unit,
            |host| {
                let unit = host.world.units.get_mut("comuni-c_e863-albo.service").unwrap();
                (unit.masked, unit.active) = (true, "failed".to_string());
            },
        ),
        sample(
            r#"{"symlink": {"path": "/etc/nginx.link", "target": "a", "notify": "daemon-reload"}}"#,
            nothing,
            |host| host.world.put("/etc/nginx.link", Node::link("b")),
        ),
        sample(
            r#"{"user": {"name": "c_d951_albo", "home": "/srv/comuni/c_d951/albo", "shell": "/usr/sbin/nologin",
                "groups": ["adm"], "comment": "Albo di Daverio"}}"#,
            with_account,
            |host| {
                let changed = host.world.text("/etc/passwd").replace("/usr/sbin/nologin", "/bin/bash");
                overwrite(host, "/etc/passwd", &changed);
                overwrite(host, "/etc/group", "root:x:0:\nadm:x:4:\nc_d951_albo:x:102:\n");
            },
        ),
        sample(ZONE, with_name_server, |host| {
            host.world.notes.insert("zone b.it".to_string(), ZONE_BY_HAND.to_string());
        }),
        sample(ZONE_CATALOG, with_name_server, |host| overwrite(host, "/var/lib/knot/offered/catalog.conf", "")),
    ]
}
