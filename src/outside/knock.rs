//! Asks a tenant as a citizen's browser would: HTTPS by its name, proven by the consortium's authority and by nothing else.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// A request may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// A health page is not longer than this, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// The page that says whether a tenant is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The name it answers under.
    pub name: String,
    /// Where that is: the name need not be known to any resolver yet.
    pub address: IpAddr,
    /// The port, 443 but in tests.
    pub port: u16,
    /// From `/` on.
    pub path: String,
    /// `GET`, `POST`...
    pub method: String,
    /// Media type and text of what is handed in.
    pub body: Option<(String, String)>,
    /// The status of one that is well.
    pub status: u16,
    /// What its answer must hold.
    pub contains: Option<String>,
}

/// Asks once. `authority` are the certificates (PEM) that may prove the tenant.
///
/// # Errors
/// In words: why it is not well, or cannot be reached, or does not prove itself.
pub fn knock(page: &Page, authority: &str) -> Result<(), String> {
    let roots: Vec<_> = parse_pem(authority.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build();
    let config = Config::builder()
        .tls_config(tls)
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Fixed(SocketAddr::new(page.address, page.port)));
    let mut request = Request::builder()
        .method(page.method.as_str())
        .uri(format!("https://{}:{}{}", page.name, page.port, page.path));
    let mut handed_in = String::new();
    if let Some((media_type, body)) = &page.body {
        request = request.header("Content-Type", media_type.as_str());
        handed_in.clone_from(body);
    }
    let request = request.body(handed_in).map_err(|error| error.to_string())?;
    let mut answer = agent.run(request).map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(LONGEST).lossy_utf8(true).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    if status != page.status {
        let first = text.lines().next().unwrap_or_default();
        return Err(format!("status {status}, not {}: {}", page.status, first.chars().take(80).collect::<String>()));
    }
    match &page.contains {
        Some(wanted) if !text.contains(wanted.as_str()) => Err(format!("its answer does not hold `{wanted}`")),
        _ => Ok(()),
    }
}

/// Every name is at one place.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut found = self.empty();
        found.push(self.0);
        Ok(found)
    }
}
