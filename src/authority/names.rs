//! DNS names: what one looks like, and which lies below which.

/// Whether a certificate can be for this name; if not, why.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.len() > 253 {
        return Err("longer than 253 characters");
    }
    if name.starts_with('.') || name.ends_with('.') {
        return Err("a name neither begins nor ends with a dot");
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("every part has 1 to 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no part begins or ends with a hyphen");
        }
        if !label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err("only a-z, 0-9, hyphens and dots (no wildcard)");
        }
    }
    Ok(())
}

/// Whether a name is a domain or lies below it.
pub(super) fn within(name: &str, domain: &str) -> bool {
    match name.strip_suffix(domain) {
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_means_by_whole_labels() {
        assert!(within("albo.comune.lozza.va.it", "comune.lozza.va.it"));
        assert!(within("comune.lozza.va.it", "comune.lozza.va.it"));
        assert!(!within("altrocomune.lozza.va.it", "comune.lozza.va.it"));
        assert!(!within("lozza.va.it", "comune.lozza.va.it"));
        assert!(!within("comune.lozza.va.it.example", "comune.lozza.va.it"));
    }

    #[test]
    fn names_that_a_certificate_cannot_have_are_told_why() {
        for name in
            ["", ".", "a..b", "*.lozza.it", "Lozza.it", "a b", "-a.it", "a-.it", "lozza.it.", "città.it", "a\n.it"]
        {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check(&"a".repeat(64)).is_err());
        assert!(check("xn--citt-0na.it").is_ok());
    }
}
