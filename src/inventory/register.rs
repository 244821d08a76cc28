//! The ISTAT register of comuni, built in: codes, official names, and the slugs that follow from them.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::diagnostics::near;

/// A comune in force since 21 February 2026 (`data/SOURCE.md` says where the register comes from).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comune {
    /// ISTAT code, six digits. Not stable: all of Sardinia changed in 2026.
    pub istat: &'static str,
    /// Official denomination, with the other language after `/` (Bolzano) or `-` (Friuli).
    pub name: &'static str,
    /// Sigla of the province.
    pub province: &'static str,
    /// Region.
    pub region: &'static str,
    /// Codice catastale, a letter and three digits.
    pub belfiore: &'static str,
    /// Postal codes, separated by spaces.
    pub cap: &'static str,
    /// Residents on 1 January 2023; unknown for three comuni.
    pub population: Option<u32>,
}

impl Comune {
    /// The names it goes by: the official one, and each half of a bilingual one.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = vec![self.name];
        let halves = self.name.split_once('/').or_else(|| self.name.split_once(" - ")).or_else(|| {
            // A hyphen parts two languages only here; elsewhere it parts two villages (Cugliate-Fabiasco).
            let two_languages = ["GO", "TS"].contains(&self.province) || self.name.starts_with("San Giovanni di Fassa");
            if two_languages { self.name.split_once('-') } else { None }
        });
        names.extend(halves.into_iter().flat_map(|(one, other)| [one, other]));
        names
    }

    /// `Malnate (VA)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.province)
    }
}

struct Register {
    comuni: Vec<Comune>,
    istat: HashMap<&'static str, usize>,
    belfiore: HashMap<&'static str, usize>,
    names: HashMap<String, Vec<usize>>,
    slugs: HashMap<String, Vec<usize>>,
}

static REGISTER: LazyLock<Register> = LazyLock::new(|| Register::new(include_str!("../../data/comuni.csv")));

impl Register {
    fn new(csv: &'static str) -> Register {
        let comuni: Vec<Comune> = csv.lines().skip(1).filter_map(row).collect();
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        let mut slugs: HashMap<String, Vec<usize>> = HashMap::new();
        let put = |map: &mut HashMap<String, Vec<usize>>, key: String, at: usize| {
            let places = map.entry(key).or_default();
            if !places.contains(&at) {
                places.push(at);
            }
        };
        for (at, comune) in comuni.iter().enumerate() {
            for name in comune.names() {
                put(&mut names, fold(name), at);
                put(&mut slugs, slug(name), at);
            }
        }
        let index = |code: fn(&Comune) -> &'static str| {
            comuni.iter().enumerate().map(|(at, comune)| (code(comune), at)).collect()
        };
        Register {
            istat: index(|comune| comune.istat),
            belfiore: index(|comune| comune.belfiore),
            names,
            slugs,
            comuni,
        }
    }
}

fn row(line: &'static str) -> Option<Comune> {
    let fields: Vec<&'static str> = line.split(',').collect();
    let [istat, name, province, region, belfiore, cap, population] = fields.try_into().ok()?;
    Some(Comune { istat, name, province, region, belfiore, cap, population: population.parse().ok() })
}

/// All comuni, by ISTAT code.
pub fn all() -> &'static [Comune] {
    &REGISTER.comuni
}

/// The comune with this ISTAT code.
pub fn by_istat(code: &str) -> Option<&'static Comune> {
    REGISTER.istat.get(code).map(|at| &REGISTER.comuni[*at])
}

/// The comune with this codice catastale.
pub fn by_belfiore(code: &str) -> Option<&'static Comune> {
    REGISTER.belfiore.get(code).map(|at| &REGISTER.comuni[*at])
}

/// The comuni of this name: case, accents, apostrophes and hyphens do not count, and either half of a bilingual name
/// will do. Six names belong to two comuni.
pub fn by_name(name: &str) -> Vec<&'static Comune> {
    REGISTER.names.get(&fold(name)).into_iter().flatten().map(|at| &REGISTER.comuni[*at]).collect()
}

/// The comuni whose name, or half of a bilingual name, has this slug.
pub fn by_slug(slug: &str) -> Vec<&'static Comune> {
    REGISTER.slugs.get(slug).into_iter().flatten().map(|at| &REGISTER.comuni[*at]).collect()
}

/// Official names that are near to `name`, at most three.
pub fn near_names(name: &str) -> Vec<&'static str> {
    let folded = fold(name);
    let near = near(&folded, REGISTER.names.keys().map(String::as_str));
    let places = near.iter().filter_map(|name| REGISTER.names.get(*name)).flatten();
    let mut names: Vec<&str> = places.map(|at| REGISTER.comuni[*at].name).collect();
    names.dedup();
    names
}

/// What is left of a name when case, accents, apostrophes and hyphens do not count; words stay apart
/// (Treville is not Tre Ville).
fn fold(name: &str) -> String {
    plain_letters(name).join(" ")
}

/// The name of a body as it can stand in file names and host names: `Sant'Angelo Lodigiano` is `sant-angelo-lodigiano`.
///
/// Of a name in two languages with a slash the first one counts.
pub fn slug(name: &str) -> String {
    plain_letters(name.split('/').next().unwrap_or(name)).join("-")
}

/// The words of a name in plain small letters. NFKD parts letters from accents, but leaves `ß` as it is.
fn plain_letters(name: &str) -> Vec<String> {
    let letters: String = name.replace(['ß', 'ẞ'], "ss").nfkd().filter(|c| !is_combining_mark(*c)).collect();
    let letters = letters.to_lowercase();
    letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// Whether a name of a zone is one that is reserved for a comune: `comune.<name>.<province>.it`, and for a provincial
/// capital `comune.<name>.it`. The name may lack its last words and its hyphens.
///
/// More lenient than the registry's list, which is longer than this program: the register does not say which comuni are
/// capitals, so that a name whose letters hold the sigla counts as one.
pub fn reserves(comune: &Comune, zone: &str) -> bool {
    let labels: Vec<&str> = zone.split('.').collect();
    let (name, capital) = match labels.as_slice() {
        ["comune", name, "it"] => (*name, true),
        ["comune", name, province, "it"] => {
            let of_province = |named: &&Comune| named.province == comune.province;
            if !province.eq_ignore_ascii_case(comune.province) && !by_slug(province).iter().any(of_province) {
                return false;
            }
            (*name, false)
        }
        _ => return false,
    };
    let written = name.replace('-', "");
    let named = comune.names().into_iter().any(|name| {
        let slug = slug(name);
        let words: Vec<&str> = slug.split('-').collect();
        (1..=words.len()).any(|count| words[..count].concat() == written)
    });
    let mut letters = written.chars();
    let sigla = comune.province.to_lowercase();
    named && (!capital || sigla.chars().all(|letter| letters.any(|other| other == letter)))
}

#[cfg(test)]
mod tests;
