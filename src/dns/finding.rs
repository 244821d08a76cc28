//! What is wrong with a zone, and by which rule.

use super::data::Type;
use super::record::Place;

/// A rule that a zone is held against.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Never changes: waivers name it.
    pub id: &'static str,
    /// A zone that breaks it is not served; otherwise somebody should look.
    pub error: bool,
    /// It can be borne with for a while. What a server would refuse, or would answer wrongly for, cannot.
    pub waivable: bool,
    /// What it asks, in a sentence.
    pub asks: &'static str,
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The name, with its final dot.
    pub owner: String,
    /// The type, when it is about one.
    pub kind: Option<Type>,
    /// Where it was written.
    pub place: Place,
    /// Another place that takes part.
    pub also: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Finding {
    /// A breach of a rule; [`Finding::at`] says whose.
    pub fn of(rule: &'static Rule, message: impl Into<String>) -> Finding {
        Finding {
            rule,
            owner: String::new(),
            kind: None,
            place: 0,
            also: None,
            message: message.into(),
            help: String::new(),
        }
    }

    /// Whose record, of which type, written where.
    pub fn at(self, owner: &impl ToString, kind: Option<Type>, place: Place) -> Finding {
        Finding { owner: owner.to_string(), kind, place, ..self }
    }

    /// What to do.
    pub fn help(self, help: impl Into<String>) -> Finding {
        Finding { help: help.into(), ..self }
    }

    /// Another place that takes part.
    pub fn and(self, place: Place) -> Finding {
        Finding { also: Some(place), ..self }
    }
}

macro_rules! rules {
    ($($name:ident $id:literal $error:literal $waivable:literal $asks:literal)*) => {
        /// All rules by name.
        pub mod rules {
            use super::Rule;
            $(#[doc = $asks] pub static $name: Rule = Rule { id: $id, error: $error, waivable: $waivable, asks: $asks };)*
            /// All of them, in the order of their groups.
            pub static ALL: &[&Rule] = &[$(&$name),*];
        }
    };
}

// name, id, error, waivable, what it asks
rules! {
    SYNTAX "DNS-SYNTAX" true false "A record can be read."
    NAME "DNS-NAME" true false "A name has labels of 1 to 63 octets and 255 octets in all, and no `..`."
    NAME_LETTERS "DNS-NAME-LETTERS" true true "A name is made of letters, digits and hyphens, and a wildcard stands first and alone."
    NAME_UNDERSCORE "DNS-NAME-UNDERSCORE" false true "An underscore begins the label of a service (`_dmarc`, `_sip._tcp`) and stands nowhere else."
    FINAL_DOT "DNS-FINAL-DOT" true false "A name with a dot inside that a record points to ends with a dot."
    REPEATS_ZONE "DNS-REPEATS-ZONE" true false "A name does not repeat the name of its zone."
    OUT_OF_ZONE "DNS-OUT-OF-ZONE" true false "A record's name lies in its zone."
    DUPLICATE "DNS-DUPLICATE" true false "A record stands once."
    TTL_DIFFERS "DNS-TTL-DIFFERS" true false "All records of one name and type have one TTL."
    TTL_RANGE "DNS-TTL-RANGE" true false "A TTL is there, and lies between 1 second and 7 days."
    TTL_LOW "DNS-TTL-LOW" false true "A TTL under 300 seconds is for the time of a move, and a waiver says until when."
    TXT_LENGTH "DNS-TXT-LENGTH" true false "A string of a TXT record has at most 255 octets."
    CNAME_BESIDE "DNS-CNAME-BESIDE" true false "A name with a CNAME has nothing else."
    CNAME_APEX "DNS-CNAME-APEX" true false "The zone's own name has no CNAME."
    CNAME_TWICE "DNS-CNAME-TWICE" true false "A name has one CNAME."
    CNAME_LOOP "DNS-CNAME-LOOP" true false "CNAMEs do not lead back to where they began."
    CNAME_DANGLING "DNS-CNAME-DANGLING" true true "A CNAME into the zone leads to a name that is there."
    CNAME_CHAIN "DNS-CNAME-CHAIN" false true "A CNAME does not lead to another CNAME."
    TARGET_CNAME "DNS-TARGET-CNAME" true false "What NS, MX, SRV and SOA point to is no CNAME."
    TARGET_MISSING "DNS-TARGET-MISSING" true false "What MX and SRV point to within the zone has an address."
    TARGET_ADDRESS "DNS-TARGET-ADDRESS" true false "A record that points to a name does not hold an address."
    NS_MISSING "DNS-NS-MISSING" true false "The zone's own name has NS records."
    NS_FEW "DNS-NS-FEW" true false "A zone, and a delegation, has at least two name servers."
    NS_GLUE "DNS-NS-GLUE" true false "A name server within the zone has its address there."
    NS_ONE_ADDRESS "DNS-NS-ONE-ADDRESS" true true "The name servers have more than one address."
    NS_ONE_NETWORK "DNS-NS-ONE-NETWORK" false true "The name servers lie in more than one network (/24, /48)."
    BELOW_CUT "DNS-BELOW-CUT" false true "Below a delegation there are addresses of its name servers and nothing else."
    DS_STRAY "DNS-DS-STRAY" true false "A DS stands at a delegation, never at the zone's own name."
    DS_ALGORITHM "DNS-DS-ALGORITHM" true true "A DS is of a key with algorithm 13 or 8, by a digest of type 2."
    SIGNED "DNS-SIGNED" true false "Keys, signatures and NSEC records are made by the server and never written."
    ADDRESS_RESERVED "DNS-ADDRESS-RESERVED" true true "Addresses in a zone can be reached by the world; the networks that the consortium excepts may stand there too."
    SOA_MISSING "DNS-SOA-MISSING" true false "A zone has one SOA, at its own name."
    SOA_NAMES "DNS-SOA-NAMES" true false "Primary and contact of the SOA are whole names, and the contact has no `@`."
    SOA_RETRY "DNS-SOA-RETRY" true false "The SOA's retry is less than its refresh."
    SOA_EXPIRE "DNS-SOA-EXPIRE" true false "The SOA's expire is at least a week."
    SOA_MINIMUM "DNS-SOA-MINIMUM" true false "The SOA's minimum lies between 300 and 86400 seconds."
    MX_NULL "DNS-MX-NULL" true false "A null MX (`0 .`) stands alone."
    MAIL_MISSING "DNS-MAIL-MISSING" true false "The zone's own name has MX records, or says that it takes no mail."
    SPF_MISSING "DNS-SPF-MISSING" true true "A name with mail, or with none by word, has an SPF record."
    SPF_TWICE "DNS-SPF-TWICE" true false "A name has one SPF record."
    SPF_SYNTAX "DNS-SPF-SYNTAX" true false "An SPF record keeps the grammar of RFC 7208."
    SPF_ALL "DNS-SPF-ALL" true false "An SPF record does not allow everybody."
    SPF_END "DNS-SPF-END" false true "An SPF record ends with `-all` or `~all`, or redirects."
    SPF_LOOKUPS "DNS-SPF-LOOKUPS" true false "An SPF record takes at most 10 lookups."
    SPF_LOOKUPS_MANY "DNS-SPF-LOOKUPS-MANY" false true "An SPF record takes fewer than 9 lookups."
    SPF_VOID "DNS-SPF-VOID" true false "An SPF record has at most two lookups that find nothing."
    SPF_PTR "DNS-SPF-PTR" false true "An SPF record does without `ptr`."
    SPF_NO_MAIL "DNS-SPF-NO-MAIL" true true "The SPF record of a name without mail is `v=spf1 -all`."
    DMARC_MISSING "DNS-DMARC-MISSING" true true "A zone with mail, or with none by word, has a DMARC record."
    DMARC_TWICE "DNS-DMARC-TWICE" true false "There is one DMARC record."
    DMARC_SYNTAX "DNS-DMARC-SYNTAX" true false "A DMARC record keeps the grammar of RFC 7489: `v=DMARC1` first, `p` none, quarantine or reject, `pct` 0 to 100."
    DMARC_NONE "DNS-DMARC-NONE" false true "A DMARC policy of `none` is for a beginning of at most 90 days, and a waiver says until when."
    DMARC_REPORTS "DNS-DMARC-REPORTS" false true "Reports go to the own domain; another one has to allow it (RFC 7489, 7.1)."
    DMARC_NO_MAIL "DNS-DMARC-NO-MAIL" true true "The DMARC policy of a zone without mail is `reject`."
    DKIM_KEY "DNS-DKIM-KEY" true true "The key of a DKIM record can be read."
    DKIM_SHORT "DNS-DKIM-SHORT" false true "An RSA key of DKIM has at least 2048 bits."
    CAA_SYNTAX "DNS-CAA-SYNTAX" true false "A CAA record has flags 0 or 128 and a tag that is known."
    CAA_WILD "DNS-CAA-WILD" false true "CAA says who may issue wildcard certificates (`issuewild`)."
    CAA_ISSUER "DNS-CAA-ISSUER" true true "CAA allows the certificate authorities that the consortium uses."
    SITE_MISSING "DNS-SITE-MISSING" true true "The zone's own name has an address: the site answers without `www`."
    PEC_MISSING "DNS-PEC-MISSING" true false "A zone says who takes its certified mail, or that it has none."
    PEC_MIXED "DNS-PEC-MIXED" true true "The certified mail has exchangers of one provider, outside of the zone, and no other records beside."
    TENANT_ADDRESS "DNS-TENANT-ADDRESS" true false "The name of a tenant leads to its application host."
    ZONE_NAME "DNS-ZONE-NAME" true true "The zone of a comune has a name that is reserved for it: `comune.<name>.<province>.it`, a provincial capital also `comune.<name>.it`."
}

impl Rule {
    /// The rule of an id.
    pub fn of(id: &str) -> Option<&'static Rule> {
        rules::ALL.iter().copied().find(|rule| rule.id == id)
    }
}
