//! `cargo bench --bench scale -- [ROUNDS]`: what an inventory costs that is as large as Lombardy. See benches/README.md.
//! `-- --write DIR N [zones]` only writes an inventory of the first N comuni of Varese, one application each and, when that
//! is said, a zone that we serve: for `forty` and `zones`.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures this process and talks to whoever started it"
)]

mod generate;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use comuni::compile::{Selection, compile};
use comuni::inventory::load;
use comuni::inventory::register::{self, Comune};

/// Who measures itself is told so by this, and by the folder.
const ALONE: &str = "COMUNI_SCALE_FOLDER";

/// What one process measured of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// Reading the same files as bare YAML, by the library alone.
    yaml: f64,
    load: f64,
    compile: f64,
    resources: f64,
    /// MiB at the highest.
    memory: f64,
}

fn main() {
    if let Some(folder) = std::env::var_os(ALONE) {
        measure(Path::new(&folder));
        return;
    }
    let words: Vec<String> = std::env::args().collect();
    if let [_, write, folder, count, more @ ..] = words.as_slice()
        && write == "--write"
    {
        let comuni: Vec<&Comune> = province().take(count.parse().expect("a number of comuni")).collect();
        let contents = generate::Contents { protocollo: false, zones: more.iter().any(|word| word == "zones") };
        return generate::write(Path::new(folder), &comuni, contents).unwrap();
    }
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(7_usize);
    let folder = tempfile::tempdir().unwrap();
    let sizes: [(&str, Vec<&Comune>); 3] = [
        ("14 comuni", province().take(14).collect()),
        ("provincia di Varese", province().collect()),
        ("Lombardia", register::all().iter().filter(|comune| comune.region == "Lombardia").collect()),
    ];
    println!(
        "| inventory | members | resources | bare YAML | read and check | compile | both | times the bare YAML | a resource | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let sizes = sizes.map(|(name, comuni)| {
        let place = folder.path().join(comuni.len().to_string());
        generate::write(&place, &comuni, generate::WHOLE).unwrap();
        with_authority(&place);
        (name, comuni.len(), place)
    });
    for (name, members, place) in &sizes {
        let all: Vec<Figures> = (0..rounds).map(|_| alone(place)).collect();
        let median = |figure: fn(&Figures) -> f64| {
            let mut values: Vec<f64> = all.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (yaml, resources) = (median(|of| of.yaml), median(|of| of.resources));
        let both = median(|of| of.load + of.compile);
        println!(
            "| {name} | {members} | {resources:.0} | {yaml:.3} s | {:.3} s | {:.3} s | {both:.3} s | {:.2} | {:.1} µs | {:.0} MiB |",
            median(|of| of.load),
            median(|of| of.compile),
            both / yaml,
            both / resources * 1e6,
            median(|of| of.memory),
        );
    }
}

fn province() -> impl Iterator<Item = &'static Comune> {
    register::all().iter().filter(|comune| comune.province == "VA")
}

/// Certificates are wanted, so there must be somebody who signs them.
fn with_authority(folder: &Path) {
    let consortium = load(folder).unwrap_or_else(|wrong| panic!("{}", wrong.render())).inventory.consortium;
    std::fs::write(folder.join("authority.pem"), comuni::authority::make(&consortium).unwrap().0).unwrap();
}

/// A process of its own for each measurement: memory and caches are those of one command.
fn alone(folder: &Path) -> Figures {
    let output = Command::new(std::env::current_exe().unwrap()).env(ALONE, folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let values: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [yaml, load, compile, resources, memory] = values.try_into().expect("five figures");
    Figures { yaml, load, compile, resources, memory }
}

fn measure(folder: &Path) {
    let (load_time, inventory) = timed(|| load(folder).unwrap_or_else(|wrong| panic!("{}", wrong.render())).inventory);
    let (compile_time, compiled) = timed(|| compile(&inventory, &Selection::default()).unwrap());
    let memory = peak();
    let resources: usize = compiled.catalogs.values().map(|catalog| catalog.entries.len()).sum();
    let (yaml, parsed) = timed(|| {
        let files = yaml_files(folder).into_iter().map(|path| std::fs::read_to_string(path).unwrap());
        files.map(|text| serde_yaml::from_str::<serde_json::Value>(&text).unwrap()).collect::<Vec<_>>()
    });
    assert!(parsed.len() > inventory.members.len());
    let seconds = [yaml, load_time, compile_time].map(|time| time.as_secs_f64());
    println!("{} {} {} {resources} {memory}", seconds[0], seconds[1], seconds[2]);
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

/// The most memory this process has had so far, in MiB (proc(5)).
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { yaml_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect()
}
