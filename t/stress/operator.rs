//! An operator with too much time: every command that moves memory, again and again.

use crate::client::Client;
use crate::random::Random;
use crate::server::{Server, stats, wait_for};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Commands that nobody may notice.
const HARMLESS: &[&str] = &[
    "lru_crawler crawl all",
    "lru_crawler crawl 1,5,40",
    "lru_crawler sleep 0",
    "lru_crawler sleep 100",
    "lru_crawler tocrawl 50",
    "lru mode flat",
    "lru mode segmented",
    "lru temp_ttl 50",
    "lru temp_ttl -1",
    "lru tune 5 5 0.1 0.1",
    "lru tune 30 30 1 2",
    "slabs automove 0",
    "slabs automove 1",
    "slabs automove 2",
    "slabs automove window 3",
    "lru_crawler disable",
    "lru_crawler enable",
];

/// Commands by which items are lost, or the count of those that are.
const HARMFUL: &[&str] = &[
    "stats reset",
    "cache_memlimit 8",
    "cache_memlimit 9",
    "cache_memlimit 10",
    "flush_all",
    "flush_all 2",
    "flush_all 30",
];

/// Whether items may be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Care {
    Keeps,
    Loses,
}

/// Gives commands until it is told to stop.
pub fn operate(server: &Server, care: Care, stop: &AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    let mut operator = server.client();
    while !stop.load(Relaxed) {
        match random.below(20) {
            0..9 => reassign(&mut operator, care, &mut random),
            9 => dump(server, &mut operator, &mut random),
            10 if care == Care::Loses => drop(operator.ask(random.pick::<&str>(HARMFUL))),
            11 if care == Care::Loses && cfg!(debug_assertions) => {
                operator.ask(&format!("debugtime {}", 1 + random.below(20)));
            }
            _ => drop(operator.ask(random.pick::<&str>(HARMLESS))),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    for command in [
        "lru_crawler enable",
        "lru mode segmented",
        "lru temp_ttl -1",
    ] {
        operator.ask(command);
    }
}

/// From a class that has pages to any other one. To the pool only if items may be lost: a class
/// that is to lose a page gives up items rather than take another page for it.
fn reassign(operator: &mut Client, care: Care, random: &mut Random) {
    let slabs = stats(operator, "stats slabs");
    let pages_of = |name: &str| {
        name.strip_suffix(":total_pages")
            .and_then(|class| class.parse().ok())
    };
    let mut rich: Vec<i32> = vec![-1, 0];
    let mut all: Vec<i32> = if care == Care::Loses {
        vec![0]
    } else {
        Vec::new()
    };
    for (name, pages) in &slabs {
        if let Some(class) = pages_of(name) {
            all.push(class);
            if pages != "1" {
                rich.push(class);
            }
        }
    }
    rich.sort();
    all.sort();
    let (from, to) = (random.pick(&rich), random.pick(&all));
    operator.ask(&format!("slabs reassign {from} {to}"));
}

/// Lists all items and looks at each line.
fn dump(server: &Server, operator: &mut Client, random: &mut Random) {
    let (command, end) = *random.pick(&[("metadump", "END"), ("mgdump", "EN")]);
    let target = random.pick(&["all", "hash", "1,2,3"]);
    let mut client = server.client();
    let first = client.ask(&format!("lru_crawler {command} {target}"));
    if first != "OK" {
        assert!(
            first.starts_with("BUSY") || first.contains("lru crawler disabled"),
            "{first}"
        );
        return;
    }
    if random.percent(20) {
        return; // and is not there to read it
    }
    loop {
        // Lines of metadump end in LF alone: a line here may be several of those.
        let line = client.line();
        if line == end {
            break;
        }
        let lines = line
            .split('\n')
            .filter(|line| !line.is_empty() && *line != end);
        for line in lines {
            assert!(is_entry(line), "{line:?}");
        }
        if line.ends_with(&format!("\n{end}")) {
            break;
        }
    }
    wait_for("the crawler to be idle again", || {
        stats(operator, "stats")["lru_crawler_running"] == "0"
    });
}

/// Whether a line of a dump is whole.
fn is_entry(line: &str) -> bool {
    if let Some(rest) = line.strip_prefix("mg ") {
        return (1..=2).contains(&rest.split(' ').count());
    }
    const NAMES: &[&str] = &["key", "exp", "la", "cas", "fetch", "cls", "size", "flags"];
    let fields = line.trim_end_matches(' ').split(' ');
    let names = fields.map(|field| field.split('=').next().unwrap_or_default());
    line.ends_with(' ') && names.eq(NAMES.iter().copied())
}
