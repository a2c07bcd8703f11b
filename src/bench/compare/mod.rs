//! A comparison: two servers in turn under the same loads, and what a key costs each of them.
//!
//! ```text
//! for each workload, for each round, for each server:
//!     start it on core 0 ──► fill ──► warm-up ──► load, from core 1 ──► stop it
//! ```
//!
//! What counts is the server's processor time per key, which it tells itself (`stats`). Times drift on
//! a shared machine, so the ratio of two servers is taken round by round and its median
//! shown.

mod chart;
mod comparison;
mod contender;
mod table;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};

use memcached::log;

use crate::load::{self, BUSY, Load, Session};
use crate::option_types::{Above0, Address, Count, Ratio, Sizes};
use crate::output;
use comparison::{Comparison, Cost, Row};
use contender::Contender;
use workloads::{Op, WORKLOADS, Workload};

const USAGE: &str = "\
Usage: memcached-bench compare [options]

Starts two servers in turn, with one worker thread, under a table of loads, and
tells what a key costs each of them in processor time. With taskset and two
cores, servers run on the first core and the load is made on the second.
";

options! {
    /// Options of a comparison.
    Compare, "compare", USAGE, {
    /// The server that is compared; else the one that lies beside
    /// this program.
    server: Option<String> = None, "-s, --server=<file>";
    /// The other one; else what PEER in the environment names, else
    /// memcached in PATH, if there is one.
    peer: Option<String> = None, "-o, --peer=<file>";
    /// Rounds; medians are shown.
    rounds: Count = Count(3), "-r, --rounds=<num>";
    /// How long a load is measured.
    seconds: Above0 = Above0(2.0), "-S, --seconds=<seconds>";
    /// Names of workloads, with commas; else all.
    workloads: Option<String> = None, "-w, --workloads=<names>";
    /// Memory for items (-m) of each server.
    megabytes: Count = Count(4096), "-M, --megabytes=<num>";
    /// Write the table there, too.
    text: Option<String> = None, "--text=<file>";
    /// Draw the chart there.
    svg: Option<String> = None, "--svg=<file>";
    /// Show this and end.
    help: bool = false, "-h, --help";
    }
}

/// Before it counts, a load is made for that long, or as long as it counts if that is less.
const WARM_UP_S_MAX: f64 = 0.5;

/// Measures, prints, and writes what files were asked for.
pub fn run(options: &Compare) -> Result<(), String> {
    let chosen = choose(options.workloads.as_deref())?;
    let contenders = contenders(options)?;
    let pinned = contender::pin_to_second_core();
    let mut comparison = Comparison {
        names: contenders.iter().map(|one| one.name.clone()).collect(),
        rows: Vec::new(),
        how: how(options, pinned),
    };
    for workload in chosen {
        let row = compare(workload, &contenders, options, pinned)?;
        log!("{}", table::line(&row));
        comparison.rows.push(row);
    }
    let text = table::text(&comparison);
    output::print(&text);
    if let Some(file) = &options.text {
        write(Path::new(file), &text)?;
    }
    if let Some(file) = &options.svg {
        write(Path::new(file), &chart::draw(&comparison))?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

fn choose(names: Option<&str>) -> Result<Vec<&'static Workload>, String> {
    let Some(names) = names else {
        return Ok(WORKLOADS.iter().collect());
    };
    let find = |name: &str| WORKLOADS.iter().find(|workload| workload.name == name);
    names
        .split(',')
        .map(|name| find(name).ok_or_else(|| format!("--workloads: '{name}' is none of {}", all())))
        .collect()
}

fn all() -> String {
    let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
    names.join(", ")
}

/// This server and, if there is one, the other.
fn contenders(options: &Compare) -> Result<Vec<Contender>, String> {
    let first = match &options.server {
        Some(file) => PathBuf::from(file),
        None => contender::beside_this_program()?,
    };
    let mut list = vec![Contender::new("this server", &first)?];
    let peer = options.peer.as_ref().map(PathBuf::from);
    match peer.or_else(|| contender::other_than(&first)) {
        Some(file) => {
            let mut peer = Contender::new("", &file)?;
            peer.name.clone_from(&peer.version);
            list.push(peer);
        }
        None => {
            log!("No other memcached: set PEER, or install one. This server alone is measured.")
        }
    }
    Ok(list)
}

fn how(options: &Compare, pinned: bool) -> String {
    let cores = match pinned {
        true => "Servers run on core 0, the load is made on core 1.",
        false => "Server and generator share all cores.",
    };
    let plural = if options.rounds.0 == 1 { "" } else { "s" };
    format!(
        "{} round{plural} of {} s, servers in turn, each with -t 1 -m {}. {cores} Machine: {}.",
        options.rounds.0,
        options.seconds.0,
        options.megabytes.0,
        contender::machine(),
    )
}

fn compare(
    workload: &'static Workload,
    contenders: &[Contender],
    options: &Compare,
    pinned: bool,
) -> Result<Row, String> {
    let mut rounds = vec![Vec::new(); contenders.len()];
    for _ in 0..options.rounds.0 {
        for (contender, costs) in contenders.iter().zip(&mut rounds) {
            let cost = measure(workload, contender, options, pinned)
                .map_err(|why| format!("{} with {}: {why}", workload.name, contender.name))?;
            costs.push(cost);
        }
    }
    let ratio = match &rounds[..] {
        [mine, theirs] => {
            let pairs = mine.iter().zip(theirs);
            Some(median(
                pairs
                    .map(|(mine, theirs)| theirs.sum_us() / mine.sum_us())
                    .collect(),
            ))
        }
        _ => None,
    };
    Ok(Row {
        workload,
        costs: rounds.iter().map(|costs| middle(costs)).collect(),
        ratio,
    })
}

/// One start, fill, warm-up and load.
fn measure(
    workload: &Workload,
    contender: &Contender,
    options: &Compare,
    pinned: bool,
) -> Result<Cost, String> {
    let server = contender.start(options.megabytes.0, pinned)?;
    let load = load_of(workload, server.address.clone(), options.seconds);
    let job = load::job(&load)?;
    let mut session = Session::open(&load, &job)?;
    session.quiet();
    session.fill()?;
    session.warm_up(options.seconds.0.min(WARM_UP_S_MAX))?;
    let summary = session.load()?;
    let results = &summary.results;
    if results.troubles() > 0 || results.misses > 0 {
        let messages: Vec<_> = results.messages.keys().cloned().collect();
        return Err(format!(
            "{} keys not found; {}",
            results.misses,
            messages.join("; ")
        ));
    }
    let usage = summary
        .server
        .ok_or("the server does not tell its processor time")?;
    let per_key = |us: u64| us as f64 / results.keys.max(1) as f64;
    let latency = results.latency.as_ref();
    let kind = workload.op.kind() as usize;
    Ok(Cost {
        user_us: per_key(usage.user_us),
        system_us: per_key(usage.system_us),
        keys_per_second: results.keys as f64 / summary.took.as_secs_f64(),
        p99_us: latency.map_or(0.0, |latency| latency[kind].percentile(99.0) as f64 / 1e3),
        generator_was_the_limit: summary.busiest.is_some_and(|busiest| busiest >= BUSY),
    })
}

fn load_of(workload: &Workload, server: Address, seconds: Above0) -> Load {
    Load {
        server,
        protocol: workload.protocol,
        connections: Count(workload.connections),
        pipeline: Count(workload.pipeline),
        keys: Count(workload.keys),
        value_size: Sizes::fixed(workload.value_len),
        multi_get: Count(workload.keys_per_get),
        ratio: match workload.op {
            Op::Get => Ratio { gets: 1, sets: 0 },
            Op::Set => Ratio { gets: 0, sets: 1 },
        },
        time: seconds,
        ..Load::default()
    }
}

/// Each figure's median by itself.
fn middle(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| median(costs.iter().map(figure).collect());
    Cost {
        user_us: of(|cost| cost.user_us),
        system_us: of(|cost| cost.system_us),
        keys_per_second: of(|cost| cost.keys_per_second),
        p99_us: of(|cost| cost.p99_us),
        generator_was_the_limit: costs.iter().any(|cost| cost.generator_was_the_limit),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let upper = numbers.len() / 2;
    match numbers.len() % 2 {
        0 => (numbers[upper - 1] + numbers[upper]) / 2.0,
        _ => numbers[upper],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn every_workload_is_a_load_that_can_be_made() {
        for workload in WORKLOADS {
            let load = load_of(workload, Address::Tcp(String::new()), Above0(1.0));
            load::job(&load).unwrap();
        }
        assert!(choose(Some("get1,set4k")).is_ok_and(|chosen| chosen.len() == 2));
        assert!(choose(Some("get1,")).is_err());
    }
}
