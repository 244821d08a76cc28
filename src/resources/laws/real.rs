//! The same against the real programs. These tests change the machine they run on, so they ask for one of their own:
//! root, in a mount namespace with an empty `/var/lib/comuni` and a fresh PostgreSQL behind `/var/run/postgresql`.

use std::collections::BTreeSet;

use super::super::{Change, Kind, PostgresDatabase, PostgresGrant, PostgresRole};
use super::{Action, Check, Context, Means, POISON, Resource, Seal, secrets};
use crate::machine::{Command, Local, Machine};

pub(super) fn check(resource: &Resource, host: &Local) -> Check {
    let secrets = secrets();
    let context = Context { secrets: &secrets, host_key: &[7; 32], allowed: &BTreeSet::new() };
    resource.kind().check(host, &context).unwrap_or_else(|failure| panic!("{}: {failure}", resource.id()))
}

pub(super) fn converge(resource: &Resource, host: &mut Local) -> (Action, Vec<String>) {
    let Check::Differs { action, changes } = check(resource, host) else {
        panic!("{}: {:?}", resource.id(), check(resource, host))
    };
    let secrets = secrets();
    let context = Context { secrets: &secrets, host_key: &[7; 32], allowed: &BTreeSet::new() };
    let fixed = resource.kind().fix(host, &mut Means { context, authority: &mut Seal });
    fixed.unwrap_or_else(|failure| panic!("{}: {failure}", resource.id()));
    assert_eq!(check(resource, host), Check::Correct, "{}", resource.id());
    (action, changes.into_iter().map(|Change { field, .. }| field).collect())
}

fn sql(host: &mut Local, statement: &str) -> String {
    let command = Command::new(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1"]).stdin(statement).as_user("postgres");
    host.run(&command).unwrap().succeeded(&command).unwrap().text()
}

fn role(name: &str) -> PostgresRole {
    PostgresRole {
        name: name.to_string(),
        login: false,
        password: None,
        member_of: Vec::new(),
        acts_as: None,
        connection_limit: u32::MAX,
    }
}

/// Names that would break out of anything that is glued together.
const OWNER: &str = r#"o'w "n" :role `touch /tmp/x` \! $$"#;
const LOGIN: &str = "c_e863_albo_a";

#[test]
#[ignore = "needs a PostgreSQL server of its own"]
fn postgresql_itself_agrees() {
    let host = &mut Local::new();
    let owner = Resource::PostgresRole(role(OWNER));
    let login = Resource::PostgresRole(PostgresRole {
        login: true,
        password: Some("secret://c_e863/albo/database_password_a".to_string()),
        member_of: vec![OWNER.to_string()],
        acts_as: Some(OWNER.to_string()),
        connection_limit: 20,
        ..role(LOGIN)
    });
    let stranger = Resource::PostgresRole(PostgresRole { login: true, ..role("stranger") });
    let name = "da'ta \"b\"".to_string();
    let database = PostgresDatabase { name: name.clone(), owner: OWNER.to_string(), connection_limit: u32::MAX };
    let limited = Resource::PostgresDatabase(PostgresDatabase { connection_limit: 7, ..database.clone() });
    let database = Resource::PostgresDatabase(database);
    let grant = |privileges: &[&str]| {
        Resource::PostgresGrant(PostgresGrant {
            database: name.clone(),
            roles: vec![LOGIN.to_string()],
            privileges: privileges.iter().map(ToString::to_string).collect(),
        })
    };

    let Check::Unknown { needs, .. } = check(&database, host) else { panic!("the owner is not there yet") };
    assert_eq!(needs, Some(format!("postgres_role:{OWNER}")));
    assert_eq!(converge(&owner, host).0, Action::Create);
    assert_eq!(converge(&login, host).0, Action::Create);
    assert_eq!(converge(&stranger, host).0, Action::Create);
    assert_eq!(converge(&database, host).0, Action::Create);
    assert_eq!(converge(&limited, host).1, ["connection_limit"]);
    assert_eq!(converge(&grant(&["connect", "temporary"]), host).0, Action::Create);
    assert_eq!(converge(&grant(&["connect"]), host).1, ["privileges"]);

    sql(host, &format!("alter role {LOGIN} superuser nologin; alter role {LOGIN} reset role"));
    assert_eq!(converge(&login, host).1, ["login", "powers", "acts_as"]);
    sql(host, &format!("grant stranger to {LOGIN}; alter role {LOGIN} password 'another'"));
    assert_eq!(converge(&login, host).1, ["member_of", "password"]);
    sql(host, "grant connect on database \"da'ta \"\"b\"\"\" to public; alter role stranger password 'x'");
    assert_eq!(converge(&grant(&["connect"]), host).1, ["privileges"]);
    assert_eq!(converge(&stranger, host).1, ["password"]);

    let stored = sql(host, &format!("select rolpassword from pg_authid where rolname = '{LOGIN}'"));
    assert!(stored.starts_with("SCRAM-SHA-256$4096:"), "{stored}");
    let connect = |host: &mut Local, user: &str, password: &str| {
        let argv = ["psql", "-X", "-At", "-h", "127.0.0.1", "-U", user, "-d", &name, "-c", "select current_user"];
        host.run(&Command::new(argv).env("PGPASSWORD", password)).unwrap()
    };
    assert_eq!(connect(host, LOGIN, POISON).text().trim_end(), OWNER, "the session acts as the owner");
    assert_ne!(connect(host, LOGIN, "wrong").status, 0);
    sql(host, "alter role stranger password 'x'");
    let refused = String::from_utf8(connect(host, "stranger", "x").stderr).unwrap();
    assert!(refused.contains("permission denied for database"), "{refused}");
    let Resource::PostgresGrant(granted) = grant(&["connect"]) else { unreachable!() };
    granted.remove(host).unwrap();
    let found = check(&grant(&["connect"]), host);
    assert!(matches!(found, Check::Differs { action: Action::Create, .. }), "{found:?}");
}

fn from(text: &str) -> Resource {
    serde_json::from_str(text).unwrap()
}

#[test]
#[ignore = "changes the accounts of the machine it runs on"]
fn the_programs_of_passwd_agree() {
    let host = &mut Local::new();
    assert_eq!(converge(&from(r#"{"group": {"name": "c_e863_web"}}"#), host).0, Action::Create);
    let user = |home: &str, shell: &str, groups: &str| {
        from(&format!(
            r#"{{"user": {{"name": "c_e863_albo", "home": "{home}", "shell": "{shell}", "groups": [{groups}],
                "comment": "L'Albo, con \"virgolette\""}}}}"#
        ))
    };
    assert_eq!(converge(&user("/srv/a", "/usr/sbin/nologin", ""), host).0, Action::Create);
    let changed = user("/srv/b", "/bin/false", r#""c_e863_web", "adm""#);
    assert_eq!(converge(&changed, host).1, ["home", "shell", "groups"]);
    let file =
        from(r#"{"file": {"path": "/etc/comuni.test", "content": "x", "owner": "c_e863_albo", "mode": "4750"}}"#);
    assert_eq!(converge(&file, host).0, Action::Create);
    changed.kind().remove(host).unwrap();
    assert!(matches!(check(&file, host), Check::Unknown { needs: Some(id), .. } if id == "user:c_e863_albo"));
    assert!(matches!(check(&changed, host), Check::Differs { action: Action::Create, .. }));
}

#[test]
#[ignore = "writes below /opt and /etc of the machine it runs on"]
fn tar_and_openssl_agree() {
    let host = &mut Local::new();
    let folder = tempfile::tempdir().unwrap();
    let shell = |host: &mut Local, script: &str| {
        let command = Command::new(["sh", "-ec", script]);
        host.run(&command).unwrap().succeeded(&command).unwrap().text().trim().to_string()
    };
    let place = folder.path().display();
    shell(
        host,
        &format!(
            "cd {place}; mkdir -p albo-1/bin 'albo-1/odd  à \"name\"'; echo x > albo-1/bin/run; chmod 777 albo-1/bin/run;
             ln -s bin/run albo-1/start; echo y > \"albo-1/odd  à \\\"name\\\"/-> a\nb\"; tar -czf a.tar.gz albo-1;
             mkdir -p /var/lib/comuni/archives; cp a.tar.gz /var/lib/comuni/archives/$(sha256sum a.tar.gz | cut -c1-64)"
        ),
    );
    let hash = host.sha256(&folder.path().join("a.tar.gz")).unwrap().unwrap();
    let release = from(&format!(r#"{{"release": {{"application": "albo", "release": "1.0.0", "sha256": "{hash}"}}}}"#));
    assert_eq!(converge(&release, host).0, Action::Create);
    let modes = shell(host, "cd /opt/comuni/releases/albo/1.0.0/; stat -c '%a %U %n' . bin bin/run start; ls odd*");
    assert_eq!(modes, "555 root .\n555 root bin\n555 root bin/run\n777 root start\n-> a\nb");
    release.kind().remove(host).unwrap();
    assert_eq!(shell(host, "ls -A /opt/comuni/releases/albo"), "");

    let certificate = from(
        r#"{"certificate": {"path": "/etc/comuni.crt", "key": "/etc/comuni.key", "names": ["a.example.it", "*.b.it"],
            "owner": "root", "group": "root", "key_mode": "0600", "lifetime_days": "90", "renew_days": "30",
            "authority": "ab"}}"#,
    );
    let Check::Differs { .. } = check(&certificate, host) else { panic!() };
    let secrets = secrets();
    let context = Context { secrets: &secrets, host_key: &[7; 32], allowed: &BTreeSet::new() };
    let mut heard = Listener(String::new());
    certificate.kind().fix(host, &mut Means { context, authority: &mut heard }).unwrap();
    let command = Command::new(["openssl", "req", "-noout", "-text", "-verify"]).stdin(heard.0);
    let text = host.run(&command).unwrap().succeeded(&command).unwrap().text();
    assert!(text.contains("DNS:a.example.it, DNS:*.b.it") && text.contains("prime256v1"), "{text}");
}

struct Listener(String);

impl super::Authority for Listener {
    fn sign(&mut self, request: super::SigningRequest) -> crate::failure::Result<super::Signed> {
        self.0 = request.request.clone();
        super::Authority::sign(&mut Seal, request)
    }
}

#[test]
#[ignore = "needs a machine of its own with systemd as its first process"]
fn systemd_agrees() {
    let host = &mut Local::new();
    let unit = |name: &str, start: &str| {
        let content = format!("[Service]\\nExecStart={start}\\n[Install]\\nWantedBy=multi-user.target\\n");
        from(&format!(r#"{{"file": {{"path": "/etc/systemd/system/{name}", "content": "{content}"}}}}"#))
    };
    let service = |name: &str, enabled: bool, running: bool| {
        from(&format!(r#"{{"service": {{"unit": "{name}", "enabled": {enabled}, "running": {running}}}}}"#))
    };
    let by_hand = |host: &mut Local, words: &str| {
        let command = Command::new(["systemctl"].into_iter().chain(words.split(' ')));
        host.run(&command).unwrap().succeeded(&command).unwrap();
    };
    for (file, name) in [("a.service", "a.service"), ("t@.service", "t@x.service")] {
        let wanted = service(name, true, true);
        let needed = format!("file:/etc/systemd/system/{file}");
        assert!(matches!(check(&wanted, host), Check::Unknown { needs: Some(id), .. } if id == needed));
        converge(&unit(file, "/bin/sleep 1000"), host);
        assert_eq!(converge(&wanted, host).0, Action::Create);
        by_hand(host, &format!("stop {name}"));
        by_hand(host, &format!("disable {name}"));
        assert_eq!(converge(&wanted, host).1, ["enabled", "running"]);
        by_hand(host, &format!("kill --signal=KILL {name}"));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(converge(&wanted, host).1, ["running"]);
        assert_eq!(converge(&service(name, true, false), host).1, ["running"]);
        assert_eq!(converge(&service(name, false, false), host).1, ["enabled"]);
        converge(&wanted, host);
        wanted.kind().remove(host).unwrap();
        assert!(matches!(check(&wanted, host), Check::Differs { action: Action::Create, .. }));
    }
    let mask = || Command::new(["ln", "-s", "/dev/null", "/etc/systemd/system/m.service"]);
    host.run(&mask()).unwrap().succeeded(&mask()).unwrap();
    assert_eq!(check(&service("m.service", false, false), host), Check::Correct);

    converge(&unit("b.service", "/bin/sh -c \\\"echo no luck today; exit 4\\\""), host);
    let broken = service("b.service", true, true);
    let secrets = secrets();
    let context = Context { secrets: &secrets, host_key: &[7; 32], allowed: &BTreeSet::new() };
    let failure = broken.kind().fix(host, &mut Means { context, authority: &mut Seal }).unwrap_err();
    assert!(failure.message.contains("did not stay up") && failure.message.contains("no luck today"), "{failure}");
    let Check::Differs { changes, .. } = check(&broken, host) else { panic!() };
    assert_eq!(changes[0].before.as_deref(), Some("no (failed)"));
    converge(&unit("b.service", "/bin/sleep 1000"), host);
    assert_eq!(converge(&broken, host).1, ["running"]);
}
