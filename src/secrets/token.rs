//! The names that stand for secrets everywhere but on the host that needs them.

use std::fmt;

use crate::failure::{Failure, Result};

/// How every token begins.
pub const SCHEME: &str = "secret://";

/// Owner of secrets that belong to no member.
pub const CONSORTIUM: &str = "consortium";

/// The private key of the consortium's certificate authority (PEM). Never sent to a host.
pub const AUTHORITY_KEY: &str = "secret://consortium/authority/key";

/// `secret://<owner>/<application>/<name>`, perhaps with a `#format` that only the host looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// A member's code, or `consortium`.
    pub owner: String,
    /// An application, or a part of the consortium.
    pub application: String,
    /// What it is for.
    pub name: String,
}

impl Token {
    /// A token of these three parts.
    pub fn new(owner: &str, application: &str, name: &str) -> Token {
        Token { owner: owner.to_string(), application: application.to_string(), name: name.to_string() }
    }

    /// Reads a token; a `#format` is left out.
    ///
    /// # Errors
    /// Exit 64 when it is not of the form above.
    pub fn parse(text: &str) -> Result<Token> {
        Token::parts(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` does not name a secret"))
                .hint("write secret://OWNER/APPLICATION/NAME, e.g. secret://c_e863/albo/database_password_a")
        })
    }

    fn parts(text: &str) -> Option<Token> {
        let rest = text.strip_prefix(SCHEME)?;
        let plain = match rest.split_once('#') {
            Some((plain, format)) => only(format, |byte| byte.is_ascii_lowercase()).map(|_| plain)?,
            None => rest,
        };
        let mut parts = plain.split('/');
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let owner = only(parts.next()?, |byte| word(byte) || byte == b'_')?;
        let application = only(parts.next()?, |byte| word(byte) || byte == b'-')?;
        let name = only(parts.next()?, |byte| word(byte) || byte == b'_')?;
        parts.next().is_none().then(|| Token::new(owner, application, name))
    }

    /// The key within its owner's file: `albo/database_password_a`.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.application, self.name)
    }
}

fn only(text: &str, allowed: impl Fn(u8) -> bool) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(allowed)).then_some(text)
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}/{}/{}", self.owner, self.application, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_perhaps_a_format() {
        let token = Token::parse("secret://c_e863/albo-due/database_password_a#pgpass").unwrap();
        assert_eq!(token, Token::new("c_e863", "albo-due", "database_password_a"));
        assert_eq!(token.to_string(), "secret://c_e863/albo-due/database_password_a");
    }

    #[test]
    fn anything_else_is_refused_with_the_form() {
        for text in [
            "",
            "secret://",
            "secret://a/b",
            "secret://a/b/c/d",
            "secret://A/b/c",
            "secret://a/b_b/c",
            "secret://a/b/c-c",
            "secret://a/b/c#",
            "secret://a/b/c#PG",
            "secret://../b/c",
            "c_e863/albo/x",
        ] {
            assert_eq!(Token::parse(text).unwrap_err().kind.exit_code(), 64, "{text}");
        }
    }
}
